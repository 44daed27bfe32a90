"""Keras files that no loader opens as they are → a repaired copy that one does.

`mend` writes the copy; the loader's own reader then builds the model and assigns the weights, and
`check_filled` tells that every weight arrived and every variable got one.

Add here:
- a defect of configurations: one small file with a `Repair` (a pure function of JSON that says
  what it changed), its place in `REPAIRS` below, and a test that makes such a file;
- an argument that newer or older releases write and that means nothing: a row in `arguments.py`;
- a class that was renamed: a row in `classes.py`; a function that everyone means alike: a row in
  `functions.py`; another layout of weights: `weights.keys_to_repair`.
"""

from litesmith.sources.repair.arguments import AXES, REFUSED_BY_KERAS_3, drop_unknown
from litesmith.sources.repair.beside import architecture_beside
from litesmith.sources.repair.classes import CLASSES, GRU, LISTS, MODELS
from litesmith.sources.repair.dtypes import DTYPES
from litesmith.sources.repair.filled import check_filled
from litesmith.sources.repair.functions import known_functions
from litesmith.sources.repair.keras1 import KERAS_1
from litesmith.sources.repair.merge import MERGE
from litesmith.sources.repair.modules import MODULES
from litesmith.sources.repair.names import SLASHES
from litesmith.sources.repair.nested import NESTED
from litesmith.sources.repair.repair import Repair
from litesmith.sources.repair.shapes import BATCH_SHAPES
from litesmith.sources.repair.tensorflow_ops import TENSORFLOW_OPS
from litesmith.sources.repair.training import TRAINING

# In the order in which they are applied: layouts first, single arguments last.
REPAIRS: tuple[Repair, ...] = (
    LISTS,
    KERAS_1,
    MERGE,
    CLASSES,
    GRU,
    MODELS,
    TENSORFLOW_OPS,
    *MODULES,
    NESTED,
    SLASHES,
    *BATCH_SHAPES,
    *DTYPES,
    *TRAINING,
    AXES,
    *REFUSED_BY_KERAS_3,
)

__all__ = [
    "REPAIRS",
    "Repair",
    "architecture_beside",
    "check_filled",
    "drop_unknown",
    "known_functions",
]
