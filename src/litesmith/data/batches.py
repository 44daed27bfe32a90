"""Values in memory and user functions: arrays, (x, y), dicts, iterables of batches, `tf.data`.

TensorFlow is never imported here: a data set is known by its methods.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from litesmith.data.dataset import Dataset
from litesmith.data.keys import Keys, choose_arrays
from litesmith.data.numpy_files import ArrayReader
from litesmith.data.python_object import user_code
from litesmith.data.rows import Block, Rows, pick
from litesmith.data.specs import Array, TensorSpec
from litesmith.errors import InputError

_END: Any = object()
_INFINITE = -1
# Where a stream of labelled examples is taken for endless: all its labels are read before it is
# scored, and nothing but a whole pass tells that it ends.
_MOST_LABELLED = 2_000_000
_MOST_LABEL_BYTES = 4 << 30
_MOST_SECONDS = 900.0
_LABELS_HINT = "Give batches (x, y), with y the labels."


@dataclass(frozen=True)
class BatchStream:
    """An iterable of batches that is started anew for every pass.

    Attributes:
        start: begins a pass.
        inputs: the model's inputs.
        name: for messages.
        labels: what an earlier pass gave; later passes must give the same.
    """

    start: Callable[[], Iterable[Any]]
    inputs: tuple[TensorSpec, ...]
    name: str
    labels: Array | None = None

    @property
    def size(self) -> int | None:
        """Number of examples, known once labels were collected."""
        return None if self.labels is None else len(self.labels)

    def blocks(self, rows: Rows) -> Iterator[Block]:
        """Yield the chosen examples in the user's own batches."""
        return pick(self._checked(), rows)

    def _checked(self) -> Iterator[Block]:
        start = 0
        for block, labels in self.pairs():
            stop = start + len(block[0])
            expected = None if self.labels is None else self.labels[start:stop]
            if expected is not None and not np.array_equal(expected, labels):
                raise InputError(
                    f"{self.name} gives other examples, or another order, each time it is read.",
                    "Turn shuffling and augmentation off for data that is scored.",
                )
            start = stop
            yield block
        if self.labels is not None and start < len(self.labels):
            raise InputError(f"{self.name} gave {len(self.labels)} examples first, then {start}.")

    def pairs(self) -> Iterator[tuple[Block, Any]]:
        """Yield (inputs, labels or None) of every batch.

        Raises:
            InputError: the user's code failed, a batch has the wrong form, or there was none.
        """
        with user_code(self.name):
            batches = iter(self.start())
        empty = True
        while True:
            with user_code(self.name):
                batch = next(batches, _END)
            if batch is _END:
                break
            empty = False
            yield split_batch(batch, self.inputs, self.name)
        if empty:
            raise InputError(
                f"{self.name} gave no batches.",
                "It must give all of them each time it is read, not only once.",
            )

    def collect_labels(self) -> Array:
        """Return the labels of a whole pass, (n, …).

        Raises:
            InputError: batches without labels, labels of different shapes, or no end in sight.
        """
        labels: list[Array] = []
        count = size = 0
        started = time.monotonic()
        for _, given in self.pairs():
            if given is None:
                raise InputError(f"{self.name} gives batches without labels.", _LABELS_HINT)
            labels.append(np.asarray(given))
            count, size = count + len(given), size + labels[-1].nbytes
            late = time.monotonic() - started > _MOST_SECONDS
            if late or count > _MOST_LABELLED or size > _MOST_LABEL_BYTES:
                raise InputError(
                    f"{self.name} has no end in sight: it gave {count:,} labelled examples in "
                    f"{time.monotonic() - started:.0f} s and goes on.",
                    "Data to score must end; let it return after the examples that count, e.g. "
                    "with itertools.islice(batches, 100), or .take(100) of a tf.data.Dataset.",
                )
        try:
            return np.concatenate(labels)
        except ValueError as error:
            raise InputError(f"The labels of {self.name} differ in shape: {error}") from error

    def with_labels(self, labels: Array) -> BatchStream:
        """Return this stream with labels that every later pass must repeat."""
        return replace(self, labels=labels)


def is_array(value: Any) -> bool:
    """Return whether NumPy can read `value` as one array without guessing."""
    return isinstance(value, np.ndarray) or (
        hasattr(value, "__array__") and not isinstance(value, type)
    )


def split_batch(value: Any, inputs: Sequence[TensorSpec], name: str) -> tuple[Block, Array | None]:
    """Return (one array per input, labels or None) of a batch in any accepted form.

    One input: x, (x,), (x, y), {"x": …, "y": …} or {input name: …}. Several: (a, b), {name: …}, or
    either with labels, ((a, b), y). Lists count as tuples.

    Raises:
        InputError: another form, or different numbers of examples.
    """
    x, y = _x_and_y(value, len(inputs), name)
    if isinstance(x, Mapping):
        names = [str(key) for key in x]
        chosen, label = choose_arrays(names, inputs, Keys(), name)
        parts = [x[key] for key in chosen]
        y = x[label] if label and y is None else y
    else:
        parts = list(x) if isinstance(x, (tuple, list)) else [x]
    if len(parts) != len(inputs):
        raise InputError(
            f"{name} gives {len(parts)} arrays per batch, but the model has {len(inputs)} inputs.",
            "Give x or (x, y); for several inputs ((a, b), y) or {input name: array}.",
        )
    block = tuple(_as_array(part, name) for part in parts)
    labels = None if y is None else _as_array(y, f"{name} (labels)")
    lengths = [len(part) for part in (*block, *([] if labels is None else [labels]))]
    if len(set(lengths)) > 1:
        raise InputError(
            f"{name} gives arrays with different numbers of examples: "
            f"{', '.join(str(length) for length in lengths)}."
        )
    return block, labels


def _x_and_y(value: Any, count: int, name: str) -> tuple[Any, Any]:
    if is_array(value) or isinstance(value, Mapping):
        return value, None
    if not isinstance(value, (tuple, list)):
        raise InputError(
            f"{name} gives {type(value).__name__} where a batch was expected.",
            "A batch is an array, (x, y) or {input name: array}.",
        )
    nested = len(value) > 0 and isinstance(value[0], (tuple, list, Mapping))
    if len(value) == 2 and (nested or count == 1):
        return value[0], value[1]
    return (value[0] if len(value) == 1 and nested else value), None


def _as_array(value: Any, name: str) -> Array:
    with user_code(name):
        array = np.asarray(value)
    if array.dtype.kind == "O":
        raise InputError(f"{name} gives Python objects or rows of different lengths.")
    if array.ndim == 0:
        raise InputError(
            f"{name} gives a single number where a batch was expected.",
            "A batch has the examples on its first axis; for tf.data call .batch(32).",
        )
    return array


def open_value(value: Any, inputs: Sequence[TensorSpec], name: str) -> Dataset:
    """Open data that is in memory, or the function or iterable that gives it.

    Raises:
        InputError: a form that is not understood.
    """
    specs = tuple(inputs)
    if _is_one_batch(value, len(specs)):
        return _open_arrays(value, specs, name)
    if _is_stream(value):
        _refuse_iterator(value, name)
        return _open_stream(lambda: value, specs, name)
    if not callable(value):
        raise InputError(
            f"{name} is of type {type(value).__name__}, which is no data.",
            "Give an array, (x, y), {input name: array}, an iterable of batches, a tf.data.Dataset "
            "or a function that returns one of these.",
        )
    with user_code(name):
        returned = value()
    if _is_one_batch(returned, len(specs)):
        return _open_arrays(returned, specs, name)
    if _is_stream(returned):
        if isinstance(returned, Iterator):
            _refuse_same(value, returned, name)
        return _open_stream(value, specs, name)
    raise InputError(
        f"{name} returned {type(returned).__name__}, which is no data.",
        "Return batches, an array, (x, y), or a tf.data.Dataset.",
    )


def _is_one_batch(value: Any, count: int) -> bool:
    if is_array(value) or isinstance(value, (Mapping, tuple)):
        return True
    if not isinstance(value, list):
        return False
    arrays = [is_array(part) for part in value]
    if arrays and all(arrays):
        # For one input, arrays in a list are batches; several inputs need an array each.
        return count > 1 and len(value) == count
    return not any(isinstance(part, (tuple, list, Mapping)) for part in value) or not any(
        is_array(item) for part in value for item in _items(part)
    )


def _items(part: Any) -> Iterable[Any]:
    return part.values() if isinstance(part, Mapping) else part


def _is_stream(value: Any) -> bool:
    return hasattr(value, "as_numpy_iterator") or isinstance(value, Iterable)


def _begin(value: Any) -> Iterable[Any]:
    stream: Iterable[Any] = (
        value.as_numpy_iterator() if hasattr(value, "as_numpy_iterator") else value
    )
    return stream


def _refuse_iterator(value: Any, name: str) -> None:
    if isinstance(value, Iterator):
        raise InputError(
            f"{name} is an iterator, which can be read only once.",
            "Give the function that makes it, or a list of batches.",
        )


def _refuse_same(function: Callable[[], Any], returned: Any, name: str) -> None:
    with user_code(name):
        again = function()
    if again is returned:
        raise InputError(
            f"{name} returns the same iterator each time, which can be read only once.",
            "Make a new one in every call.",
        )


def _open_arrays(value: Any, inputs: tuple[TensorSpec, ...], name: str) -> Dataset:
    if isinstance(value, list) and len(inputs) == 1:
        value = _as_array(value, name)
    block, labels = split_batch(value, inputs, name)
    known = None if labels is None else lambda: labels
    return Dataset(ArrayReader(block), name, known, labels_hint="Give (x, y), with y the labels.")


def _open_stream(make: Callable[[], Any], inputs: tuple[TensorSpec, ...], name: str) -> Dataset:
    stream = BatchStream(lambda: _begin(make()), inputs, name)

    def labels() -> Array:
        with user_code(name):
            made = make()
        _refuse_endless(made, name)
        return stream.collect_labels()

    return Dataset(stream, name, labels, labels_hint=_LABELS_HINT)


def _refuse_endless(dataset: Any, name: str) -> None:
    cardinality = getattr(dataset, "cardinality", None)
    if callable(cardinality) and int(np.asarray(cardinality())) == _INFINITE:
        raise InputError(f"{name} repeats without end.", "Remove .repeat() from data to score.")
