"""The steps that shape what the application feeds and reads, from the options of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from litesmith.forge.options import ExportOptions
from litesmith.interface import ShapeInputs, ShapeOutputs
from litesmith.rewrite import Rewrite


def with_ends(steps: tuple[Any, ...], options: ExportOptions) -> tuple[Any, ...]:
    """Return the steps with those that the options ask for.

    They stand behind the first rewriting, which shows them a clean graph; another one follows that
    takes in what they added.
    """
    for kind, fields in ((ShapeInputs, _inputs(options)), (ShapeOutputs, _outputs(options))):
        given = {name: value for name, value in fields.items() if value not in (None, (), False)}
        if given:
            steps = _with(steps, kind, given)
    return steps


def _inputs(options: ExportOptions) -> dict[str, Any]:
    return {"layout": options.input_layout}


def _outputs(options: ExportOptions) -> dict[str, Any]:
    return {"heads": options.head}


def _with(steps: tuple[Any, ...], kind: type[Any], fields: dict[str, Any]) -> tuple[Any, ...]:
    if any(isinstance(step, kind) for step in steps):  # a recipe's own
        return tuple(replace(s, **fields) if isinstance(s, kind) else s for s in steps)
    ends = [i for i, s in enumerate(steps) if isinstance(s, (ShapeInputs, ShapeOutputs))]
    first = next((i for i, s in enumerate(steps) if isinstance(s, Rewrite)), None)
    if ends:
        place = ends[-1] + 1
        return (*steps[:place], kind(**fields), *steps[place:])
    if first is None:
        return (kind(**fields), *steps)
    again = steps[first]
    return (*steps[: first + 1], kind(**fields), again, *steps[first + 1 :])
