"""Post-training quantization: schemes, ranges, annotation, lowering.

Float graph → `calibrate` → `annotate` → `lower` → integer graph. Add here: a scheme (a row in
`schemes.py` and the function that makes it), a way to choose ranges, a repair. What an op's integer
kernel demands is a row of `graph/facts.py`, not code here.
"""

from litesmith.quantize.annotate import Annotated, annotate
from litesmith.quantize.ends import ENDS
from litesmith.quantize.granularity import per_tensor
from litesmith.quantize.loops import rolled, unrolled
from litesmith.quantize.lower import lower
from litesmith.quantize.pack import Pack
from litesmith.quantize.plan import integer_ops, refusal
from litesmith.quantize.ranges import Ranges, calibrate
from litesmith.quantize.schemes import SCHEMES, Scheme, default_scheme, find_scheme
from litesmith.quantize.step import Quantize

__all__ = [
    "ENDS",
    "SCHEMES",
    "Annotated",
    "Pack",
    "Quantize",
    "Ranges",
    "Scheme",
    "annotate",
    "calibrate",
    "default_scheme",
    "find_scheme",
    "integer_ops",
    "lower",
    "per_tensor",
    "refusal",
    "rolled",
    "unrolled",
]
