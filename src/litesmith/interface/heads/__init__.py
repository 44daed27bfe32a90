"""Heads: what the application reads of an output.

Add here: a file with a `Head` and its row in `table.py`. A head is two functions that know nothing
of each other: ops on a tensor, and NumPy on a batch of the original's values.
"""

from litesmith.interface.heads.head import Head, Made, Reading
from litesmith.interface.heads.table import HEADS, Chosen, parse_head

__all__ = ["HEADS", "Chosen", "Head", "Made", "Reading", "parse_head"]
