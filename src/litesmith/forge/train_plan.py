"""What the options of training mean for a run, and what of it cannot work, before any loading."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from litesmith.errors import InputError
from litesmith.forge.options import ExportOptions
from litesmith.graph.step import Notice
from litesmith.quantize import Quantize, find_scheme
from litesmith.quantize.schemes import FLOAT_BITS
from litesmith.train.step import AUTO, Train, parse_steps

_FEWEST = 4  # bits that weights are worth something with, untrained
_HALF = 16
_ONLY_WITH = {"loss": "--loss", "resume": "--resume", "augment": "--no-augment"}


def implies_training(scheme: str) -> bool:
    """True for schemes whose files are of no use untrained."""
    return find_scheme(scheme).bits < _FEWEST


def with_training(steps: tuple[Any, ...], options: ExportOptions) -> tuple[Any, ...]:
    """Return the steps with the one that trains, where it was asked for or is implied.

    Raises:
        InputError: a number of steps or a loss that is not understood.
    """
    own = next((s for s in steps if isinstance(s, Train)), None)
    rest = tuple(s for s in steps if s is not own)
    quantize = next((s for s in rest if isinstance(s, Quantize)), None)
    if own is not None and (quantize is None or steps.index(own) != steps.index(quantize) + 1):
        raise InputError(
            "The step 'train' must come right after the step 'quantize'.",
            "It trains the graph that the step before it makes.",
        )
    if quantize is None:
        return steps
    step = _step(own, options, implied=implies_training(quantize.scheme))
    if step is None:
        return rest
    place = rest.index(quantize) + 1
    return (*rest[:place], step, *rest[place:])


def _step(own: Train | None, options: ExportOptions, implied: bool) -> Train | None:
    given = None if options.train is None else str(options.train).strip().lower()
    if given is None and own is None and not implied:
        return None
    steps = given or (AUTO if own is None else own.steps)
    if steps != AUTO and parse_steps(steps) is None:
        return None
    changes: dict[str, Any] = {
        "loss": options.loss,
        "augment": options.augment,
        "seed": options.seed,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    return replace(own or Train(), steps=steps, **changes)


def refuse_training(steps: tuple[Any, ...], options: ExportOptions) -> None:
    """Refuse what cannot be trained, and options that mean nothing without training.

    Raises:
        InputError: as said.
    """
    step = next((s for s in steps if isinstance(s, Train)), None)
    if step is None:
        for name, option in _ONLY_WITH.items():
            if getattr(options, name) not in (None, ""):
                raise InputError(f"{option} is of no use without training.", "Add --train auto.")
        return
    if options.data is None:
        raise InputError(
            "Training needs examples to learn from.",
            "Pass --data SPEC (some hundred typical inputs or more, no labels needed).",
        )
    scheme = next(s.scheme for s in steps if isinstance(s, Quantize))
    if find_scheme(scheme).bits >= _HALF and not find_scheme(scheme).integer and not step.loss:
        form = "float32" if find_scheme(scheme).bits == FLOAT_BITS else scheme
        raise InputError(
            f"There is nothing to train: {form} weights answer as the model does already.",
            "Train with --quantize int8, int4, int3, ternary or binary, or fit labels (--loss).",
        )
    if "," in (options.loading.signature or ""):
        raise InputError(
            f"Training takes a model of one signature, and --signature names several "
            f"({options.loading.signature}).",
            "Export them one by one.",
        )


def untrained_notices(steps: tuple[Any, ...]) -> tuple[Notice, ...]:
    """Say what is lost where a scheme that needs training goes without, as it was asked to."""
    scheme = next((s.scheme for s in steps if isinstance(s, Quantize)), "none")
    if not implies_training(scheme) or any(isinstance(s, Train) for s in steps):
        return ()
    return (
        Notice(
            "untrained",
            f"'{scheme}' without training leaves little of most models.",
            "Leave out --train none.",
        ),
    )
