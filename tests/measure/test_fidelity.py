from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from litesmith.errors import InputError, InternalError
from litesmith.measure import Fidelity, FidelityMeter
from litesmith.measure.fidelity import ABSOLUTE_CAP, RELATIVE_CAP, SQNR_CAP_DB

values = st.floats(-1e3, 1e3, width=32)


def compare(
    reference: list[np.ndarray], actual: list[np.ndarray], cuts: tuple[int, ...] = ()
) -> Fidelity:
    meter = FidelityMeter([f"o{i}" for i in range(len(reference))])
    edges = [0, *sorted(cuts), len(reference[0])]
    for start, stop in itertools.pairwise(edges):
        if stop > start:
            meter.update([r[start:stop] for r in reference], [a[start:stop] for a in actual])
    return meter.result()


def one(reference: object, actual: object) -> Fidelity:
    return compare([np.asarray(reference)], [np.asarray(actual)])


@given(st.data())
def test_streaming_equals_numpy_on_the_whole_whatever_the_batches(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 9))
    shape = (n, data.draw(st.integers(2, 5)))
    reference = data.draw(hnp.arrays(np.float32, shape, elements=values))
    actual = reference + data.draw(hnp.arrays(np.float32, shape, elements=values)) / 8
    cuts = tuple(data.draw(st.lists(st.integers(0, n), max_size=4)))
    result = compare([reference], [actual], cuts)
    r, a = reference.astype(np.float64), actual.astype(np.float64)
    error = np.abs(r - a)
    assert result.examples == n
    assert result.max_abs_error == error.max()
    if r.any():
        assert result.relative_error == pytest.approx(
            min(error.max() / np.abs(r).max(), RELATIVE_CAP)
        )
    if r.any() and a.any():
        cosine = (r * a).sum() / math.sqrt((r**2).sum() * (a**2).sum())
        assert result.cosine == pytest.approx(cosine, rel=1e-6, abs=1e-6)
    if r.any() and error.any():
        expected = 10 * math.log10((r**2).sum() / (error**2).sum())
        assert result.sqnr_db == pytest.approx(max(-SQNR_CAP_DB, min(SQNR_CAP_DB, expected)))
    assert result.top1_agreement == np.mean(reference.argmax(1) == actual.argmax(1))
    if n > 1:
        assert result.varies == bool(np.ptp(r, axis=0).max() > 1e-6 * np.abs(r).max())
    json.dumps(result.as_json(), allow_nan=False)


def test_identical_outputs() -> None:
    x = np.random.default_rng(0).random((5, 3)).astype(np.float32)
    result = one(x, x)
    assert (result.max_abs_error, result.relative_error, result.cosine) == (0, 0, 1)
    assert (result.sqnr_db, result.top1_agreement) == (SQNR_CAP_DB, 1)


@pytest.mark.parametrize(
    ("reference", "actual", "relative", "cosine", "sqnr"),
    [
        (np.zeros((2, 2)), np.zeros((2, 2)), 0, 1, SQNR_CAP_DB),
        (np.zeros((2, 2)), np.ones((2, 2)), RELATIVE_CAP, 0, -SQNR_CAP_DB),
        (np.ones((2, 2)), np.zeros((2, 2)), 1, 0, 0),
        (np.ones((2, 2)), -np.ones((2, 2)), 2, -1, -6.0206),
    ],
)
def test_zero_and_opposite(
    reference: np.ndarray, actual: np.ndarray, relative: float, cosine: float, sqnr: float
) -> None:
    result = one(reference, actual)
    assert result.relative_error == relative
    assert result.cosine == pytest.approx(cosine)
    assert result.sqnr_db == pytest.approx(sqnr, abs=1e-4)


def test_outputs_that_never_vary_prove_nothing() -> None:
    same = np.tile([0.25, 0.75], (6, 1))
    assert not one(same, same).varies
    noise = np.random.default_rng(0).normal(0, 1e-8, same.shape)
    assert not one(same + noise, same).varies
    assert one(same + np.arange(6)[:, None] * 1e-3, same).varies
    assert one(same[:1], same[:1]).varies  # one example cannot tell
    mixed = compare([same, np.arange(6.0)], [same, np.arange(6.0)])
    assert mixed.varies
    assert [o.varies for o in mixed.outputs] == [False, True]


def test_the_worst_output_counts() -> None:
    x = np.random.default_rng(0).random((5, 3))
    result = compare([x, x, x[:, 0]], [x + 0.5, 1 - x, x[:, 0]])
    first, second, third = result.outputs
    assert result.max_abs_error == max(first.max_abs_error, second.max_abs_error)
    assert result.cosine == min(first.cosine, second.cosine)
    assert (first.top1_agreement, third.top1_agreement) == (1, None)
    assert result.top1_agreement == second.top1_agreement
    assert result.as_json()["outputs"][0]["name"] == "o0"  # type: ignore[index]


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 2, 2), (4, 1, 3)])
def test_top1_is_for_vectors(shape: tuple[int, ...]) -> None:
    assert one(np.ones(shape), np.ones(shape)).top1_agreement is None


def test_nan_and_infinity_stay_finite_in_json_and_are_counted() -> None:
    x = np.array([[1.0, 2.0], [3.0, np.nan], [np.inf, 0.0]])
    same = one(x, x)
    assert (same.max_abs_error, same.non_finite) == (0, 0)
    broken = one(x, np.nan_to_num(x))
    assert (broken.max_abs_error, broken.non_finite) == (ABSOLUTE_CAP, 2)
    assert (broken.cosine, broken.sqnr_db) == (0, -SQNR_CAP_DB)
    json.dumps(broken.as_json(), allow_nan=False)


def test_integer_outputs_do_not_wrap() -> None:
    result = one(np.array([[0, 255]], np.uint8), np.array([[255, 0]], np.uint8))
    assert result.max_abs_error == 255


def test_other_shapes_and_nothing_at_all() -> None:
    with pytest.raises(InputError, match=r"\(3,\).*\(4,\)"):
        one(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(InputError, match="2 outputs and the other 1"):
        FidelityMeter(["a", "b"]).update([np.ones(1), np.ones(1)], [np.ones(1)])
    with pytest.raises(InternalError):
        FidelityMeter(["a"]).result()


def test_indices_are_no_quantities() -> None:
    reference, actual = np.array([7, 1, 2, 3], np.int32), np.array([0, 1, 2, 3], np.int32)
    result = compare([reference], [actual])
    (output,) = result.outputs
    assert output.indices and output.top1_agreement == result.top1_agreement == 0.75
    assert (output.max_abs_error, output.relative_error, output.cosine) == (1, 1, 0.75)
    assert output.sqnr_db == pytest.approx(10 * math.log10(4 / 2))
    assert compare([reference], [reference]).max_abs_error == 0


def test_truth_values_agree_one_by_one() -> None:
    reference = np.array([[True, False], [True, True]])
    assert compare([reference], [~reference]).top1_agreement == 0
    assert compare([reference], [reference]).relative_error == 0


@pytest.mark.parametrize("cuts", [(), (1,)])
def test_rankings_agree_by_their_first_index(cuts: tuple[int, ...]) -> None:
    meter = FidelityMeter(["values", "indices"], ["ranked", "ranking"])
    indices = np.array([[1, 2], [0, 2]], np.int32)
    meter.update([np.ones((2, 2)), indices], [np.ones((2, 2)), indices * [[1, 0], [1, 1]]])
    result = meter.result()
    assert result.top1_agreement == 1 and result.max_abs_error == 0
    assert result.outputs[0].top1_agreement is None
    assert result.outputs[1].cosine == 0.75


def test_bytes_are_quantities() -> None:
    image = np.array([[10, 20]], np.uint8)
    (output,) = compare([image], [image + 1]).outputs
    assert not output.indices and output.max_abs_error == 1


def test_other_outputs_carry_the_error() -> None:
    index, real = np.array([1, 2], np.int32), np.array([0.5, 1.0])
    result = compare([index, real], [index[::-1], real])
    assert result.max_abs_error == 0 and result.top1_agreement == 0


def test_indices_that_never_change() -> None:
    index = np.array([3, 3, 3], np.int64)
    assert not compare([index], [index]).varies
    assert compare([np.array([3, 3, 4])], [index]).varies
