"""`keep`: the output as the model gives it."""

from __future__ import annotations

from litesmith.interface.heads.head import Head, Made

KEEP = Head(
    "keep",
    "",
    "the output as the model gives it",
    make=lambda graph, tensor, _: Made((("", tensor),)),
)
