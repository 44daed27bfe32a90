"""Graph, Op, Tensor and the only flatbuffer code.

Add here: facts about op kinds (`facts.py`), reading and writing of schema fields, checks that hold
for every graph (`verify.py`). Needs NumPy and the flatbuffer schema, nothing else.
"""

from litesmith.graph.dtypes import DType
from litesmith.graph.model import (
    Array,
    Blockwise,
    Graph,
    Op,
    Options,
    QuantParams,
    Signature,
    Tensor,
)
from litesmith.graph.read import read
from litesmith.graph.text import text
from litesmith.graph.verify import verify
from litesmith.graph.write import write

__all__ = [
    "Array",
    "Blockwise",
    "DType",
    "Graph",
    "Op",
    "Options",
    "QuantParams",
    "Signature",
    "Tensor",
    "read",
    "text",
    "verify",
    "write",
]
