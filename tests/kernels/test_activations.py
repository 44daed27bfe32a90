"""Activation functions against LiteRT: alone, fused, with their options; gradients."""

from __future__ import annotations

import pytest

from litesmith.kernels.activations import FUSED, KERNELS
from tests.kernels.against import agrees, slopes
from tests.support.graphs import Builder, one_op, tensor

OPTIONS: dict[str, list[dict[str, float]]] = {
    "GELU": [{"approximate": True}, {"approximate": False}],
    "LEAKY_RELU": [{"alpha": 0.1}, {"alpha": 2.0}],
    "SOFTMAX": [{"beta": 1.0}, {"beta": 0.3}],
}
CASES = [
    (kind, options)
    for kind in sorted(KERNELS)
    if kind != "PRELU"
    for options in OPTIONS.get(kind, [{}])
]


@pytest.mark.parametrize(("kind", "options"), CASES)
@pytest.mark.parametrize("shape", [(9,), (1, 3, 9), (1, 2, 1, 2, 9)])
def test_values(kind: str, options: dict[str, float], shape: tuple[int, ...]) -> None:
    if kind == "ELU" and len(shape) == 5:
        pytest.skip("LiteRT has no kernel")
    agrees(one_op(kind, tensor("x", shape), **options), low=-5, high=8)


@pytest.mark.parametrize("alpha", [(1, 1, 3), (4, 4, 3), (3,), (1, 1, 4, 3)])
def test_prelu(alpha: tuple[int, ...]) -> None:
    b = Builder()
    agrees(b.graph(b.op("PRELU", b.input((1, 4, 4, 3)), b.weights(*alpha))))


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_gradients(kind: str, options: dict[str, float]) -> None:
    low, high = (0.1, 0.9) if kind.startswith("RELU_") else (1, 2)
    slopes(one_op(kind, tensor("x", (6,)), **options), 1e-2, low=low, high=high)


def test_gradients_of_prelu_reach_its_slopes() -> None:
    b = Builder()
    slopes(b.graph(b.op("PRELU", b.input((4, 3)), b.weights(1, 3))), 1e-2, low=-2, high=-1)


@pytest.mark.parametrize("kind", FUSED)
def test_fused(kind: int) -> None:
    more = {"fused_activation_function": int(kind)}
    if kind > 3:
        pytest.skip("LiteRT's ADD knows clamps alone")
    agrees(one_op("ADD", tensor("x", (40,)), tensor("y", (40,)), **more), low=-5, high=5)
