"""Examples from the user's files and code, in the form a model reads.

What may be added here: another place where examples can come from — write one module with a
function `open_…(path, keys, inputs) -> Dataset` and give it a row in `load.OPENERS`; another named
preprocessing — one row in `preprocess.NAMED`. Readers yield raw values; `examples.py` alone decides
how they become what a model takes. TensorFlow is never imported here.
"""

from __future__ import annotations

from litesmith.data.examples import Examples, Labelled
from litesmith.data.load import load_examples, load_labelled
from litesmith.data.preprocess import Affine, Preprocess, UserFunction, parse_preprocess
from litesmith.data.python_object import load_python, user_code
from litesmith.data.specs import Array, TensorSpec
from litesmith.data.synthetic import synthetic_examples

__all__ = [
    "Affine",
    "Array",
    "Examples",
    "Labelled",
    "Preprocess",
    "TensorSpec",
    "UserFunction",
    "load_examples",
    "load_labelled",
    "load_python",
    "parse_preprocess",
    "synthetic_examples",
    "user_code",
]
