"""A recipe: the steps from the float graph to the file, and the options of a run, as TOML.

    [options]                  # as on the command line
    max-drop = 0.01

    [[step]]
    name = "quantize"
    scheme = "int8"

A step of `rewrite/`, `interface/`, `quantize/` or `train/` becomes available here by one row of
`STEP_TYPES`.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from litesmith.errors import InputError
from litesmith.interface import Rename, ShapeInputs, ShapeOutputs
from litesmith.interface.metadata import Describe
from litesmith.quantize import Pack, Quantize
from litesmith.rewrite import INTEGER_STEPS, STEPS, IntegerForms, Rewrite
from litesmith.train.step import Train

_NAME = "name"


STEP_TYPES: Mapping[str, type[Any]] = MappingProxyType(
    {
        Rewrite.name: Rewrite,
        ShapeInputs.name: ShapeInputs,
        ShapeOutputs.name: ShapeOutputs,
        IntegerForms.name: IntegerForms,
        Quantize.name: Quantize,
        Train.name: Train,
        Pack.name: Pack,
        Rename.name: Rename,
        Describe.name: Describe,
    }
)


@dataclass(frozen=True)
class Recipe:
    """Ordered steps, and options by their names on the command line (without dashes in front)."""

    steps: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def default_steps(quantize: Quantize) -> tuple[Any, ...]:
    """Return the steps of a run that names none: the rewrites it needs, then `quantize`."""
    integer = INTEGER_STEPS if quantize.integer_activations else ()
    return (*STEPS, *integer, quantize)


def step_options(step: Any) -> dict[str, Any]:
    """Return a step's options by name."""
    return {f.name: getattr(step, f.name) for f in fields(step) if f.name != _NAME}


def read_recipe(path: Path, known_options: Iterable[str]) -> Recipe:
    """Return the recipe in a TOML file.

    Raises:
        InputError: no such file, no TOML, or an unknown step or option.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise InputError(f"The recipe {path} cannot be read: {reason}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The recipe {path} is not TOML: {error}.") from error
    _refuse_unknown(table, ("options", "step"), f"The recipe {path}")
    options, steps = table.get("options", {}), table.get("step", [])
    if not isinstance(options, dict) or not isinstance(steps, list):
        raise InputError(f"The recipe {path} needs [options] and [[step]] tables.")
    _refuse_unknown(options, known_options, f"The recipe {path}, [options]")
    return Recipe(tuple(_step(item, path) for item in steps), MappingProxyType(options))


def write_recipe(recipe: Recipe, header: str) -> str:
    """Return the recipe as TOML, `header` as a comment above it; None options are left out."""
    lines = [f"# {header}"]
    options = {name: value for name, value in recipe.options.items() if value not in (None, ())}
    tables = [("[options]", options)] if options else []
    tables += [("[[step]]", {_NAME: s.name, **step_options(s)}) for s in recipe.steps]
    for title, values in tables:
        lines += ["", title, *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _step(item: Any, path: Path) -> Any:
    where = f"The recipe {path}"
    name = item.get(_NAME) if isinstance(item, dict) else None
    if not isinstance(name, str):
        raise InputError(f"{where} has a [[step]] without a name.", _known(STEP_TYPES))
    _refuse_unknown((name,), STEP_TYPES, f"{where}, [[step]]")
    kind = STEP_TYPES[name]
    given = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in item.items()
        if key != _NAME
    }
    defaults = step_options(kind())
    _refuse_unknown(given, defaults, f"{where}, step '{name}'")
    for key, value in given.items():
        if type(value) is not type(defaults[key]):
            expected = {"tuple": "list"}.get(name := type(defaults[key]).__name__, name)
            raise InputError(f"{where}, step '{name}': {key} must be of type {expected}.")
    return kind(**given)


def _refuse_unknown(given: Iterable[str], known: Iterable[str], where: str) -> None:
    names = list(known)
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            hint = f"Did you mean '{close[0]}'?" if close else _known(names)
            raise InputError(f"{where}: there is no '{name}'.", hint)


def _known(names: Iterable[str]) -> str:
    return f"Known: {', '.join(names) or 'none'}."


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_toml, value))}]"
    # TOML's basic strings are JSON's, but for DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
