"""Where the gradient steps begin: the best of what can be had without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from litesmith.graph import Array
from litesmith.train.lesson import Lesson
from litesmith.train.matching import matched
from litesmith.train.rounding import rounded

Judge = Callable[[Array], float]


def starts(lesson: Lesson, some: Sequence[Array]) -> dict[str, Array]:
    """Return name → vector: the graph as it is, its moments matched, and its weights rounded anew.

    Args:
        lesson: teacher and student.
        some: a few hundred examples, as the graphs' inputs take them.
    """
    student, feeds = lesson.student, lesson.feeds(some)
    given = student.start()
    found = {"given": given}

    def match(vector: Array) -> Array:
        found = matched(student, lesson.teacher, lesson.pairs, vector, feeds)
        return np.clip(found, *student.layout.bounds())

    found["matched"] = match(given)
    anew = rounded(student, given, feeds[1])
    if anew is not given:
        found["rounded"] = match(anew)
    return found
