"""Does the lowered file compute what the model computes? By value, on generated examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.data import TensorSpec, synthetic_examples
from litesmith.errors import ConversionError
from litesmith.runtime import Session
from litesmith.sources.flex import session_of

Array = npt.NDArray[Any]
TOLERANCE = 1e-3  # of the largest reference value; float kernels differ by 1e-6 … 1e-5
_EXAMPLES = 2  # one uniform, one normal


def probe(inputs: Sequence[TensorSpec], count: int = _EXAMPLES) -> list[Array]:
    """Return generated examples, per input (count, *example_shape)."""
    return list(next(iter(synthetic_examples(inputs, count).batches(count))))


def verify(
    data: bytes,
    outputs: Sequence[TensorSpec],
    examples: Sequence[Array],
    reference: Sequence[Array],
    again: Callable[[Sequence[Array]], list[Array]] | None = None,
    *,
    size: int | None = None,
    states: int = 0,
    what: str = "",
) -> None:
    """Compare the file's outputs with the original's.

    Args:
        data: the .tflite.
        outputs: the model's outputs in declared order.
        examples: per input (k, *example_shape).
        reference: per output (k, *output_example_shape).
        again: runs the original once more, to tell a random model from a wrong file.
        size: examples per invocation of a file whose batch is open.
        states: how many of the last inputs are state that the file is to be fed from step to step.
        what: said of a failure, as in " at batch 5".

    Raises:
        ConversionError: an output differs, or outputs changed places.
    """
    session = session_of(data)
    if states:
        if not isinstance(session, Session):
            raise ConversionError("A file with select-TF ops cannot keep state, too.")
        actual = _stream(session, examples, states)
    else:
        actual = session.run(examples, size)
    errors = [error(a, b) for a, b in zip(reference, actual, strict=True)]
    wrong = [i for i, far in enumerate(errors) if far > TOLERANCE]
    if not wrong or (again is not None and _is_random(reference, again(examples))):
        return
    order = _permutation(reference, actual)
    if order is not None:
        names = ", ".join(outputs[i].name for i in order)
        raise ConversionError(f"The converter changed the order of the outputs: {names}.")
    name, far = outputs[wrong[0]].name, errors[wrong[0]]
    how = "has another shape" if far == np.inf else f"differs by {far:.2g} of its largest value"
    raise ConversionError(
        f"The converted graph does not compute what the model computes{what}: "
        f"output '{name}' {how}.",
        "Please report this model; nothing was written.",
    )


def _stream(session: Session, examples: Sequence[Array], states: int) -> list[Array]:
    """Run the examples as steps of one stream, the state carried as an application would."""
    ports = session.inputs[-states:]
    carried = [np.zeros((1, *port.example_shape), port.dtype) for port in ports]
    steps = []
    for i in range(len(examples[0])):
        fed = [x[i : i + 1] for x in examples[: len(examples) - states]]
        steps.append(session.run([*fed, *carried]))
        carried = steps[-1][-states:]
    return [np.concatenate(column) for column in zip(*steps, strict=True)]


def error(reference: Array, actual: Array) -> float:
    """Return max |actual − reference| / max |reference|; inf for other shapes or NaNs elsewhere."""
    if reference.shape != actual.shape:
        return float("inf")
    a, b = reference.astype(np.float64), actual.astype(np.float64)
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return float("inf")
    if not finite.any():
        return 0.0
    a, b = a[finite], b[finite]
    return float(np.abs(a - b).max() / max(float(np.abs(a).max()), 1e-9))


def _is_random(first: Sequence[Array], second: Sequence[Array]) -> bool:
    return any(error(a, b) > TOLERANCE for a, b in zip(first, second, strict=True))


def _permutation(reference: Sequence[Array], actual: Sequence[Array]) -> tuple[int, ...] | None:
    if not 1 < len(reference) <= 6:
        return None
    for order in permutations(range(len(actual))):
        if all(error(reference[i], actual[o]) <= TOLERANCE for i, o in enumerate(order)):
            return order
    return None
