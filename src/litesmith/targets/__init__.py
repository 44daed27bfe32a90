"""What each runtime can run, as frozen tables.

Add here: a row in `table.py` for a target; later, beside it, the real tool that proves that a file
runs there. Nothing in this room runs a model.
"""

from litesmith.targets.table import TARGETS, Target, find_target

__all__ = ["TARGETS", "Target", "find_target"]
