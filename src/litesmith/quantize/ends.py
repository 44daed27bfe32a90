"""How a file's inputs arrive and its outputs leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litesmith.data.per_port import by_port
from litesmith.graph import DType, QuantParams, Tensor
from litesmith.quantize.entrances import bytes_like
from litesmith.quantize.ranges import Ranges

ENDS = ("float32", "int8", "uint8")


@dataclass(frozen=True)
class Ends:
    """Element types per input and output, and the parameters of inputs whose codes are settled."""

    arrive: tuple[str, ...]
    leave: tuple[str, ...]
    pins: Mapping[Tensor, QuantParams]


def types_of(given: str, names: Sequence[str], what: str) -> tuple[str, ...]:
    """Return the element type of each input or output, as `--input-type` says it."""
    return by_port(given.split(","), names, f"--{what}-type", "float32", what)


def integers_among(tensors: Sequence[Tensor], types: Sequence[str]) -> tuple[Tensor, ...]:
    """Return the float tensors that arrive or leave as integers."""
    pairs = zip(tensors, types, strict=True)
    return tuple(t for t, kind in pairs if kind != "float32" and t.dtype is DType.FLOAT32)


def byte_pins(inputs: Sequence[Tensor], ranges: Ranges) -> dict[Tensor, QuantParams]:
    """Return the parameters of inputs that were seen to hold raw bytes."""
    found = {tensor: bytes_like(ranges, tensor) for tensor in inputs}
    return {tensor: quant for tensor, quant in found.items() if quant is not None}
