"""The file that ships is run at other batches and sizes than it assumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from litesmith.errors import ConversionError, LoadError
from litesmith.forge.open_dimensions import check_open
from litesmith.runtime import Port


class Fake:
    """A session whose answer may depend on the batch or fail on some sizes."""

    def __init__(self, signature: tuple[int, ...], *, bad_batch: int = 0, bad_width: int = 0):
        shape = tuple(1 if s < 0 else s for s in signature)
        self.inputs = (Port("x", shape, "float32", None, None, signature),)
        self.bad_batch, self.bad_width = bad_batch, bad_width
        self.sizes: list[Any] = []

    def run(self, batch: Any, size: int | None = None) -> list[Any]:
        (x,) = batch
        self.sizes.append((x.shape, size))
        if x.shape[1] == self.bad_width:
            raise LoadError("too small")
        return [x.sum(axis=1) + (1.0 if size == self.bad_batch else 0.0)]


X = [np.random.default_rng(0).normal(size=(9, 8)).astype("float32")]


def test_batches_are_tried() -> None:
    final = Fake((-1, 8))
    check_open(final, final, X)  # type: ignore[arg-type]
    assert [size for _, size in final.sizes] == [None, 2, 5]


def test_a_batch_that_was_baked_in() -> None:
    final = Fake((-1, 8), bad_batch=5)
    with pytest.raises(ConversionError, match="at batch 5"):
        check_open(final, final, X)  # type: ignore[arg-type]


def test_sizes_are_tried() -> None:
    exact, final = Fake((1, -1)), Fake((1, -1))
    check_open(exact, final, X)  # type: ignore[arg-type]
    assert [shape for shape, _ in final.sizes] == [(1, 4), (1, 12), (1, 16)]


def test_a_size_that_only_the_float_file_takes() -> None:
    with pytest.raises(ConversionError, match="does not run on 12"):
        check_open(Fake((1, -1)), Fake((1, -1), bad_width=12), X)  # type: ignore[arg-type]


def test_a_size_that_the_model_never_takes() -> None:
    check_open(Fake((1, -1), bad_width=4), Fake((1, -1), bad_width=4), X)  # type: ignore[arg-type]


def test_a_file_of_fixed_shapes_is_left_alone() -> None:
    final = Fake((1, 8))
    final.inputs = (Port("x", (1, 8), "float32", None, None),)
    check_open(final, final, X)  # type: ignore[arg-type]
    assert not final.sizes
