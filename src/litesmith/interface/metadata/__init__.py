"""TFLite metadata: what a file tells the application's libraries about its ends.

Add here: a task of MediaPipe's (one row of `TASKS` and its demands in `tasks.py`, its ends in
`ports.py`), a field of the schema (`schema.py`), what a reader is told (`summary.py`).
"""

from litesmith.interface.metadata.describe import Describe
from litesmith.interface.metadata.labels import read_labels, read_vocabulary
from litesmith.interface.metadata.schema import ModelMetadata
from litesmith.interface.metadata.store import (
    min_parser_version,
    read_metadata,
    without_metadata,
    write_metadata,
)
from litesmith.interface.metadata.summary import PortSummary, Summary, fits, summarize
from litesmith.interface.metadata.tasks import KINDS

__all__ = [
    "KINDS",
    "Describe",
    "ModelMetadata",
    "PortSummary",
    "Summary",
    "fits",
    "min_parser_version",
    "read_labels",
    "read_metadata",
    "read_vocabulary",
    "summarize",
    "without_metadata",
    "write_metadata",
]
