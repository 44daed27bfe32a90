from __future__ import annotations

import pytest

import litesmith
from litesmith.errors import InputError
from litesmith.forge.options import (
    Converting,
    LoadingOptions,
    MaxDrop,
    as_texts,
    loading_options,
    parse_batch,
    parse_max_drop,
    parse_shapes,
    split_objects,
    written_shapes,
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0.01, MaxDrop(0.01, False)), ("0", MaxDrop(0.0, False)), ("1%", MaxDrop(0.01, True)),
        (" 2.5 % ", MaxDrop(0.025, True)), (1, MaxDrop(1.0, False)),
    ],
)  # fmt: skip
def test_max_drop(given, expected):
    assert parse_max_drop(given) == expected


@pytest.mark.parametrize("given", ["", "abc", "-1", "nan", "inf", "1%%", -0.5])
def test_max_drop_refuses(given):
    with pytest.raises(InputError, match="--max-drop"):
        parse_max_drop(given)


def test_shapes():
    assert parse_shapes(["a=1x2x3", "b:0=7"]) == {"a": (1, 2, 3), "b:0": (7,)}
    assert parse_shapes(written_shapes({"a": (1, 2), "b": (3,)})) == {"a": (1, 2), "b": (3,)}
    assert written_shapes(["a=1x2"]) == ("a=1x2",)


@pytest.mark.parametrize("given", ["1x2", "=1x2", "a=", "a=1xx2", "a=0x2", "a=-1x2", "a=1,2"])
def test_shapes_refuse(given):
    with pytest.raises(InputError, match="--input-shape"):
        parse_shapes([given])


def test_a_shape_given_twice():
    with pytest.raises(InputError, match="twice"):
        parse_shapes(["a=1", "a=2"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["py:m.py:A"], ("py:m.py:A",)),
        (["m.py:A,B"], ("py:m.py:A", "py:m.py:B")),
        (["py:pkg.mod:A,B", "py:n.py"], ("py:pkg.mod:A", "py:pkg.mod:B", "py:n.py")),
        ([], ()),
    ],
)
def test_custom_objects(given, expected):
    assert split_objects(given) == expected


def test_texts():
    assert as_texts(None) == ()
    assert as_texts("a") == ("a",)
    assert as_texts(["a", "b"]) == ("a", "b")


@pytest.mark.parametrize(("given", "batch"), [(None, 1), ("1", 1), ("8", 8), ("dynamic", None)])
def test_batches(given: str | None, batch: int | None) -> None:
    assert parse_batch(given) == batch


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5", ""])
def test_batches_that_are_none(given: str) -> None:
    with pytest.raises(InputError, match="--batch"):
        parse_batch(given)


def test_a_dimension_that_stays_open() -> None:
    assert parse_shapes(["x=1x?x40"]) == {"x": (1, None, 40)}
    assert written_shapes({"x": (1, None, 40)}) == ("x=1x?x40",)


def test_python_callers_say_it_in_their_own_types() -> None:
    found = loading_options(
        {"input_shape": {"x": (1, None, 3)}, "outputs": "a,b", "batch": 4, "time_limit": 2.0},
        Converting,
        litesmith.export,
    )
    assert found == LoadingOptions(
        input_shape=("x=1x?x3",), outputs=("a,b",), batch="4", time_limit_s=2.0
    )
    assert loading_options({}, Converting, litesmith.export) == LoadingOptions()


@pytest.mark.parametrize(
    ("verb", "name", "meant"),
    [
        ("export", "quantise", "quantize"),
        ("check", "signatures", "signature"),
        ("compare", "input_shapes", "input_shape"),
        ("compare", "batch", "help(litesmith.compare)"),
    ],
)
def test_unknown_arguments_are_told_with_what_was_meant(verb: str, name: str, meant: str) -> None:
    models = ("a",) if verb == "check" else ("a", "b")
    with pytest.raises(InputError, match=f"^litesmith.{verb} has no option {name}") as error:
        getattr(litesmith, verb)(*models, **{name: "x"})
    assert meant in error.value.hint
