"""The nouns: Tensor, Op, Graph. Frozen; identity is the object, indices exist only in files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy.typing as npt

from litesmith.graph.dtypes import DType

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Blockwise:
    """Block-wise scales of a weight (LiteRT: FULLY_CONNECTED, int4, float16 scales).

    Attributes:
        scales: constant float16 tensor, one scale per block of the last axis.
        zero_points: constant tensor of zero points, or None when symmetric.
        block_size: elements per block.
        block_shape: the schema's block shape, () when only `block_size` is used.
    """

    scales: Tensor
    zero_points: Tensor | None
    block_size: int
    block_shape: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class QuantParams:
    """Affine quantization: real = scale * (q - zero_point).

    On a float tensor this is an annotation (what the tensor will become); on an integer tensor
    it is what the file says.

    Attributes:
        scale: float32[1], or float32[channels] when `axis` is given.
        zero_point: int64 of the same length.
        axis: the per-channel axis, or None for per-tensor.
        bits: width of the stored integers (2, 4, 8, 16 or 32).
        minimum, maximum: recorded ranges (float32) that some files carry; informational.
        blockwise: block-wise scales, when the file has them.
    """

    scale: Array
    zero_point: Array
    axis: int | None = None
    bits: int = 8
    minimum: Array | None = None
    maximum: Array | None = None
    blockwise: Blockwise | None = None


@dataclass(frozen=True, eq=False)
class Tensor:
    """A value in a graph: a constant when `data` is set, else an activation or an input.

    Attributes:
        name: as in the file; not necessarily unique.
        shape: static shape; unknown dimensions are 1 here and -1 in `shape_signature`.
        dtype: element type.
        data: constant value. Fixed-size kinds: array of `shape` with `dtype.numpy` elements (int4
            and int2 unpacked, one element each); strings, sparse and other raw kinds: uint8[bytes].
        quant: quantization parameters or annotation.
        shape_signature: shape with -1 for unknown dimensions, or None when all are known.
        has_rank: the schema's flag (False in most files, even when the shape is known).
        is_variable: state that survives from one invocation to the next.
        raw: True when `data` holds raw bytes although the kind has a fixed element size (sparse).
        extras: schema objects that are carried through untouched (sparsity, variant_tensors).
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType = DType.FLOAT32
    data: Array | None = None
    quant: QuantParams | None = None
    shape_signature: tuple[int, ...] | None = None
    has_rank: bool = False
    is_variable: bool = False
    raw: bool = False
    extras: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_constant(self) -> bool:
        """True when the value is stored in the file."""
        return self.data is not None

    @property
    def is_dynamic(self) -> bool:
        """True when a dimension is only known at run time."""
        return self.shape_signature is not None and -1 in self.shape_signature

    @property
    def memory_bytes(self) -> int:
        """Bytes of the value as an array: a byte at least per element, open dimensions as 1."""
        return math.prod(self.shape) * max(1, self.dtype.numpy.itemsize)

    def with_(self, **changes: Any) -> Tensor:
        """Return a copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Options:
    """An op's builtin options: the schema table's name and its fields (snake_case).

    Sub-graph references are not here but in `Op.subgraphs`.
    """

    table: str
    fields: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field, or `default` when the table has no such field."""
        return self.fields.get(name, default)

    def with_(self, **changes: Any) -> Options:
        """Return a copy with some fields changed."""
        return Options(self.table, MappingProxyType({**self.fields, **changes}))


@dataclass(frozen=True, eq=False)
class Op:
    """One operator.

    Attributes:
        kind: builtin name as in the schema ("CONV_2D"), "CUSTOM:Name" for a custom op.
        inputs: tensors, None for an omitted optional input.
        outputs: tensors this op defines.
        options: builtin options or None.
        custom_options: bytes of a custom op's options.
        version: operator version of the schema.
        subgraphs: graphs this op calls, in the order of its option table (WHILE: condition, body).
        intermediates: the schema's intermediate tensors (quantized LSTM).
        mutating: the schema's `mutating_variable_inputs`.
        origin: names of the source's layers this op came from.
    """

    kind: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Options | None = None
    custom_options: bytes | None = None
    version: int = 1
    subgraphs: tuple[Graph, ...] = ()
    intermediates: tuple[Tensor, ...] = ()
    mutating: tuple[bool, ...] = ()
    origin: tuple[str, ...] = ()

    def with_(self, **changes: Any) -> Op:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def input(self, index: int) -> Tensor | None:
        """Return an input, None when it is omitted or beyond the end."""
        return self.inputs[index] if index < len(self.inputs) else None

    def option(self, name: str, default: Any = None) -> Any:
        """Return one builtin option, or `default` when the op has none."""
        return default if self.options is None else self.options.get(name, default)


@dataclass(frozen=True)
class Signature:
    """Names by which an application addresses inputs and outputs.

    Attributes:
        key: e.g. "serving_default".
        inputs: (name, position in `Graph.inputs`) pairs; outputs likewise.
    """

    key: str
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """A TFLite (sub)graph; the top-level one also carries what belongs to the file.

    Attributes:
        inputs, outputs: tensors, in the order the runtime numbers them.
        ops: in execution order.
        name: the subgraph's name.
        signatures: names for this graph's inputs and outputs.
        siblings: further top-level graphs of the file (other signatures).
        metadata: (name, bytes) entries of the file.
        files: (name, content) of the archive behind the model: labels, vocabularies.
        description: free text of the file.
        version: schema version.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    name: str = "main"
    signatures: tuple[Signature, ...] = ()
    siblings: tuple[Graph, ...] = ()
    metadata: tuple[tuple[str, bytes], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    description: str = ""
    version: int = 3

    def with_(self, **changes: Any) -> Graph:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def graphs(self) -> Iterator[Graph]:
        """Yield this graph, the graphs its ops call (each once) and its siblings."""
        seen: set[int] = set()
        todo = [self]
        while todo:
            graph = todo.pop(0)
            if id(graph) in seen:
                continue
            seen.add(id(graph))
            yield graph
            todo += [sub for op in graph.ops for sub in op.subgraphs]
            todo += graph.siblings

    def tensors(self) -> tuple[Tensor, ...]:
        """Return every tensor of this graph (not of called graphs), inputs first, each once."""
        found: dict[int, Tensor] = {id(t): t for t in self.inputs}
        for op in self.ops:
            for tensor in (*op.inputs, *op.intermediates, *op.outputs):
                if tensor is not None:
                    found.setdefault(id(tensor), tensor)
        for tensor in self.outputs:
            found.setdefault(id(tensor), tensor)
        return tuple(found.values())

    def input_names(self) -> tuple[str, ...]:
        """Return the application's names of the inputs (signature, else tensor names)."""
        return _names(self.inputs, self.signatures[0].inputs if self.signatures else ())

    def output_names(self) -> tuple[str, ...]:
        """Return the application's names of the outputs (signature, else tensor names)."""
        return _names(self.outputs, self.signatures[0].outputs if self.signatures else ())


def _names(tensors: tuple[Tensor, ...], named: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    by_position = {position: name for name, position in named}
    return tuple(by_position.get(i, t.name) for i, t in enumerate(tensors))
