"""Records of runs in MLflow: kept on disk first, sent then, and sent later where the server is down."""

from consilience.engine.tracking.address import NotSent, tracking_uri
from consilience.engine.tracking.kept import Entry, Kept
from consilience.engine.tracking.record import Part, Record, Sent, Source, metric_name
from consilience.engine.tracking.sending import find, send

__all__ = [
    "Entry", "Kept", "NotSent", "Part", "Record", "Sent", "Source", "find", "metric_name", "send", "tracking_uri",
]  # fmt: skip
