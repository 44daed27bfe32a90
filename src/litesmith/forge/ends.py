"""The steps that shape what the application feeds and reads, from the options of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from litesmith.data.per_port import by_port
from litesmith.errors import InputError
from litesmith.forge.options import ExportOptions
from litesmith.forge.original import Original
from litesmith.graph import Graph
from litesmith.interface import Rename, ShapeInputs, ShapeOutputs
from litesmith.quantize import Quantize
from litesmith.rewrite import Rewrite
from litesmith.sources import Source


def refuse_preprocess(options: ExportOptions) -> None:
    """Refuse preprocessing that is to be built in and cannot be.

    Raises:
        InputError: nothing to build in, or channels that it does not speak of.
    """
    if options.embed_preprocess and not options.preprocess:
        raise InputError(
            "--embed-preprocess needs --preprocess: what the model expects of raw values.",
            "Add --preprocess unit, tf, torch, caffe, scale=A,offset=B or mean=…,std=…; none if it "
            "reads raw values itself.",
        )
    if options.preprocess and not options.embed_preprocess and options.input_channels:
        raise InputError(
            "--input-channels with --preprocess needs --embed-preprocess: preprocessing speaks of "
            "the channels that the model reads."
        )


def fed(steps: tuple[Any, ...], source: Source) -> Original:
    """Return the original, fed as the application will.

    Raises:
        InputError: an option does not fit the inputs.
    """
    original = Original(source)
    for step in steps:
        if isinstance(step, ShapeInputs):
            change = step.translation(original.inputs)
            original = replace(original, fed=(*original.fed, change))
    return original


def refuse_types(steps: tuple[Any, ...], original: Original) -> None:
    """Refuse integers for an input that is not fed raw values where nothing quantizes it.

    Raises:
        InputError: there is such an input.
    """
    if any(isinstance(step, Quantize) and step.integer_activations for step in steps):
        return
    wanted = next((s.types for s in steps if isinstance(s, ShapeInputs)), ())
    names = [spec.name for spec in original.inputs]
    kinds = by_port(wanted, names, "--input-type", "float32", "input")
    for spec, kind in zip(original.inputs, kinds, strict=True):
        if spec.dtype == "float32" and kind != "float32":
            raise InputError(
                f"--input-type {kind}: the input '{spec.name}' has no preprocessing to build in, "
                "so it needs integer activations.",
                f"Say --preprocess {spec.name}:none if it is fed raw values, or use --quantize "
                "int8 --data SPEC.",
            )


def data_preprocess(
    steps: tuple[Any, ...], source: Source, preprocess: tuple[str, ...]
) -> tuple[str, ...]:
    """Return what raw examples must undergo to be what the application feeds."""
    for step in steps:
        if isinstance(step, ShapeInputs) and step.preprocess:
            return step.left(preprocess, source.info.inputs)
    return preprocess


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
    raw = options.preprocess if options.embed_preprocess else ()
    return {
        "preprocess": raw,
        "types": tuple(options.input_type.split(",")) if raw and options.input_type else (),
        "channels": options.input_channels,
        "size": options.input_size,
        "layout": options.input_layout,
    }


def _outputs(options: ExportOptions) -> dict[str, Any]:
    return {
        "heads": options.head,
        "merge": options.merge,
        "nms": options.nms,
        "cut_before": options.cut_before,
    }


def beside_states(step: Any, original: Original) -> Any:
    """Return the step with heads for all outputs meant for those that are no state.

    The application feeds states back, so they stay as they are; `NAME:HEAD` still names any.
    """
    count = len(original.source.info.states)
    if not count or not isinstance(step, ShapeOutputs) or not step.heads:
        return step
    names = [spec.name for spec in original.source.info.outputs]
    chosen = by_port(step.heads, names, "--head", "keep", "output")
    own = {name for name in names if any(head.startswith(f"{name}:") for head in step.heads)}
    heads = [
        f"{name}:{head}"
        for name, head in zip(names, chosen, strict=True)
        if name in own or name in names[:-count]
    ]
    return replace(step, heads=tuple(heads))


def with_names(steps: tuple[Any, ...], options: ExportOptions) -> tuple[Any, ...]:
    """Return the steps with the one that renames ends, last."""
    own = next((step for step in steps if isinstance(step, Rename)), None)
    if not options.rename:
        return steps
    renaming = replace(own or Rename(), names=options.rename)
    return (*(step for step in steps if not isinstance(step, Rename)), renaming)


def renamed(graph: Graph, steps: tuple[Any, ...]) -> Graph:
    """Return the float graph under the names of the one that ships."""
    for step in steps:
        if isinstance(step, Rename):
            graph = step(graph).graph
    return graph


def answer_names(original: Original, steps: tuple[Any, ...]) -> list[str]:
    """Return the names of what is compared, as the file that ships has them."""
    names = [spec.name for spec in original.answers]
    for step in steps:
        if isinstance(step, Rename):
            new = step.mapping()
            names = [new.get(name, name) for name in names]
    return names


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
