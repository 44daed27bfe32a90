"""Examples from the user's files and code, in the form a model reads.

What may be added here: another place where examples can come from. Write one module with a reader
and give it a row in the table of `load.py`; a new way of preprocessing is a class in `preprocess.py`.
"""

from __future__ import annotations

from litesmith.data.specs import TensorSpec

__all__ = ["TensorSpec"]
