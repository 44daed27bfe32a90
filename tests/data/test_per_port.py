"""One value per port: for all, or by name."""

from __future__ import annotations

import pytest

from litesmith.data.per_port import by_port
from litesmith.errors import InputError

_NAMES = ("a", "b:0", "mask")


@pytest.mark.parametrize(
    "given,found",
    [
        ((), ("-", "-", "-")),
        (("x",), ("x", "x", "x")),
        (("b:0:x", "y"), ("y", "x", "y")),
        (("mask: x ",), ("-", "-", "x")),
    ],
)
def test_values(given: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert by_port(given, _NAMES, "--o", "-", "input") == found


def test_refusals() -> None:
    with pytest.raises(InputError, match="has no input 'masc'") as info:
        by_port(("masc:x",), _NAMES, "--o", "-", "input")
    assert "Did you mean 'mask'?" in info.value.hint
    with pytest.raises(InputError, match="twice for input 'a'"):
        by_port(("a:x", "a:y"), _NAMES, "--o", "-", "input")
    with pytest.raises(InputError, match="twice for all inputs"):
        by_port(("x", "y"), _NAMES, "--o", "-", "input")
