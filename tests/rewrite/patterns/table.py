"""All patterns, and the section of docs/rewrites.md that is made from them."""

from __future__ import annotations

from tests.rewrite.patterns.images import IMAGES
from tests.rewrite.patterns.pattern import Pattern
from tests.rewrite.patterns.sequences import SEQUENCES
from tests.rewrite.patterns.shapes import SHAPES
from tests.rewrite.patterns.vectors import VECTORS

PATTERNS: tuple[Pattern, ...] = (*IMAGES, *VECTORS, *SEQUENCES, *SHAPES)


def markdown() -> str:
    """Return the table."""
    head = "| pattern | ops | what is left | why not fewer |\n|---|---|---|---|\n"
    return head + "".join(pattern.row() + "\n" for pattern in PATTERNS)


if __name__ == "__main__":
    print(markdown(), end="")
