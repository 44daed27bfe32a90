"""Lambda layers: Python byte code inside a model file, read as data and never run.

`marshalled` reads code objects of any CPython, `dialects` their instructions, `machine` follows
them symbolically to a `body` made of `functions` that are known; `proof` does this for a stored
configuration, `layers` puts the result in the Lambda's place. What is not proved is refused.

Add here:
- a tensor function that bodies may call: its name in `functions.py`;
- an instruction: its number in `dialects.py` and its meaning in `machine.py`;
- a version of Python: a row of `dialects.DIALECTS`, a layout in `marshalled.py` when it changed.
"""

from litesmith.sources.lambdas.body import BodyError, describe
from litesmith.sources.lambdas.check import check_lambdas
from litesmith.sources.lambdas.layers import proved_lambdas, replacement
from litesmith.sources.lambdas.proof import Proof, prove, stored_lambda

__all__ = [
    "BodyError",
    "Proof",
    "check_lambdas",
    "describe",
    "prove",
    "proved_lambdas",
    "replacement",
    "stored_lambda",
]
