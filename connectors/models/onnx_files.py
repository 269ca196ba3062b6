"""A model in an ONNX file, run by onnxruntime: its outputs are layers by their names, and values inside its graph.

Which inputs there are says what it is made for: token ids a text model, with ``tokenizer.json`` beside the file; one
input of four axes a vision model, prepared as ``preprocessor_config.json`` beside it says or else as for ImageNet.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.connectors.files import sha256
from consilience.connectors.models import probing
from consilience.connectors.models.collating import Part, in_order, stacked
from consilience.connectors.models.onnx_inputs import inputs_of
from consilience.connectors.models.registry import register
from consilience.engine.errors import BadInput, unknown
from consilience.engine.extraction.interfaces import Layer, ModelCard, NotInstalled, Outputs

if TYPE_CHECKING:
    import onnx
    import torch


@register(
    "onnx:FILE",
    "a text or vision model in an ONNX file, tokenizer.json or preprocessor_config.json beside it; layers are its "
    "outputs, and values inside its graph with the option inside",
)
class Onnx:
    """The model in `file`. `inside` are glob patterns of values inside the graph that are layers too, such as
    ``["*/layer.*/Add_1_output_0"]``; `axes` says what the axes of layers are, by pattern of their names, where their
    number would mislead: ``{"*/Transpose_output_0": "bhwc"}``.

    Raises BadInput for a file that is not there or is no model, for inputs that are neither text nor pictures, for
    a text model without its tokenizer, and for patterns that nothing fits.
    """

    arithmetic = "onnxruntime"

    def __init__(
        self, file: str | Path, *, inside: str | list[str] = (), axes: dict[str, str] | None = None,  # type: ignore[assignment]
        name: str = "", licence: str = "not stated", citation: str = "not stated", objective: str = "not stated",
    ):  # fmt: skip
        self.file, self.axes = Path(file).expanduser().absolute(), axes or {}
        self.inside = [inside] if isinstance(inside, str) else list(inside)
        self._named = {"licence": licence, "citation": citation, "objective": objective}
        self._name = name or self.file.stem
        if not self.file.is_file():
            raise BadInput("an ONNX file", f"{self.file}, which is not there", "check the path")
        graph = self._graph
        weights = {x.name for x in graph.initializer}
        self._inputs = inputs_of(self.file, [x for x in graph.input if x.name not in weights])
        self._ends = [x.name for x in graph.output]
        self._wanted: list[str] | None = None

    @cached_property
    def _graph(self) -> "onnx.GraphProto":
        """The graph without its weights, where they are in files of their own."""
        return _read(self.file).graph

    @cached_property
    def card(self) -> ModelCard:
        graph = self._graph
        beside = {
            x.value for weight in graph.initializer for x in weight.external_data if x.key == "location"
        }
        files = [self.file, *(self.file.parent / name for name in sorted(beside))]
        count = 0
        for weight in graph.initializer:
            size = 1
            for length in weight.dims:
                size *= length
            count += size
        return ModelCard(
            name=self._name,
            modality=self._inputs.modality,
            revision=f"ONNX, opset {_opset(self.file)}",
            weights_hash=sha256(files),
            preprocessing=self._inputs.says,
            parameters=count,
            **self._named,
        )

    @cached_property
    def _layers(self) -> list[Layer]:
        """What comes out of every node for three samples, in the order of the graph."""
        every = [x for node in self._graph.node for x in node.output if x]
        for pattern in self.inside:
            if not any(fnmatchcase(name, pattern) for name in every):
                raise unknown(f"value inside {self.file.name}", pattern, every)
        names = [x for x in every if x in self._ends or any(fnmatchcase(x, p) for p in self.inside)]
        kinds = {x: node.op_type for node in self._graph.node for x in node.output}
        if self._inputs.single:
            raise BadInput(
                f"a batch of any size in {self.file}", "a graph that takes one sample at a time",
                "export it with a dynamic first axis (`dynamic_axes`)",
            )  # fmt: skip
        session, inputs = _session(self.file, names, self._ends), self._inputs
        inputs.load()
        seen = [
            _run(session, inputs.batched([inputs.preprocess(x)] * probing.COUNT), names)
            for x in probing.noise(inputs.modality)
        ]
        probing.check_axes(self.axes, names)
        layers = [
            probing.layer(
                x,
                [tuple(found[x].shape) for found in seen],
                f"output of {kinds[x]}",
                self.axes,
                inputs.modality,
            )
            for x in names
            if x in seen[0] and seen[0][x].is_floating_point()
        ]
        if not any(layers):
            raise BadInput(
                f"an output of {self.file} with an axis for samples in front", "none",
                "name values `inside` the graph, or say what the `axes` are",
            )  # fmt: skip
        return [x for x in layers if x is not None]

    def layers(self) -> Sequence[Layer]:
        return self._layers

    def only(self, names: Sequence[str]) -> None:
        """Compute no layers but these."""
        self._wanted = list(names)

    def load(self, device: str) -> None:
        self._inputs.load()
        self._device = device
        self._chosen = [x for x in self._layers if self._wanted is None or x.name in self._wanted]
        self._session = _session(self.file, [x.name for x in self._chosen], self._ends, device)

    def preprocess(self, item: Any) -> Any:
        return self._inputs.preprocess(item)

    def forward(self, batch: Sequence[Any]) -> Outputs:
        parts = []
        for rows, mine in _in_parts(batch, self._inputs.masked):
            given = self._inputs.batched(mine)
            mask = given.get("attention_mask")
            parts.append(Part(rows, _run(self._session, given, [x.name for x in self._chosen]), mask))
        return in_order(parts, self._chosen, len(batch))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k not in ("_session", "_graph")}


def _in_parts(batch: Sequence[Any], masked: bool) -> list[tuple[list[int], list[Any]]]:
    """The numbers of samples that go together, and the samples: all where a mask tells them apart, else those of one
    shape."""
    parts = [list(range(len(batch)))] if masked else [rows for rows, _ in stacked(batch)]
    return [(rows, [batch[row] for row in rows]) for rows in parts]


def _run(session: Any, given: "dict[str, torch.Tensor]", names: Sequence[str]) -> "dict[str, torch.Tensor]":
    import torch

    values = session.run(list(names), {name: value.numpy() for name, value in given.items()})
    return {name: torch.from_numpy(value) for name, value in zip(names, values) if hasattr(value, "dtype")}


def _session(file: Path, names: Sequence[str], ends: Sequence[str], device: str = "cpu") -> Any:
    """A session of the graph with those values among its outputs; it stands on one thread, as torch does in a replica,
    unless torch has more."""
    import torch

    runtime, onnx = _runtime(), _onnx()
    settings = runtime.SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = torch.get_num_threads()
    there = runtime.get_available_providers()
    wanted = ["CUDAExecutionProvider"] if device.startswith("cuda") else []
    providers = [x for x in (*wanted, "CPUExecutionProvider") if x in there]
    if set(names) <= set(ends):
        return runtime.InferenceSession(str(file), settings, providers=providers)
    model = _read(file)
    for name in names:
        if name not in ends:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
    # From a file beside the first, where weights in files of their own are found; the first is not written to.
    if any(x.external_data for x in model.graph.initializer):
        onnx.load_external_data_for_model(model, str(file.parent))
    return runtime.InferenceSession(model.SerializeToString(), settings, providers=providers)


def _read(file: Path) -> "onnx.ModelProto":
    onnx = _onnx()
    try:
        model = onnx.load(str(file), load_external_data=False)
        if not model.graph.node:
            raise ValueError("it has no graph")
    except Exception as error:  # of protobuf, in several kinds
        raise BadInput("a model in ONNX format", f"{file}: {error}", "export it again") from error
    return model


def _opset(file: Path) -> int:
    return max(x.version for x in _read(file).opset_import if x.domain in ("", "ai.onnx"))


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise _missing("onnx") from error
    return onnx


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise _missing("onnxruntime") from error
    return onnxruntime


def _missing(package: str) -> NotInstalled:
    return NotInstalled(
        f"the package {package}, which reads ONNX files", "not installed", "pip install 'consilience[onnx]'"
    )
