"""Rules that change a float graph but not its meaning; one family per file.

Add here: a file whose docstring states the algebra, the side conditions and what it saves, with a
step (a frozen dataclass, `__call__(graph, data, progress) -> Outcome`) in it, and its row in STEPS,
or in INTEGER_STEPS when only integer kernels need it.
"""

from litesmith.graph.step import Step
from litesmith.rewrite.fold_constants import FoldConstants
from litesmith.rewrite.integer_forms import IntegerForms

# Run on every float graph.
STEPS: tuple[Step, ...] = (FoldConstants(),)
# Run after them when activations become integers.
INTEGER_STEPS: tuple[Step, ...] = (IntegerForms(),)

__all__ = ["INTEGER_STEPS", "STEPS", "FoldConstants", "IntegerForms"]
