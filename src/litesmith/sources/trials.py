"""What a lowered file must reproduce: examples with the original's answers, and how to feed them.

One trial for a file of fixed shapes; one per batch size and per size of open dimensions; a stream
of steps for a file whose state the application carries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from litesmith.children.protocol import load_arrays, save_arrays
from litesmith.data import TensorSpec
from litesmith.errors import InputError
from litesmith.graph import read, write
from litesmith.graph.edit import substitute
from litesmith.sources.loaded import dims
from litesmith.sources.verify import probe, verify

Array = npt.NDArray[Any]
Run = Callable[[Sequence[Array]], list[Array]]

OPEN_BATCHES = (1, 2, 5)
STEPS = 5
_WANTED = 3  # sizes of open dimensions that a file is tried on
# Sizes by open axis, in the order in which they are tried: odd ones first, then those that models
# with several halvings ask for.
_SEQUENCE = ((12, 12), (7, 9), (29, 17), (64, 64), (128, 128), (96, 192), (512, 512), (16000,) * 2)
_IMAGE = ((48, 64), (45, 61), (64, 32), (64, 96), (128, 128), (96, 160), (224, 224), (256, 320))


@dataclass(frozen=True)
class Trial:
    """Examples with the original's answers.

    Attributes:
        examples: per input (k, *example_shape).
        reference: per output (k, *output_example_shape).
        size: examples per invocation of a file whose batch is open.
        states: how many of the last inputs are state: when above 0, the examples are steps of one
            stream and the file is fed its own states.
        what: said of a failure, as in "at batch 5".
    """

    examples: list[Array]
    reference: list[Array]
    size: int | None = None
    states: int = 0
    what: str = ""


def open_axes(specs: Sequence[TensorSpec]) -> bool:
    """Return whether a dimension besides the batch is left to the application."""
    return any(None in spec.shape[1:] for spec in specs)


def sized(specs: Sequence[TensorSpec]) -> Iterator[tuple[TensorSpec, ...]]:
    """Yield the inputs with one choice of sizes after the other in their open dimensions."""
    widest = max(len(spec.shape) for spec in specs if None in spec.shape[1:])
    for sizes in _IMAGE if widest > 3 else _SEQUENCE:
        yield tuple(_filled(spec, sizes) for spec in specs)


def _filled(spec: TensorSpec, sizes: Sequence[int]) -> TensorSpec:
    """Give the n-th open axis the n-th size, so that inputs of equal form get equal sizes."""
    shape, n = list(spec.shape), 0
    for axis in range(1, len(shape)):
        if shape[axis] is None:
            shape[axis] = sizes[min(n, len(sizes) - 1)]
            n += 1
    return TensorSpec(spec.name, tuple(shape), spec.dtype)


def accepted_sizes(specs: Sequence[TensorSpec], run: Run) -> list[tuple[TensorSpec, ...]]:
    """Return up to three choices of sizes that the original computes on.

    Raises:
        InputError: it computes on fewer than two of those tried.
    """
    found = []
    for choice in sized(specs):
        try:
            run(probe(choice, 1))
        except InputError:
            continue
        found.append(choice)
        if len(found) == _WANTED:
            break
    if len(found) < 2:
        spec = next(spec for spec in specs if None in spec.shape[1:])
        raise InputError(
            f"The open dimensions of '{spec.name}' ({dims(spec.shape)}) could not be checked: the "
            "model computes on none, or one, of the sizes tried.",
            f"Fix them: --input-shape {spec.name}=1x…",
        )
    return found


def make_trials(
    choices: Sequence[Sequence[TensorSpec]], batch: int | None, run: Run
) -> Iterator[Trial]:
    """Yield trials without state.

    Args:
        choices: the inputs, all dimensions besides the batch known; several for open dimensions.
        batch: examples per invocation, None when open.
        run: the original.
    """
    for position, specs in enumerate(choices):
        count = max(OPEN_BATCHES) if batch is None else max(batch, 2)
        examples = probe(specs, count)
        reference = run(examples)
        at = _sizes_said(specs) if len(choices) > 1 else ""
        if batch is not None:
            yield Trial(examples, reference, what=at)
            continue
        for size in OPEN_BATCHES if position == 0 else OPEN_BATCHES[-1:]:
            yield Trial(examples, reference, size, what=f"{at} at batch {size}")


def _sizes_said(specs: Sequence[TensorSpec]) -> str:
    return " on " + ", ".join(f"{spec.name}={dims((None, *spec.shape[1:]))}" for spec in specs)


def check(
    data: bytes, outputs: Sequence[TensorSpec], trial: Trial, again: Run | None = None
) -> None:
    """Run a trial on a file.

    Raises:
        ConversionError: the file computes something else than the original.
    """
    verify(
        data,
        outputs,
        trial.examples,
        trial.reference,
        again,
        size=trial.size,
        states=trial.states,
        what=trial.what,
    )


def with_default_sizes(data: bytes, specs: Sequence[TensorSpec]) -> bytes:
    """Return the file with `specs` as the sizes that its open dimensions have until resized.

    The converter writes 1, on which an unpadded convolution cannot even be prepared.
    """
    graph = read(data)
    changes = {
        old: old.with_(shape=tuple(s or old.shape[i] for i, s in enumerate(spec.shape)))
        for old, spec in zip(graph.inputs, specs, strict=True)
        if old.is_dynamic
    }
    return write(substitute(graph, changes))


def trial_to_json(trial: Trial, directory: Path) -> dict[str, Any]:
    """Return a trial for the child, its arrays saved in `directory`."""
    return {
        **asdict(trial),
        "examples": save_arrays(trial.examples, directory),
        "reference": save_arrays(trial.reference, directory),
    }


def trial_from_json(fields: dict[str, Any]) -> Trial:
    """Invert `trial_to_json`; the arrays' files are deleted."""
    arrays = {name: load_arrays(fields[name]) for name in ("examples", "reference")}
    return Trial(**{**fields, **arrays})
