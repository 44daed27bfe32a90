"""LiteRT's interpreter behind one adapter: examples in, examples out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.errors import LoadError
from litesmith.graph import Array

# Which kernels execute the file: XNNPACK and optimized ones, the latter alone, or the reference.
KERNELS: dict[str, str] = {
    "default": "BUILTIN",
    "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "reference": "BUILTIN_REF",
}


@dataclass(frozen=True)
class Port:
    """An input or output of the file, as the runtime reports it.

    Attributes:
        name: tensor name.
        shape: static shape; what the file assumes for open dimensions.
        dtype: NumPy name of the element type.
        scale, zero_point: per-tensor quantization, None for tensors that are not quantized.
        signature: shape with -1 for dimensions that the application may choose, () without any.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None
    signature: tuple[int, ...] = ()

    @property
    def is_open(self) -> bool:
        """True when the application may choose a dimension."""
        return bool(self.signature)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Return whether a value of that shape is one whole tensor of this port."""
        sizes = self.signature or self.shape
        return len(shape) == len(sizes) and all(
            size in (-1, found) for size, found in zip(sizes, shape, strict=True)
        )

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example: a leading axis of 1 is the batch."""
        return self.shape[1:] if self.shape[:1] == (1,) else self.shape


class Session:
    """A loaded .tflite file.

    Args:
        model: the file's bytes.
        threads: intra-op threads.
        kernels: a key of `KERNELS`.

    Raises:
        LoadError: LiteRT refuses the file.
    """

    def __init__(self, model: bytes, threads: int = 1, kernels: str = "default") -> None:
        self._model = model
        self._threads = threads
        self._kernels = kernels
        self._interpreter = self._load()
        self.inputs = tuple(map(_port, self._interpreter.get_input_details()))
        self.outputs = tuple(map(_port, self._interpreter.get_output_details()))
        self._in = [d["index"] for d in self._interpreter.get_input_details()]
        self._out = [d["index"] for d in self._interpreter.get_output_details()]
        self._shapes = [port.shape for port in self.inputs]
        # Resource variables outlive `reset_all_variables`; only a new interpreter forgets them.
        self._keeps_state = _keeps_state(self._interpreter)

    def _load(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        try:
            interpreter = Interpreter(
                model_content=self._model,
                num_threads=self._threads,
                experimental_op_resolver_type=OpResolverType[KERNELS[self._kernels]],
            )
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            why = _first_line(error)
            raise LoadError(
                f"LiteRT refuses the file: {why}",
                "It was compiled for other hardware, or needs an op that LiteRT does not have: "
                "take the file that it was made from."
                if "unresolved custom op" in why
                else "Check the file with `litesmith check`.",
            ) from error
        return interpreter

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes that LiteRT computed, by names that one tensor alone has."""
        details = self._interpreter.get_tensor_details()
        count = Counter(detail["name"] for detail in details)
        return {d["name"]: tuple(map(int, d["shape"])) for d in details if count[d["name"]] == 1}

    def reset(self) -> None:
        """Forget all state, so that examples do not see each other."""
        if self._keeps_state:
            self._interpreter = self._load()
            self._shapes = [port.shape for port in self.inputs]
        else:
            self._interpreter.reset_all_variables()

    def feed(self, example: Sequence[Array]) -> None:
        """Set the inputs of one invocation.

        Args:
            example: one array per input, of the port's dtype, in the port's shape or without its
                leading 1; open dimensions take the array's.

        Raises:
            LoadError: the file cannot compute with these sizes.
        """
        values = [_whole(np.asarray(x), p) for x, p in zip(example, self.inputs, strict=True)]
        self._resize([value.shape for value in values])
        for index, value in zip(self._in, values, strict=True):
            self._interpreter.set_tensor(index, value)

    def _resize(self, shapes: list[tuple[int, ...]]) -> None:
        if shapes == self._shapes:
            return
        self._shapes = []  # unknown until all of it has succeeded
        try:
            for index, shape in zip(self._in, shapes, strict=True):
                self._interpreter.resize_tensor_input(index, shape, strict=True)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise LoadError(
                f"LiteRT cannot run the file on inputs {shapes}: {_first_line(error)}"
            ) from error
        self._shapes = shapes

    def invoke(self) -> None:
        """Run once on what was fed.

        Raises:
            LoadError: a kernel fails.
        """
        try:
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise LoadError(f"LiteRT cannot run the file: {_first_line(error)}") from error

    def views(self) -> list[Array]:
        """Return the outputs of the last invocation without copying; do not keep them."""
        return [self._interpreter.tensor(index)() for index in self._out]

    def fetch(self) -> list[Array]:
        """Return copies of the outputs of the last invocation."""
        return [self._interpreter.get_tensor(index) for index in self._out]

    def invocations(self, batch: Sequence[Array], size: int | None = None) -> Iterator[list[Array]]:
        """Yield what to feed, one invocation after the other.

        A file for N examples at a time gets N, the last ones repeated where too few are left.

        Args:
            batch: per input an array (k, *example_shape) of the port's dtype.
            size: examples per invocation of a file whose batch is open.
        """
        step = self._examples_each(batch, size)
        for i in range(0, len(batch[0]), step):
            if step == 1:
                yield [x[i] for x in batch]
            else:
                yield [_rows(x, p, i, step) for x, p in zip(batch, self.inputs, strict=True)]

    def _examples_each(self, batch: Sequence[Array], size: int | None) -> int:
        together = [p for x, p in zip(batch, self.inputs, strict=True) if _is_stacked(x, p)]
        if len(together) < len(self.inputs):
            return 1
        fixed = {p.shape[0] for p in together if p.signature[:1] != (-1,)}
        return fixed.pop() if len(fixed) == 1 else 1 if fixed else size or 1

    def run(self, batch: Sequence[Array], size: int | None = None) -> list[Array]:
        """Run each example of a batch in turn; quantized ends are handled here.

        Args:
            batch: per input an array (k, *example_shape); floats are quantized for integer ports.
            size: examples per invocation of a file whose batch is open (default 1).

        Returns:
            Per output float32 (dequantized) or the port's own dtype, (k, *example_shape).
        """
        fed = [quantize(x, p) for x, p in zip(batch, self.inputs, strict=True)]
        count, step = len(batch[0]), self._examples_each(fed, size)
        rows: list[list[Array]] = [[] for _ in self.outputs]
        for example in self.invocations(fed, size):
            self.reset()
            self.feed(example)
            self.invoke()
            for kept, value, port in zip(rows, self.fetch(), self.outputs, strict=True):
                kept.extend(_examples(value, port, step))
        return [dequantize(np.stack(r[:count]), p) for r, p in zip(rows, self.outputs, strict=True)]

    def raw(self, batch: Sequence[Array]) -> list[Array]:
        """Run each example of a batch in turn, nothing quantized, dequantized or reshaped.

        Args:
            batch: per input an array (k, *shape of the port); a file without inputs runs once.

        Returns:
            Per output what the file computes, (k, *its shape).
        """
        rows = []
        for i in range(len(batch[0]) if batch else 1):
            self.reset()
            self.feed([values[i] for values in batch])
            self.invoke()
            rows.append(self.fetch())
        return [np.stack(column) for column in zip(*rows, strict=True)]


def _whole(value: Array, port: Port) -> Array:
    """Return the value of one input, its leading 1 added where it is missing."""
    if port.fits(value.shape):
        return value
    return value[np.newaxis] if port.fits((1, *value.shape)) else value.reshape(port.shape)


def _is_stacked(values: Array, port: Port) -> bool:
    """Return whether the axis of examples is the port's own first axis."""
    return 0 < values.ndim == len(port.shape)


def _rows(values: Array, port: Port, start: int, size: int) -> Array:
    rows = values[start : start + size]
    missing = size - len(rows)
    if not missing or port.signature[:1] == (-1,):
        return rows
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)])


def _examples(value: Array, port: Port, step: int) -> Iterator[Array]:
    """Yield the examples in an output of an invocation on `step` examples."""
    if step == 1:
        yield value[0] if port.shape[:1] == (1,) and value.shape[:1] == (1,) else value
    else:
        yield from value


def quantize(values: Array, port: Port) -> Array:
    """Return real values as the port's integers: clip(round(x / scale) + zero_point).

    Values that already have the port's dtype pass unchanged.
    """
    values = np.asarray(values)
    if port.scale is None or values.dtype == np.dtype(port.dtype):
        return values.astype(port.dtype, copy=False)
    info = np.iinfo(port.dtype)
    steps = np.rint(values / np.float32(port.scale)) + (port.zero_point or 0)
    return np.asarray(np.clip(steps, info.min, info.max), port.dtype)


def dequantize(values: Array, port: Port) -> Array:
    """Return the port's integers as real values, float32: scale · (q − zero_point)."""
    if port.scale is None:
        return values
    shifted = values.astype(np.int32) - np.int32(port.zero_point or 0)
    return np.asarray(shifted * np.float32(port.scale), np.float32)


def _port(details: dict[str, Any]) -> Port:
    scale, zero_point = details["quantization"]
    integer = np.issubdtype(details["dtype"], np.integer) and scale != 0.0
    signature = tuple(int(d) for d in details["shape_signature"])
    return Port(
        name=details["name"],
        shape=tuple(int(d) for d in details["shape"]),
        dtype=np.dtype(details["dtype"]).name,
        scale=float(scale) if integer else None,
        zero_point=int(zero_point) if integer else None,
        signature=signature if -1 in signature else (),
    )


_CALLS = frozenset({"WHILE", "IF", "CALL"})  # graphs that may assign variables


def _keeps_state(interpreter: Any) -> bool:
    """True when an invocation may change resources; those that CALL_ONCE fills stay as they are."""
    kinds = {op["op_name"] for op in interpreter._get_ops_details()}
    return "VAR_HANDLE" in kinds and bool(kinds & (_CALLS | {"ASSIGN_VARIABLE"}))


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") + "." if lines else type(error).__name__ + "."
