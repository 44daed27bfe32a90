"""Any trained model → one float .tflite: the only room that knows Keras and the TF converter.

TensorFlow runs in a child process (`child.py`); what the parent imports from here is light.

Add here:
- a file format: its magic bytes in `detect.py`, its loader in one row of `loaders._LOADERS`;
- a loader: a function `(LoadRequest) -> Loaded` (`loaded.py` says what that is) and its place in
  that row; everything behind `Loaded` (tracing, lowering, checking by value, running) is shared;
- a defect of Keras files: a `Repair` in `repair/` (its docstring says how);
- a request to the child: one row of `child.REQUESTS` and a method of `source.Source`.
"""

from litesmith.sources.applies import each_its_own
from litesmith.sources.detect import SourceFormat, detect
from litesmith.sources.memory import is_model_object
from litesmith.sources.options import LoadOptions, SourceInfo
from litesmith.sources.source import FileSession, Source, open_source
from litesmith.sources.stacked import one_each

__all__ = [
    "FileSession",
    "LoadOptions",
    "Source",
    "SourceFormat",
    "SourceInfo",
    "detect",
    "each_its_own",
    "is_model_object",
    "one_each",
    "open_source",
]
