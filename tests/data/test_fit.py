from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litesmith.data.fit import cast, fit_shape, prepare, show
from litesmith.data.preprocess import parse_one
from litesmith.errors import InputError
from tests.data.helpers import spec

NONE = parse_one("none")


@pytest.mark.parametrize(
    ("found", "needed"),
    [
        ((5, 28, 28, 1), (None, 28, 28, 1)),
        ((5, 28, 28), (None, 28, 28, 1)),
        ((5, 7, 8), (None, None, 8)),
        ((5,), ()),
        ((5,), (None, 1)),
        ((5, 4, 10), (4, 10)),
    ],
)
def test_shapes_that_fit(found: tuple[int, ...], needed: tuple[int | None, ...]) -> None:
    result = fit_shape(np.zeros(found), spec(*needed), "x")
    assert result.shape[0] == 5
    assert len(result.shape) == 1 + len(spec(*needed).example_shape)


@pytest.mark.parametrize(
    ("found", "needed", "hint"),
    [
        ((5, 784), (None, 28, 28, 1), "reshape the data to (n, 28, 28, 1)"),
        ((5, 3, 32, 40), (None, 32, 40, 3), "channels first"),
        ((5, 1, 42), (None, 42), "reshape"),
        ((5, 33), (None, 42), "whole array must be (n, 42)"),
        ((32, 32, 3), (None, 32, 32, 3), "axis of examples"),
        ((5, 1, 28, 28, 1), (None, 28, 28, 1), "reshape"),
        ((5, 28), (None, 28, 28, 1), "whole array"),
        ((5, 9), (None, None, 8), "whole array must be (n, any, 8)"),
    ],
)
def test_shapes_that_do_not_fit_name_both(
    found: tuple[int, ...], needed: tuple[int | None, ...], hint: str
) -> None:
    with pytest.raises(InputError) as caught:
        fit_shape(np.zeros(found), spec(*needed), "data.npz#x")
    assert str(found[1:]) in caught.value.message
    assert show(spec(*needed).example_shape) in caught.value.message
    assert hint in caught.value.hint


dtypes = st.sampled_from(["int8", "uint8", "int16", "int32", "int64", "bool", "float16", "float32"])


@given(st.lists(st.integers(-300, 300), min_size=1), dtypes, dtypes)
def test_a_cast_keeps_every_value_or_is_refused(
    values: list[int], source: str, target: str
) -> None:
    array = np.array(values).astype(source)
    try:
        result = cast(array, spec(None, dtype=target), "x")
    except InputError:
        assert not np.array_equal(array.astype(target).astype("float64"), array.astype("float64"))
        return
    assert result.dtype == target
    assert np.array_equal(result.astype("float64"), array.astype("float64"))


@pytest.mark.parametrize(
    ("values", "dtype", "message"),
    [
        (np.array([0.5]), "int32", "fractions"),
        (np.array([300.0]), "uint8", "300.0.*uint8 .0 to 255"),
        (np.array([-1]), "uint8", "-1"),
        (np.array([2]), "bool", "0 to 1"),
        (np.array([1e300]), "float32", "beyond the range"),
        (np.array([1e6], np.float32), "float16", "beyond the range"),
        (np.array([1.0]), "string", "of type string"),
        (np.array([1.0]), "resource", "of type resource"),
    ],
)
def test_casts_that_lose_something(values: np.ndarray, dtype: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cast(values, spec(None, dtype=dtype), "x")


def test_values_stay_raw_and_become_the_models_type() -> None:
    raw = np.arange(256, dtype=np.uint8).reshape(4, 64)
    result = prepare(raw, spec(None, 64), NONE, "x")
    assert result.dtype == np.float32
    assert np.array_equal(result, raw)


def test_a_batch_is_a_read_only_view_and_the_callers_array_stays_writable() -> None:
    raw = np.zeros((4, 2), np.float32)
    result = prepare(raw, spec(None, 2), NONE, "x")
    assert np.shares_memory(raw, result)
    assert not result.flags.writeable
    assert raw.flags.writeable


def test_preprocessing_that_gives_fractions_is_refused_for_an_integer_input() -> None:
    raw = np.arange(6, dtype=np.uint8).reshape(3, 2)
    with pytest.raises(InputError, match="fractions after preprocessing") as caught:
        prepare(raw, spec(None, 2, dtype="uint8"), parse_one("unit"), "x")
    assert "none" in caught.value.hint
    shifted = prepare(raw, spec(None, 2, dtype="int8"), parse_one("scale=1,offset=-128"), "x")
    assert np.array_equal(shifted, raw.astype(int) - 128)


def test_overflow_in_preprocessing_is_told() -> None:
    with pytest.raises(InputError, match="after preprocessing"):
        prepare(np.array([1e300]), spec(None), parse_one("scale=1e300,offset=0"), "x")


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]", "S3"])
def test_only_numbers_are_values(dtype: str) -> None:
    with pytest.raises(InputError, match="takes numbers"):
        prepare(np.zeros(3, dtype), spec(None), NONE, "x")
