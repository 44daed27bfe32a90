"""Rules that change a float graph but not its meaning; one family per file.

Add here: a file whose docstring states the algebra, the side conditions and what it saves, with a
step (a frozen dataclass, `__call__(graph, data, progress) -> Outcome`) in it, and its row in STEPS.
`IntegerForms` is not in STEPS: only integer schemes need it, and `quantize/` applies it.
"""

from litesmith.rewrite.fold_constants import FoldConstants
from litesmith.rewrite.integer_forms import IntegerForms

STEPS: tuple[FoldConstants, ...] = (FoldConstants(),)

__all__ = ["STEPS", "FoldConstants", "IntegerForms"]
