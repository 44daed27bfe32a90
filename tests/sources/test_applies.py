"""Options of loading that mean nothing for a format are refused before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from litesmith.cli import main
from litesmith.errors import InputError
from litesmith.graph import write
from litesmith.sources import LoadOptions, SourceFormat, each_its_own
from litesmith.sources.applies import refuse_idle
from tests.support.graphs import Builder, named

_GIVEN: Mapping[str, tuple[str, Any]] = {
    "--signature": ("signature", "x"),
    "--input-shape": ("input_shapes", {"x": (1, 2)}),
    "--custom-objects": ("custom_objects", ("py:m.py:F",)),
    "--builder": ("builder", "py:m.py:f"),
    "--batch": ("batch", 4),
    "--inputs": ("inputs", ("a",)),
    "--outputs": ("outputs", ("a",)),
    "--input": ("cut", ("a",)),
}
_IDLE: Mapping[str, set[str]] = {
    "keras": {"--signature", "--inputs"},
    "hdf5": {"--signature", "--inputs"},
    "saved_model": {"--custom-objects", "--builder", "--inputs"},
    "frozen_graph": {"--signature", "--custom-objects", "--builder"},
    "memory": {"--signature", "--custom-objects", "--builder", "--inputs"},
    "tflite": set(_GIVEN) - {"--signature"},
}


@pytest.mark.parametrize("form", list(SourceFormat))
@pytest.mark.parametrize("option", list(_GIVEN))
def test_every_option_of_every_format(form: SourceFormat, option: str) -> None:
    field, value = _GIVEN[option]
    options = LoadOptions(**{field: value})
    if option not in _IDLE[form.value]:
        refuse_idle(form, options)
        return
    with pytest.raises(InputError, match=f"^{option} does not apply to a ") as error:
        refuse_idle(form, options)
    assert error.value.hint


@pytest.mark.parametrize("form", list(SourceFormat))
def test_what_may_always_be_given(form: SourceFormat) -> None:
    refuse_idle(form, LoadOptions())
    refuse_idle(form, LoadOptions(trust=True, allow_flex=True, time_limit_s=3.0))
    always = {"trust", "allow_flex", "time_limit_s", "on_progress"}
    assert {f.name for f in fields(LoadOptions)} == always | {f for f, _ in _GIVEN.values()}


def test_models_that_are_compared_share_a_command_line() -> None:
    keras, saved, file = SourceFormat.KERAS, SourceFormat.SAVED_MODEL, SourceFormat.TFLITE
    options = LoadOptions(signature="s", custom_objects=("py:m.py:F",), outputs=("a",))
    first, second, third = each_its_own((keras, saved, file), options)
    assert (first.signature, first.custom_objects) == (None, ("py:m.py:F",))
    assert (second.signature, second.custom_objects) == ("s", ())
    assert first.outputs == second.outputs == ("a",)
    assert third == LoadOptions()
    both = each_its_own((file, file), LoadOptions(signature="s"))
    assert [one.signature for one in both] == ["s", "s"]
    with pytest.raises(InputError, match=r"--signature does not apply to a \.keras file"):
        each_its_own((keras, keras), LoadOptions(signature="s"))
    unknown = each_its_own((None, file), LoadOptions(builder="py:m.py:f"))
    assert [one.builder for one in unknown] == ["py:m.py:f", None]


@pytest.mark.parametrize("verb", ["check", "export", "compare"])
def test_from_the_command_line(verb: str, tmp_path: Path, capfd: Any) -> None:
    b = Builder()
    file = tmp_path / "m.tflite"
    file.write_bytes(write(named(b.graph(b.op("ABS", b.input((1, 3)))))))
    more = {"check": (), "export": ("-o", tmp_path / "o.tflite"), "compare": (file,)}[verb]
    assert main([verb, str(file), *map(str, more), "--outputs", "a"]) == 2
    told = capfd.readouterr().err
    assert "--outputs does not apply to a .tflite" in told
    assert "Use it when exporting" in told
    assert not (tmp_path / "o.tflite").exists()
