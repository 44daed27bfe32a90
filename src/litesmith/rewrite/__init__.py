"""Rules that change a float graph but not its meaning; one family per file.

Add here: a file whose docstring states the algebra, the side conditions and what it saves, with a
`Family` in it, and its name in the list of `families.py`; beside it a test of the same name. How
rules run is `engine.py`; a rule only looks and answers with an edit.
"""

from litesmith.graph.step import Step
from litesmith.rewrite.engine import Family
from litesmith.rewrite.families import FAMILIES, INTEGER_FAMILIES
from litesmith.rewrite.step import IntegerForms, Rewrite, apply

# Run on every float graph.
STEPS: tuple[Step, ...] = (Rewrite(),)
# Run after them when activations become integers.
INTEGER_STEPS: tuple[Step, ...] = (IntegerForms(),)

__all__ = [
    "FAMILIES",
    "INTEGER_FAMILIES",
    "INTEGER_STEPS",
    "STEPS",
    "Family",
    "IntegerForms",
    "Rewrite",
    "apply",
]
