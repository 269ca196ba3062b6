"""What a replica counts for Prometheus, through Ray's own metrics endpoint (each node's ``MetricsExportPort``)."""

from consilience.engine.extraction.receipt import PHASES, Receipt

_BOUNDS = [0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000]  # seconds


class Meters:
    """Counters of one process, tagged with its model. Ray adds the process, and puts ``ray_`` before every name."""

    def __init__(self, model: str):
        from ray.util.metrics import Counter, Gauge, Histogram

        tags = ("model",)
        self._counters = {
            name: Counter(f"consilience_{name}", description=text, tag_keys=tags)
            for name, text in (
                ("rows", "samples extracted, rejected ones included"),
                ("bytes", "bytes of features written"),
                ("rejects", "samples rejected"),
            )
        }
        self._seconds = Counter(
            "consilience_seconds",
            description="seconds of the replicas, by phase",
            tag_keys=("model", "phase"),
        )
        self._shards = Histogram(
            "consilience_shard_seconds", description="seconds a shard took", boundaries=_BOUNDS, tag_keys=tags
        )
        self._batch = Gauge(
            "consilience_batch_size", description="samples that fit into one batch", tag_keys=tags
        )
        self._model = model

    def count(self, receipt: Receipt, batch: int) -> None:
        """One shard more; `batch` is the size that fits the device."""
        tags = {"model": self._model}
        for name, counter in self._counters.items():
            if value := getattr(receipt, name):
                counter.inc(value, tags)
        for phase in ("wait", *PHASES):
            if value := getattr(receipt, phase):
                self._seconds.inc(value, {**tags, "phase": phase})
        self._shards.observe(receipt.seconds, tags)
        self._batch.set(batch, tags)
