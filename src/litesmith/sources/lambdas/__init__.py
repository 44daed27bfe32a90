"""Lambda layers: Python byte code inside a model file, read as data and never run.

`marshalled` reads code objects of any CPython, `dialects` their instructions, `machine` follows
them symbolically (`loading`, `computing`, `calling` on a `stack`) to a `body` made of `functions`
that are known; `proof` does this for a stored configuration, `check` for all of a file, `layers`
puts the result, computed by `evaluate`, in the Lambda's place. What is not proved is refused, or
run as `trust` allows.

Add here:
- a tensor function that bodies may call: its name in `functions.py`;
- an instruction: its number in `dialects.py`, its meaning in one row of `machine.py`;
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
