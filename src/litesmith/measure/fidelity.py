"""How close a file's outputs are to the original model's, gathered batch by batch.

Every number is finite, so that it can be JSON; the caps are documented at each field.

Class indices (int32, int64) and truth values (bool) are no quantities: the distance of class 3 from
class 7 means nothing. They are compared as one-hot vectors: of n values of which d differ, the
largest error is 1 (0 for d = 0), the cosine 1 − d/n, Σ reference² n and Σ error² 2d; the agreement
is 1 − d/n, of rankings that of their first index. Where a model has other outputs, too, indices
count in the agreement alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.data import Array
from litesmith.errors import InputError, InternalError

SQNR_CAP_DB = 300.0
RELATIVE_CAP = 1e9
ABSOLUTE_CAP = float(np.finfo(np.float32).max)
_CONSTANT = 1e-6
_INDEX_BYTES = 4


@dataclass(frozen=True)
class OutputFidelity:
    """One output, over all examples.

    Attributes:
        name: of the output.
        max_abs_error: largest |reference − actual|, in the output's unit; `ABSOLUTE_CAP` when
            one of them is NaN or infinite and the other is not the same.
        relative_error: `max_abs_error` / largest |reference|; 0 when both are 0, at most
            `RELATIVE_CAP`.
        cosine: of all values as one vector; 1 when both are zero, 0 when just one is.
        sqnr_db: 10·log10(Σ reference² / Σ error²), within ±`SQNR_CAP_DB` (identical: the cap).
        top1_agreement: fraction of examples with the same argmax, or of equal indices; None when
            an example's output is neither indices nor a vector of two or more scores.
        varies: False when the reference is the same for every one of two or more examples (within
            1e-6 of its largest value): then nothing was proved.
        non_finite: number of values that are NaN or infinite in one and not the same in the other.
        indices: True for class indices and truth values.
    """

    name: str
    max_abs_error: float
    relative_error: float
    cosine: float
    sqnr_db: float
    top1_agreement: float | None
    varies: bool
    non_finite: int = 0
    indices: bool = False

    def as_json(self) -> dict[str, object]:
        """Return one entry of `parity.outputs` of the JSON contract."""
        return {"name": self.name, **_numbers(self)}


@dataclass(frozen=True)
class Fidelity:
    """All outputs; the worst output decides each number, `varies` is True when one output varies.

    Attributes:
        examples: number of examples compared.
        outputs: one result per output, in declared order.
    """

    examples: int
    outputs: tuple[OutputFidelity, ...]
    max_abs_error: float
    relative_error: float
    cosine: float
    sqnr_db: float
    top1_agreement: float | None
    varies: bool
    non_finite: int = 0

    def as_json(self) -> dict[str, object]:
        """Return the numbers of `parity` of the JSON contract, per output too."""
        outputs = [output.as_json() for output in self.outputs]
        return {"examples": self.examples, **_numbers(self), "outputs": outputs}


def _numbers(result: OutputFidelity | Fidelity) -> dict[str, object]:
    return {
        "max_abs_error": result.max_abs_error,
        "relative_error": result.relative_error,
        "cosine": result.cosine,
        "sqnr_db": result.sqnr_db,
        "top1_agreement": result.top1_agreement,
        "varies": result.varies,
    }


class FidelityMeter:
    """Accumulates fidelity; memory does not grow with the number of examples."""

    def __init__(self, names: Sequence[str], holds: Sequence[str] = ()) -> None:
        """Begin.

        Args:
            names: of the outputs.
            holds: per output, what it holds (`TensorSpec.holds`); () for outputs as models give
                them, whose vectors are scores of classes.
        """
        pairs = zip(names, holds or ("",) * len(names), strict=True)
        self._outputs = [_OutputMeter(name, kind) for name, kind in pairs]

    def update(self, reference: Sequence[Array], actual: Sequence[Array]) -> None:
        """Add k examples: one array (k, *output_example_shape) per output, from each side.

        Raises:
            InputError: the two sides differ in the number of outputs or in a shape.
        """
        if not len(reference) == len(actual) == len(self._outputs):
            raise InputError(
                f"One model has {len(reference)} outputs and the other {len(actual)}; "
                f"{len(self._outputs)} were expected."
            )
        for meter, expected, given in zip(self._outputs, reference, actual, strict=True):
            meter.update(np.asarray(expected), np.asarray(given))

    def result(self) -> Fidelity:
        """Return what all examples so far show.

        Raises:
            InternalError: nothing was compared.
        """
        examples = min((meter.examples for meter in self._outputs), default=0)
        if examples == 0:
            raise InternalError("No outputs were compared.")
        outputs = tuple(meter.result() for meter in self._outputs)
        agreements = [o.top1_agreement for o in outputs if o.top1_agreement is not None]
        judged = [o for o in outputs if not o.indices] or outputs
        return Fidelity(
            examples,
            outputs,
            max_abs_error=max(o.max_abs_error for o in judged),
            relative_error=max(o.relative_error for o in judged),
            cosine=min(o.cosine for o in judged),
            sqnr_db=min(o.sqnr_db for o in judged),
            top1_agreement=min(agreements, default=None),
            varies=any(o.varies for o in outputs),
            non_finite=sum(o.non_finite for o in outputs),
        )


class _OutputMeter:
    def __init__(self, name: str, holds: str = "") -> None:
        self.name = name
        self.holds = holds
        self.indices = False
        self.differing = self.values = self.chosen = 0
        self.examples = 0
        self.max_error = self.max_reference = self.max_change = 0.0
        self.sum_reference = self.sum_actual = self.sum_product = self.sum_error = 0.0
        self.non_finite = self.agreeing = 0
        self.is_vector = True
        self.first: Array | None = None

    def update(self, reference: Array, actual: Array) -> None:
        if reference.shape != actual.shape:
            raise InputError(
                f"The output '{self.name}' has shape {reference.shape[1:]} per example in one "
                f"model and {actual.shape[1:]} in the other."
            )
        if reference.size == 0:
            self.examples += len(reference)
            return
        if is_index(reference.dtype):
            self._update_indices(reference, actual)
            return
        self._count_top1(reference, actual)
        expected, given = self._finite(reference.astype(np.float64), actual.astype(np.float64))
        self._note_change(expected)
        error = expected - given
        self.max_error = max(self.max_error, float(np.abs(error).max()))
        self.max_reference = max(self.max_reference, float(np.abs(expected).max()))
        self.sum_reference += _dot(expected, expected)
        self.sum_actual += _dot(given, given)
        self.sum_product += _dot(expected, given)
        self.sum_error += _dot(error, error)
        self.examples += len(reference)

    def _update_indices(self, reference: Array, actual: Array) -> None:
        self.indices = True
        self._note_change(reference.astype(np.float64))
        self.max_reference = max(self.max_reference, float(np.abs(reference).max()))
        differs = reference != actual
        self.differing += int(np.count_nonzero(differs))
        self.values += reference.size
        judged = differs[..., 0] if self.holds == "ranking" else differs
        self.agreeing += judged.size - int(np.count_nonzero(judged))
        self.chosen += judged.size
        self.examples += len(reference)

    def _of_indices(self) -> OutputFidelity:
        return OutputFidelity(
            self.name,
            max_abs_error=float(self.differing > 0),
            relative_error=float(self.differing > 0),
            cosine=1 - self.differing / self.values,
            sqnr_db=_decibel(self.values, 2 * self.differing),
            top1_agreement=self.agreeing / self.chosen,
            varies=self.examples < 2 or self.max_change > 0,
            indices=True,
        )

    def _count_top1(self, reference: Array, actual: Array) -> None:
        several = reference.ndim == 2 and reference.shape[1] >= 2
        self.is_vector = self.is_vector and not self.holds and several
        if self.is_vector:
            same = reference.argmax(axis=1) == actual.argmax(axis=1)
            self.agreeing += int(np.count_nonzero(same))

    def _finite(self, expected: Array, given: Array) -> tuple[Array, Array]:
        """Set to 0 what is not finite on either side, counting where the sides differ."""
        bad = ~(np.isfinite(expected) & np.isfinite(given))
        if not bad.any():
            return expected, given
        same = (expected == given) | (np.isnan(expected) & np.isnan(given))
        self.non_finite += int(np.count_nonzero(bad & ~same))
        return np.where(bad, 0.0, expected), np.where(bad, 0.0, given)

    def _note_change(self, expected: Array) -> None:
        if self.first is None:
            self.first = expected[0].copy()
        if self.first.shape != expected.shape[1:]:
            self.max_change = math.inf
            return
        self.max_change = max(self.max_change, float(np.abs(expected - self.first).max()))

    def result(self) -> OutputFidelity:
        if self.indices:
            return self._of_indices()
        broken = self.non_finite > 0
        error = ABSOLUTE_CAP if broken else min(self.max_error, ABSOLUTE_CAP)
        return OutputFidelity(
            self.name,
            max_abs_error=error,
            relative_error=_ratio(error, self.max_reference),
            cosine=0.0 if broken else self._cosine(),
            sqnr_db=-SQNR_CAP_DB if broken else _decibel(self.sum_reference, self.sum_error),
            top1_agreement=self.agreeing / self.examples if self.is_vector else None,
            varies=self.examples < 2 or self.max_change > _CONSTANT * self.max_reference,
            non_finite=self.non_finite,
        )

    def _cosine(self) -> float:
        if self.sum_error == 0:
            return 1.0
        if self.sum_reference == 0 or self.sum_actual == 0:
            return 0.0
        length = math.sqrt(self.sum_reference) * math.sqrt(self.sum_actual)
        return max(-1.0, min(1.0, self.sum_product / length))


def is_index(dtype: np.dtype[Any]) -> bool:
    """Return whether values of this type are indices or truth values, not quantities."""
    return dtype.kind == "b" or (dtype.kind == "i" and dtype.itemsize >= _INDEX_BYTES)


def _dot(a: Array, b: Array) -> float:
    # Not np.vdot on float32 data: these sums run over millions of values.
    return float(np.dot(a.ravel(), b.ravel()))


def _ratio(error: float, reference: float) -> float:
    if error == 0:
        return 0.0
    return RELATIVE_CAP if error >= reference * RELATIVE_CAP else error / reference


def _decibel(signal: float, noise: float) -> float:
    if noise == 0:
        return SQNR_CAP_DB
    if signal == 0:
        return -SQNR_CAP_DB
    value = 10 * (math.log10(signal) - math.log10(noise))
    return max(-SQNR_CAP_DB, min(SQNR_CAP_DB, value))
