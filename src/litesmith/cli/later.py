"""Options and verbs of the contract that this version does not have yet.

A row goes when its code arrives. Until then the user is told so, instead of "no such option".
"""

from __future__ import annotations

from collections.abc import Mapping

LATER: Mapping[str, frozenset[str]] = {
    "export": frozenset({
        "--prune", "--cluster", "--low-rank",
        "--compress", "--report",
    }),
}  # fmt: skip

LATER_VERBS = frozenset({"search"})
