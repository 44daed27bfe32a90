"""Scale and zero point against what the quantization specification asks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from litesmith.graph import DType, QuantParams
from litesmith.graph.integers import integer_dtype, to_integers
from litesmith.quantize.params import (
    activation_params,
    bias_params,
    fixed_params,
    represented_range,
    same,
    weight_params,
)

_real = st.floats(-1e6, 1e6, width=32)


def back(q: np.ndarray, quant: QuantParams) -> np.ndarray:
    shape = [1] * q.ndim
    if quant.axis is not None:
        shape[quant.axis] = -1
    return (q.astype(np.float64) - quant.zero_point.reshape(shape)) * quant.scale.astype(
        np.float64
    ).reshape(shape)


@settings(max_examples=300, deadline=None)
@given(_real, _real, st.floats(0, 1))
def test_activations_hold_zero_and_every_value_within_half_a_step(
    a: float, b: float, where: float
) -> None:
    low, high = min(a, b), max(a, b)
    quant = activation_params(low, high)
    scale, zero = float(quant.scale[0]), int(quant.zero_point[0])
    assert -128 <= zero <= 127
    assert scale > 0 and np.isfinite(scale)
    assert back(to_integers(np.zeros(1, np.float32), quant), quant)[0] == 0.0
    value = np.asarray([low + where * (high - low), low, high], np.float32)
    error = np.abs(back(to_integers(value, quant), quant) - value)
    # The zero point is rounded, so an end of the range may lie half a step outside.
    assert error.max() <= scale * 0.5 * (1 + 1e-4) + scale * 0.5
    inside = np.clip(value, *represented_range(quant))
    error = np.abs(back(to_integers(inside.astype(np.float32), quant), quant) - inside)
    assert error.max() <= scale * 0.5 * (1 + 1e-4)


@given(_real, _real)
def test_activation_scale_is_the_range_over_255(a: float, b: float) -> None:
    low, high = min(a, b, 0.0), max(a, b, 0.0)
    scale = (
        float(activation_params(a, b).scale[0])
        if a <= b
        else float(activation_params(b, a).scale[0])
    )
    assert scale == pytest.approx(max((high - low) / 255, 1e-6 / 255), rel=1e-6)


def test_smallest_scale_is_respected() -> None:
    assert float(activation_params(-1, 1, 0.5).scale[0]) == 0.5
    assert float(activation_params(0, 0).scale[0]) > 0


_weights = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=4, max_side=4),
    elements=st.floats(-100, 100, width=32),
)


@settings(max_examples=200, deadline=None)
@given(_weights, st.data())
def test_weights_are_symmetric_narrow_and_within_half_a_step(
    weights: np.ndarray, data: st.DataObject
) -> None:
    axis = data.draw(st.integers(0, weights.ndim - 1))
    quant = weight_params(weights, axis)
    assert quant.axis == axis
    assert quant.scale.shape == quant.zero_point.shape == (weights.shape[axis],)
    assert not quant.zero_point.any()
    q = to_integers(weights, quant)
    assert q.dtype == np.int8 and q.min() >= -127
    shape = [1] * weights.ndim
    shape[axis] = -1
    step = quant.scale.reshape(shape).astype(np.float64)
    floor = 1e-9 * 127  # channels below the smallest scale are as good as dead
    assert (np.abs(back(q, quant) - weights) <= step * 0.5 * (1 + 1e-5) + floor).all()


def test_dead_channels_take_a_typical_scale() -> None:
    weights = np.asarray([[1, 2], [0, 0], [3, 4]], np.float32)
    scale = weight_params(weights, 0).scale
    assert scale[1] == pytest.approx(np.median([2 / 127, 4 / 127]))
    assert (weight_params(np.zeros((2, 3), np.float32), 0).scale == 1).all()


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(np.float32, (3, 4), elements=st.floats(-1, 1, width=32)),
    hnp.arrays(np.float32, 3, elements=st.floats(-1e5, 1e5, width=32)),
    st.floats(1e-7, 10),
)
def test_bias_fits_its_integers(weights: np.ndarray, bias: np.ndarray, scale: float) -> None:
    quant = weight_params(weights, 0, bias, scale)
    bias_quant = bias_params(scale, quant)
    assert bias_quant.bits == 32 and integer_dtype(bias_quant) is DType.INT32
    q = to_integers(bias, bias_quant)
    assert q.dtype == np.int32
    assert np.abs(q.astype(np.int64)).max() <= 2**30 * (1 + 1e-5)
    wanted = np.abs(back(q, bias_quant) - bias)
    assert (wanted <= bias_quant.scale * 0.5 * (1 + 1e-3) + np.abs(bias) * 1e-6).all()


def test_fixed_same_and_represented() -> None:
    one, two = fixed_params(1 / 256, -128), fixed_params(1 / 128, 0)
    assert same(one, fixed_params(1 / 256, -128)) and not same(one, two)
    assert represented_range(one) == (0.0, 255 / 256)
    assert represented_range(two) == (-1.0, 127 / 128)


def test_infinite_values_saturate() -> None:
    quant = activation_params(-1, 1)
    values = np.asarray([-np.inf, np.inf, np.finfo(np.float32).min], np.float32)
    assert to_integers(values, quant).tolist() == [-128, 127, -128]


def _squared_error(weights: np.ndarray, bits: int, scale: np.ndarray) -> np.ndarray:
    quant = QuantParams(scale.astype(np.float32), np.zeros(len(scale), np.int64), 0, bits)
    return np.square(back(to_integers(weights, quant), quant) - weights).sum(1)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.sampled_from([1, 2]), st.integers(1, 40), st.booleans())
def test_no_scale_serves_one_or_two_bits_better(
    seed: int, bits: int, count: int, heavy: bool
) -> None:
    random = np.random.default_rng(seed)
    weights = (random.standard_t(2, (3, count)) if heavy else random.normal(size=(3, count))) + 0.0
    weights = weights.astype(np.float32)
    quant = weight_params(weights, 0, bits=bits)
    assert quant.bits == bits and not quant.zero_point.any()
    found = _squared_error(weights, bits, quant.scale)
    peak = np.abs(weights).max(1)
    for part in np.linspace(0.02, 1.2, 60):
        other = _squared_error(weights, bits, np.maximum(part * peak, 1e-9))
        assert (found <= other * (1 + 1e-5) + 1e-9).all()


@pytest.mark.parametrize("bits", [4, 3])
def test_clips_of_few_bits_are_near_the_best(bits: int) -> None:
    weights = np.random.default_rng(0).standard_t(3, (64, 90)).astype(np.float32)
    found = _squared_error(weights, bits, weight_params(weights, 0, bits=bits).scale)
    peak, top = np.abs(weights).max(1), 2 ** (bits - 1) - 1
    tried = [_squared_error(weights, bits, p * peak / top) for p in np.linspace(0.1, 1.2, 200)]
    assert (found / np.min(tried, 0)).max() < 1.05
    assert found.sum() < _squared_error(weights, bits, peak / top).sum() * 0.9


def test_dead_channels_of_one_bit_are_next_to_nothing() -> None:
    weights = np.random.default_rng(0).normal(size=(4, 50)).astype(np.float32)
    weights[2] = 0
    quant = weight_params(weights, 0, bits=1)
    integers = to_integers(weights, quant)
    assert set(np.unique(integers)) == {-1, 1}
    real = back(integers, quant)
    assert np.abs(real[2]).max() < 1e-3 * np.abs(real[[0, 1, 3]]).min()


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_biases_fit_whatever_the_bits(bits: int) -> None:
    weights = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32) * 1e-6
    bias = np.array([0.0, 5.0, -900.0], np.float32)
    quant = weight_params(weights, 0, bias, input_scale=1e-4, bits=bits)
    stored = bias / (1e-4 * quant.scale)
    assert np.abs(stored).max() <= 2**30 * 1.001


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_few_bits_are_symmetric_with_one_scale_too(bits: int) -> None:
    quant = QuantParams(np.ones(1, np.float32), np.zeros(1, np.int64), None, bits)
    top = 2 ** (bits - 1) - 1
    assert to_integers(np.array([-99.0, 99.0]), quant).tolist() == [-top, top]
