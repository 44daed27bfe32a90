"""Everything about a run that can be settled before the model is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from litesmith.errors import InputError
from litesmith.forge.artifact import check_destination
from litesmith.forge.budget import MaxLatency, MaxSize, parse_max_latency, parse_max_size
from litesmith.forge.c_array import header_of
from litesmith.forge.described import with_metadata
from litesmith.forge.ends import refuse_preprocess, with_ends, with_names
from litesmith.forge.options import (
    DEFAULT_TIME_LIMIT_S,
    ExportOptions,
    LoadingOptions,
    MaxDrop,
    as_texts,
    parse_batch,
    parse_max_drop,
    parse_shapes,
    split_names,
    split_objects,
)
from litesmith.forge.train_plan import refuse_training, with_training
from litesmith.graph import DType
from litesmith.interface.metadata import Describe
from litesmith.quantize import Pack, Quantize, default_scheme, find_scheme
from litesmith.recipe import Recipe, default_steps, read_recipe
from litesmith.rewrite import Rewrite
from litesmith.sources import LoadOptions
from litesmith.targets import Target, find_target, may, per_tensor_kinds, runs_hybrid, runs_litert
from litesmith.train.step import Train

_TEXT, _TEXTS = (str,), (str, list)

# Options that a recipe may hold: name there → field of `ExportOptions` or `LoadingOptions`, types.
_IN_RECIPE: Mapping[str, tuple[str, tuple[type, ...]]] = {
    "data": ("data", _TEXT),
    "eval": ("eval", _TEXT),
    "metric": ("metric", _TEXT),
    "max-drop": ("max_drop", (int, float, str)),
    "max-size": ("max_size", (int, str)),
    "max-latency": ("max_latency", (int, float, str)),
    "confident": ("confident", (bool,)),
    "preprocess": ("preprocess", _TEXTS),
    "embed-preprocess": ("embed_preprocess", (bool,)),
    "target": ("target", _TEXT),
    "input-layout": ("input_layout", _TEXTS),
    "input-channels": ("input_channels", _TEXTS),
    "input-size": ("input_size", _TEXTS),
    "cut-before": ("cut_before", _TEXT),
    "merge": ("merge", _TEXTS),
    "head": ("head", _TEXTS),
    "nms": ("nms", _TEXT),
    "rename": ("rename", _TEXTS),
    "no-rewrite": ("no_rewrite", _TEXTS),
    "seed": ("seed", (int,)),
    "signature": ("signature", _TEXT),
    "input-shape": ("input_shape", _TEXTS),
    "custom-objects": ("custom_objects", _TEXTS),
    "builder": ("builder", _TEXT),
    "batch": ("batch", _TEXT),
    "inputs": ("inputs", _TEXTS),
    "outputs": ("outputs", _TEXTS),
    "input": ("input", _TEXTS),
    "allow-flex": ("allow_flex", (bool,)),
}
_LOADING = frozenset(f.name for f in fields(LoadingOptions))


@dataclass(frozen=True)
class Plan:
    """A run whose options are complete and consistent.

    Attributes:
        options: with the recipe's filled in.
        output: where the file goes.
        extras: further files to write, by option.
        steps: from the float graph to the one that ships.
        target: the runtime that must run it.
        max_drop: the budget, if any.
        max_size: the same of bytes.
        max_latency: the same of time.
        seed: of generated inputs.
    """

    options: ExportOptions
    output: Path
    extras: Mapping[str, Path]
    steps: tuple[Any, ...]
    target: Target
    max_drop: MaxDrop | None
    seed: int
    max_size: MaxSize | None = None
    max_latency: MaxLatency | None = None

    @property
    def rejected(self) -> Path:
        """Where the file goes that misses a budget."""
        return self.output.with_name(f"{self.output.name.removesuffix('.tflite')}.rejected.tflite")

    @property
    def scheme(self) -> str:
        """The quantization scheme, "none" without such a step."""
        return next((s.scheme for s in self.steps if isinstance(s, Quantize)), "none")

    @property
    def trains(self) -> bool:
        """True when a step trains."""
        return any(isinstance(step, Train) for step in self.steps)

    def recipe(self) -> Recipe:
        """Return the run as a recipe."""
        found = {}
        for written, (name, _) in _IN_RECIPE.items():
            value = getattr(self.options.loading if name in _LOADING else self.options, name)
            if name in ("data", "eval") and not isinstance(value, (str, Path)):
                continue  # arrays in memory cannot be named
            found[written] = value
        return Recipe(self.steps, found)


def make_plan(source: Any, output: str | Path, options: ExportOptions) -> Plan:
    """Settle a run: destinations are tried, options parsed, the recipe is read.

    Raises:
        InputError: an option that cannot work, or a destination that cannot be written.
    """
    path = Path(output)
    extras = {
        option: Path(given)
        for option, given in (
            ("--save-float", options.save_float),
            ("--save-recipe", options.save_recipe),
            ("--c-array", options.c_array),
            ("the header of --c-array", header_of(options.c_array)),
        )
        if given is not None
    }
    _check_destinations(source, {"-o": path, **extras})
    steps: tuple[Any, ...] = ()
    if options.recipe is not None:
        recipe = read_recipe(Path(options.recipe), _IN_RECIPE)
        options, steps = _filled(options, recipe), recipe.steps
    target = find_target(options.target or "cpu")
    steps = _with_quantize(steps or default_steps(_quantize(options)), options, target)
    steps = _with_pack(with_training(steps, options), options)
    steps = with_metadata(with_names(with_ends(steps, options), options), options)
    steps = tuple(_without(formed(step, target), options.no_rewrite) for step in steps)
    max_drop = None if options.max_drop is None else parse_max_drop(options.max_drop)
    max_size = None if options.max_size is None else parse_max_size(options.max_size)
    slow = None if options.max_latency is None else parse_max_latency(options.max_latency)
    seed = options.seed or 0
    plan = Plan(options, path, extras, steps, target, max_drop, seed, max_size, slow)
    _refuse_contradictions(plan)
    return plan


def load_options(loading: LoadingOptions, on_progress: Callable[[str], None]) -> LoadOptions:
    """Return how a source is to be loaded.

    Raises:
        InputError: a malformed option.
    """
    limit = DEFAULT_TIME_LIMIT_S if loading.time_limit_s is None else loading.time_limit_s
    if limit <= 0:
        raise InputError(f"--time-limit {limit:g} is not a number of seconds above 0.")
    return LoadOptions(
        signature=loading.signature,
        input_shapes=parse_shapes(loading.input_shape),
        custom_objects=split_objects(loading.custom_objects),
        builder=loading.builder,
        batch=parse_batch(loading.batch),
        inputs=split_names(loading.inputs),
        outputs=split_names(loading.outputs),
        cut=split_names(loading.input),
        allow_flex=bool(loading.allow_flex),
        trust=bool(loading.trust),
        time_limit_s=limit,
        on_progress=on_progress,
    )


def _refuse_contradictions(plan: Plan) -> None:
    options, scheme = plan.options, plan.scheme
    if options.confident and (options.max_drop is None or options.eval is None):
        raise InputError("--confident needs --max-drop and --eval.")
    if options.metric is not None and options.eval is None:
        raise InputError("--metric needs --eval, labelled examples to score.")
    described = any(isinstance(step, Describe) for step in plan.steps)
    refuse_preprocess(options)
    used = described or options.embed_preprocess
    if options.preprocess and options.data is None and options.eval is None and not used:
        raise InputError("--preprocess is of no use without --data, --eval or --metadata.")
    if plan.max_latency is not None and plan.target.proof != "litert":
        raise InputError(
            f"--max-latency is timed on this machine, and --target {plan.target.name} is another.",
            "Leave out --max-latency, and time the file there.",
        )
    integer = find_scheme(scheme).integer
    if integer and "," in (options.loading.signature or ""):
        raise InputError(
            f"--quantize {scheme} makes a file of one signature, and --signature names several "
            f"({options.loading.signature}).",
            "Use --quantize dynamic or float16, or export them one by one.",
        )
    if integer and options.data is None:
        raise InputError(
            f"--quantize {scheme} needs representative examples to find value ranges.",
            "Pass --data SPEC (100 to 500 typical inputs, no labels needed), or use "
            "--quantize dynamic, which needs none.",
        )
    refuse_training(plan.steps, options)
    if options.edge_bits == 0:
        raise InputError("--edge-bits 0: weights have 1 bit at least.", "Leave it out.")
    if not runs_litert(plan.target) and any(isinstance(step, Pack) for step in plan.steps):
        raise InputError(
            f"--pack makes a file that LiteRT alone unpacks; --target {plan.target.name} cannot.",
            "Leave out --pack: weights of few bits are stored as int4 there.",
        )
    if plan.target.integer_only and not integer:
        raise InputError(
            f"--target {plan.target.name} runs integers only, which '{scheme}' does not make.",
            "Add --quantize int8 --data SPEC (100 to 500 typical inputs, no labels needed).",
        )


def _check_destinations(source: Any, paths: Mapping[str, Path]) -> None:
    taken: dict[str, str] = {}
    for option, path in paths.items():
        check_destination(path, option)
        real = os.path.realpath(path)
        if isinstance(source, (str, Path)) and real == os.path.realpath(source):
            raise InputError(f"{option} {path} is the source itself.", "Choose another name.")
        if real in taken:
            raise InputError(f"{taken[real]} and {option} name the same file {path}.")
        taken[real] = option


def _filled(options: ExportOptions, recipe: Recipe) -> ExportOptions:
    """Fill what the user did not give with what the recipe says."""
    changes: dict[str, Any] = {}
    loading: dict[str, Any] = {}
    for written, value in recipe.options.items():
        name, types = _IN_RECIPE[written]
        _refuse_type(written, value, types)
        owner, into = (options.loading, loading) if name in _LOADING else (options, changes)
        if getattr(owner, name) in (None, ()):
            into[name] = as_texts(value) if types is _TEXTS else value
    return replace(options, loading=replace(options.loading, **loading), **changes)


def _refuse_type(written: str, value: Any, types: tuple[type, ...]) -> None:
    # True is an int to Python, not to a user.
    if not isinstance(value, types) or isinstance(value, bool) != (bool in types):
        expected = " or ".join(kind.__name__ for kind in types)
        raise InputError(f"The recipe's option '{written}' must be of type {expected}.")


def _quantize(options: ExportOptions) -> Quantize:
    default = default_scheme(options.data is not None)
    if default == "dynamic" and not runs_hybrid(find_target(options.target or "cpu")):
        default = "none"
    return Quantize(scheme=options.quantize or default)


def formed(step: Any, target: Target) -> Any:
    """Return a rewriting step that writes recurrent layers as the target needs them."""
    if not isinstance(step, Rewrite) or step.recurrent != "auto":
        return step
    return replace(step, recurrent=target.recurrent)


def _without(step: Any, families: tuple[str, ...]) -> Any:
    """Return a rewriting step without some families; other steps as they are."""
    if not isinstance(step, Rewrite) or not families:
        return step
    return replace(step, without=tuple(dict.fromkeys((*step.without, *families))))


def _with_quantize(
    steps: tuple[Any, ...], options: ExportOptions, target: Target
) -> tuple[Any, ...]:
    """Return the steps with what the command line says about quantizing."""
    own = next((s.scheme for s in steps if isinstance(s, Quantize)), None)
    integer = find_scheme(options.quantize or own or "none").integer
    raw = options.embed_preprocess and not integer
    given = {
        "scheme": options.quantize,
        # Without integer activations only raw values can be fed as integers.
        "input_type": None if raw else options.input_type,
        "output_type": options.output_type,
        "integer_only": target.integer_only or None,
        "integer_cells": target.recurrent == "fused" or None,
        "per_tensor": per_tensor_kinds(target) or None,
        "bits": options.bits or None,
        "float_ops": options.float_ops or None,
        "edge_bits": options.edge_bits,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if changes and not any(isinstance(s, Quantize) for s in steps):
        steps += (_quantize(options),)
    if not runs_litert(target):
        changes["litert_forms"] = False
    if target.proof != "litert" and not may("FULLY_CONNECTED", target, DType.INT16, DType.INT8):
        changes["wide_ops"] = False
    return tuple(replace(s, **changes) if isinstance(s, Quantize) else s for s in steps)


def _with_pack(steps: tuple[Any, ...], options: ExportOptions) -> tuple[Any, ...]:
    """Return the steps with the one that packs, behind those that make weights of few bits."""
    if not options.pack or any(isinstance(s, Pack) for s in steps):
        return steps
    makers = [i for i, s in enumerate(steps) if isinstance(s, (Quantize, Train))]
    place = max(makers, default=len(steps) - 1) + 1
    return (*steps[:place], Pack(), *steps[place:])
