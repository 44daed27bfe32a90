"""Arithmetic per channel on images becomes a 1x1 convolution; on anything else it stays."""

from __future__ import annotations

import pytest

from litesmith.rewrite import FAMILIES
from litesmith.rewrite.thin_channels import THIN_CHANNELS
from tests.rewrite.affine_graphs import check, conv, factors, kinds, scaled
from tests.support.graphs import RELU, VALID, Builder, Tensor, const


@pytest.mark.parametrize("channels", [2, 3, 4])
@pytest.mark.parametrize("kind", ["MUL", "ADD", "both", "both with ReLU"])
def test_images(channels: int, kind: str) -> None:
    b = Builder()
    x = b.input((1, 64, 64, channels))
    if kind in ("MUL", "ADD"):
        y = b.op(kind, x, factors(b, channels))
    else:
        y = scaled(b, x, fused=RELU if "ReLU" in kind else 0)
    assert kinds(check(b.graph(y), (THIN_CHANNELS,))) == {"CONV_2D": 1}


@pytest.mark.parametrize(
    "shape,constant",
    [((1, 64, 64, 5), 5), ((1, 64, 63, 3), 3), ((1, 64, 64, 3), 0), ((4096, 3), 3)],
)
def test_what_stays(shape: tuple[int, ...], constant: int) -> None:
    b = Builder()
    values: Tensor = b.weights(constant) if constant else const(0.5)
    after = check(b.graph(b.op("ADD", b.input(shape), values)), (THIN_CHANNELS,))
    assert kinds(after) == {"ADD": 1}


def test_what_the_first_layer_takes_is_not_for_it() -> None:
    b = Builder()
    y = conv(b, scaled(b, b.input((1, 64, 64, 3))), padding=VALID)
    assert kinds(check(b.graph(y), FAMILIES)) == {"CONV_2D": 1}
    b = Builder()
    y = conv(b, scaled(b, b.input((1, 64, 64, 3))))
    assert kinds(check(b.graph(y), FAMILIES)) == {"CONV_2D": 2}
