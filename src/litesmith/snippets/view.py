"""A file as code sees it: its ends, by names that a program can have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from litesmith.errors import ConversionError
from litesmith.graph import DType, Graph, Tensor
from litesmith.interface.feeds import is_raw, read_feeds
from litesmith.interface.metadata import PortSummary, summarize
from litesmith.snippets.spelling import RESERVED

TYPES = (
    DType.FLOAT32, DType.FLOAT64, DType.INT8, DType.UINT8, DType.INT16, DType.INT32, DType.INT64,
    DType.BOOL,
)  # fmt: skip


@dataclass(frozen=True)
class PortView:
    """One input or output.

    Attributes:
        index: position among the inputs or outputs.
        name: as the file says it.
        variable: the name as a variable, words in lower case joined by `_`; unique in the file.
        dtype: element type.
        shape: sizes; what the file assumes where the application chooses.
        open: axes whose size the application chooses.
        scale, zero_point: of a quantized port, else None.
        mean, std: of (raw − mean) / std, () when the file does not say.
        labels: names of the classes, () without any.
        names_values: the labels name values (numbers of classes), not the last axis (scores).
    """

    index: int
    name: str
    variable: str
    dtype: DType
    shape: tuple[int, ...]
    open: tuple[int, ...]
    scale: float | None
    zero_point: int | None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    names_values: bool = False

    @property
    def count(self) -> int:
        """Elements at the sizes of `shape`."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def quantized(self) -> bool:
        """True when integers stand for real values."""
        return self.scale is not None

    @property
    def real(self) -> DType:
        """The type that a program handles: float32 for what is quantized."""
        return DType.FLOAT32 if self.quantized else self.dtype

    @property
    def sizes(self) -> str:
        """The shape for a reader: `1×?×?×3`."""
        sizes = ["?" if i in self.open else str(size) for i, size in enumerate(self.shape)]
        return "×".join(sizes) or "one value"

    @property
    def about(self) -> str:
        """One line about the port: name, type, shape, scale."""
        text = f"{' '.join(self.name.split())}: {self.dtype} {self.sizes}"
        if self.quantized:
            text += f", real = {self.scale!r} * (q - {self.zero_point})"
        return text

    @property
    def labels_scores(self) -> bool:
        """True when every value is the score of one label."""
        return bool(self.labels) and not self.names_values and self.count == len(self.labels)

    @property
    def labels_values(self) -> bool:
        """True when every value is the number of a label."""
        return bool(self.labels) and self.names_values

    @property
    def raw_pixels(self) -> bool:
        """True when bytes go in as they are."""
        return self.dtype is DType.UINT8 and (self.mean, self.std) == ((0.0,), (1.0,))


@dataclass(frozen=True)
class View:
    """A file.

    Attributes:
        file: its name.
        signature: key of the signature that names the ends, "" without one.
        inputs, outputs: in the runtime's order.
        graph: what the file holds.
    """

    file: str
    signature: str
    inputs: tuple[PortView, ...]
    outputs: tuple[PortView, ...]
    graph: Graph

    @property
    def is_open(self) -> bool:
        """True when the application chooses a size."""
        return any(port.open for port in self.inputs)


def view_of(graph: Graph, file: str) -> View:
    """Return a file as code sees it.

    Raises:
        ConversionError: an end has a type that programs cannot feed or read plainly.
    """
    said = summarize(graph)
    taken: set[str] = set()
    return View(
        file=file,
        signature=graph.signatures[0].key if graph.signatures else "",
        inputs=_ports(
            graph, graph.input_names(), graph.inputs, said.inputs if said else (), taken, "x"
        ),
        outputs=_ports(
            graph, graph.output_names(), graph.outputs, said.outputs if said else (), taken, "y"
        ),
        graph=graph,
    )


def _ports(
    graph: Graph,
    names: Sequence[str],
    tensors: Sequence[Tensor],
    said: Sequence[PortSummary],
    taken: set[str],
    letter: str,
) -> tuple[PortView, ...]:
    feeds = read_feeds(graph) if letter == "x" else {}
    found = []
    for i, (name, tensor) in enumerate(zip(names, tensors, strict=True)):
        known = said[i] if said else PortSummary(name)
        port = _port(i, name, tensor, known, _variable(name, f"{letter}{i}", taken))
        found.append(_raw(port) if is_raw(feeds.get(name, "")) else port)
    return tuple(found)


def _raw(port: PortView) -> PortView:
    """Return an input that takes raw bytes as they are (int8: minus 128), whatever its scale."""
    if port.dtype.is_float:
        return port
    pixels: tuple[tuple[float, ...], ...] = (
        ((0.0,), (1.0,)) if port.dtype is DType.UINT8 else ((), ())
    )
    return replace(port, scale=None, zero_point=None, mean=pixels[0], std=pixels[1])


def _port(index: int, name: str, tensor: Tensor, known: PortSummary, variable: str) -> PortView:
    if tensor.dtype not in TYPES:
        raise ConversionError(
            f"'{name}' is of type {tensor.dtype}, which code cannot feed or read plainly.",
            f"There is code for {', '.join(TYPES)}.",
        )
    signature = tensor.shape_signature or tensor.shape
    quant = tensor.quant
    scaled = quant is not None and quant.scale.size == 1 and not tensor.dtype.is_float
    return PortView(
        index=index,
        name=name,
        variable=variable,
        dtype=tensor.dtype,
        shape=tensor.shape,
        open=tuple(axis for axis, size in enumerate(signature) if size < 0),
        scale=_short(quant.scale[0]) if quant is not None and scaled else None,
        zero_point=int(quant.zero_point[0]) if quant is not None and scaled else None,
        mean=tuple(map(_short, known.mean)),
        std=tuple(map(_short, known.std)),
        labels=known.labels,
        names_values=known.names_values,
    )


def _short(value: float) -> float:
    """Return the shortest number that is this float32."""
    return float(str(np.float32(value)))


def _variable(name: str, otherwise: str, taken: set[str]) -> str:
    """Return a name as lower-case words, one that no other port and no language has."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    words = re.sub(r"[^0-9a-z]+", "_", apart.lower()).strip("_")[:40].rstrip("_") or otherwise
    base = f"{otherwise}_{words}" if words[0].isdigit() or words in RESERVED else words
    found, count = base, 1
    while found in taken:
        count += 1
        found = f"{base}_{count}"
    taken.add(found)
    return found
