"""Bytes of a .tflite file → Graph."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from litesmith.errors import LoadError
from litesmith.graph import schema
from litesmith.graph.dtypes import DType
from litesmith.graph.model import (
    Array,
    Blockwise,
    Graph,
    Op,
    Options,
    QuantParams,
    Signature,
    Tensor,
)
from litesmith.graph.verify import problems

_MAGIC = b"TFL3"
# The adapter's list: what the generated code and NumPy raise on bytes that are not a model.
_DAMAGE = (
    struct.error,
    IndexError,
    ValueError,
    TypeError,
    KeyError,
    OverflowError,
    AttributeError,
    UnicodeDecodeError,
    RecursionError,
    MemoryError,
)


def read(data: bytes) -> Graph:
    """Return the graph of a .tflite file.

    Args:
        data: the whole file.

    Raises:
        LoadError: the bytes are not a .tflite model, are damaged, or keep weights in other files.
    """
    if len(data) < 8 or data[4:8] != _MAGIC:
        raise LoadError(
            "The file is not a .tflite model (its identifier 'TFL3' is missing).",
            "Check that the download or copy is complete.",
        )
    try:
        model = schema.module().ModelT.InitFromObj(schema.module().Model.GetRootAs(data, 0))
        graph = _Reader(model, data).main()
    except _DAMAGE as error:
        raise LoadError(
            f"The .tflite file is damaged: {type(error).__name__} while reading it.",
            "Convert or download it again.",
        ) from error
    found = [problem for sub in graph.graphs() for problem in problems(sub)]
    if found:
        raise LoadError(f"The .tflite file is not a valid model: {found[0]}.", "Convert it again.")
    return graph


class _Reader:
    """One pass over a file's object form; indices live only here."""

    def __init__(self, model: Any, data: bytes) -> None:
        if model.externalBuffers or model.externalBufferGroups:
            raise LoadError(
                "The .tflite file keeps its weights in separate files (external buffers).",
                "Pass a file that holds its own weights.",
            )
        self.model = model
        self.file = data
        self.codes = [_kind(code) for code in model.operatorCodes or ()]
        self.views: dict[tuple[int, DType, tuple[int, ...]], Array] = {}
        self.tensors: list[list[Tensor]] = []
        self.built: dict[int, Graph] = {}
        self.open: set[int] = set()

    def main(self) -> Graph:
        subgraphs = self.model.subgraphs or ()
        if not subgraphs:
            raise LoadError("The .tflite file holds no graph.", "Convert it again.")
        self.tensors = [self._tensors(sub) for sub in subgraphs]
        main = self._graph(0)
        called = {id(g) for g in main.graphs()}
        tops = sorted({s.subgraphIndex for s in self.model.signatureDefs or ()} - {0})
        siblings = tuple(g for g in map(self._graph, tops) if id(g) not in called)
        return main.with_(
            siblings=siblings,
            metadata=tuple(self._metadata()),
            description=_str(self.model.description),
            version=self.model.version,
        )

    def _metadata(self) -> list[tuple[str, bytes]]:
        return [(_str(m.name), self._bytes(m.buffer).tobytes()) for m in self.model.metadata or ()]

    def _bytes(self, index: int) -> Array:
        buffer = self.model.buffers[index]
        # Offsets 0 and 1 mean "inside the flatbuffer"; larger ones point behind it (files > 2 GB).
        if buffer.offset > 1:
            end = buffer.offset + buffer.size
            if end > len(self.file):
                raise ValueError("buffer behind the end of the file")
            return np.frombuffer(self.file, np.uint8, buffer.size, buffer.offset)
        if buffer.data is None:
            return np.empty(0, np.uint8)
        return np.asarray(buffer.data, np.uint8)

    def _tensors(self, subgraph: Any) -> list[Tensor]:
        found = [self._tensor(raw) for raw in subgraph.tensors or ()]
        for i in {i for op in subgraph.operators or () for i in _ints(op.outputs)}:
            # What an op computes is no constant, even where it is empty (a split of 0 channels).
            data = found[i].data if 0 <= i < len(found) else None
            if data is not None and not data.size:
                found[i] = found[i].with_(data=None)
        return [
            t.with_(quant=self._blockwise(raw.quantization, t.quant, found))
            if raw.quantization is not None and raw.quantization.detailsType
            else t
            for raw, t in zip(subgraph.tensors or (), found, strict=True)
        ]

    def _tensor(self, raw: Any) -> Tensor:
        if raw.externalBuffer:
            raise LoadError("The .tflite file keeps its weights in separate files.")
        name = schema.code_names("TensorType")[raw.type]
        if name not in DType.__members__:
            raise LoadError(
                f"The .tflite file uses the tensor type {name}, which is not supported."
            )
        dtype = DType[name]
        shape = _ints(raw.shape)
        extras = {"sparsity": raw.sparsity, "variant_tensors": raw.variantTensors}
        data, is_raw = self._data(raw, dtype, shape)
        return Tensor(
            name=_str(raw.name),
            shape=shape,
            dtype=dtype,
            data=data,
            quant=_quant(raw.quantization, dtype),
            shape_signature=None if raw.shapeSignature is None else _ints(raw.shapeSignature),
            has_rank=raw.hasRank,
            is_variable=raw.isVariable,
            raw=is_raw,
            extras=MappingProxyType({k: v for k, v in extras.items() if v is not None}),
        )

    def _data(self, raw: Any, dtype: DType, shape: tuple[int, ...]) -> tuple[Array | None, bool]:
        stored = self._bytes(raw.buffer)
        count = int(np.prod(shape, dtype=np.int64))
        if not stored.size:
            # An empty constant ([] as RESHAPE's target) has a buffer of its own and no elements.
            empty = raw.buffer > 0 and count == 0 and not raw.isVariable
            return (np.empty(shape, dtype.numpy) if empty else None), False
        key = (raw.buffer, dtype, shape)
        is_raw = raw.sparsity is not None or dtype.bits == 0
        if key not in self.views:
            self.views[key] = stored if is_raw else _elements(stored, dtype, count, shape)
        return self.views[key], is_raw

    def _blockwise(
        self, raw: Any, quant: QuantParams | None, tensors: Sequence[Tensor]
    ) -> QuantParams:
        kind = schema.code_names("QuantizationDetails")[raw.detailsType]
        if kind != "BlockwiseQuantization":
            raise LoadError(f"The .tflite file uses {kind}, which is not supported.")
        details = raw.details
        zero_points = tensors[details.zeroPoints] if details.zeroPoints > 0 else None
        blockwise = Blockwise(
            tensors[details.scales],
            zero_points,
            details.blockSize,
            _ints(getattr(details, "blockShape", None)),
        )
        base = quant or QuantParams(np.zeros(0, np.float32), np.zeros(0, np.int64), None, 4)
        return QuantParams(
            base.scale, base.zero_point, raw.quantizedDimension, base.bits, blockwise=blockwise
        )

    def _graph(self, index: int) -> Graph:
        if index in self.built:
            return self.built[index]
        if index in self.open:
            raise ValueError("a graph calls itself")
        self.open.add(index)
        raw = self.model.subgraphs[index]
        tensors = self.tensors[index]
        graph = Graph(
            inputs=_pick(tensors, raw.inputs),
            outputs=_pick(tensors, raw.outputs),
            ops=tuple(self._op(op, tensors) for op in raw.operators or ()),
            name=_str(raw.name),
            signatures=tuple(self._signatures(index)),
        )
        self.open.discard(index)
        self.built[index] = graph
        return graph

    def _signatures(self, index: int) -> list[Signature]:
        raw = self.model.subgraphs[index]
        return [
            Signature(
                _str(s.signatureKey),
                _positions(s.inputs, _ints(raw.inputs)),
                _positions(s.outputs, _ints(raw.outputs)),
            )
            for s in self.model.signatureDefs or ()
            if s.subgraphIndex == index
        ]

    def _op(self, raw: Any, tensors: Sequence[Tensor]) -> Op:
        kind, version = self.codes[raw.opcodeIndex]
        options, called = self._options(raw)
        outputs = _pick(tensors, raw.outputs)
        return Op(
            kind=kind,
            inputs=tuple(_at(tensors, i) if i >= 0 else None for i in _ints(raw.inputs)),
            outputs=outputs,
            options=options,
            custom_options=self._custom_options(raw),
            version=version,
            subgraphs=tuple(self._graph(i) for i in called),
            intermediates=_pick(tensors, raw.intermediates),
            mutating=tuple(bool(m) for m in _list(raw.mutatingVariableInputs)),
            origin=tuple(outputs[0].name.split(";")) if outputs else (),
        )

    def _custom_options(self, raw: Any) -> bytes | None:
        if raw.largeCustomOptionsSize:
            start = raw.largeCustomOptionsOffset
            return self.file[start : start + raw.largeCustomOptionsSize]
        return (
            None if raw.customOptions is None else np.asarray(raw.customOptions, np.uint8).tobytes()
        )

    def _options(self, raw: Any) -> tuple[Options | None, tuple[int, ...]]:
        value = raw.builtinOptions if raw.builtinOptionsType else raw.builtinOptions2
        if value is None:
            return None, ()
        table = type(value).__name__[:-1]
        if table in schema.SUBGRAPH_LISTS and len(
            _list(getattr(value, schema.SUBGRAPH_LISTS[table]))
        ):
            raise LoadError(f"The .tflite file uses {table} with graphs, which is not supported.")
        calls = schema.SUBGRAPH_FIELDS.get(table, ())
        fields = {
            name: _plain(getattr(value, attribute))
            for name, attribute in schema.option_attributes(table).items()
            if attribute not in calls
        }
        return Options(table, MappingProxyType(fields)), tuple(getattr(value, c) for c in calls)


def _kind(code: Any) -> tuple[str, int]:
    # Files written before builtin codes passed 127 fill only the deprecated field.
    name = schema.code_names("BuiltinOperator")[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return (
        schema.CUSTOM_PREFIX + _str(code.customCode) if name == "CUSTOM" else name
    ), code.version


def _quant(raw: Any, dtype: DType) -> QuantParams | None:
    if raw is None:
        return None
    scale = np.asarray(_list(raw.scale), np.float32)
    minimum, maximum = _floats(raw.min), _floats(raw.max)
    if not scale.size and minimum is None and maximum is None:
        return None
    zero = np.asarray(_list(raw.zeroPoint), np.int64)
    if zero.size != scale.size and zero.size <= 1:
        zero = np.full(scale.size, zero[0] if zero.size else 0, np.int64)
    axis = raw.quantizedDimension if scale.size > 1 else None
    return QuantParams(scale, zero, axis, dtype.bits or 8, minimum, maximum)


def _elements(stored: Array, dtype: DType, count: int, shape: tuple[int, ...]) -> Array:
    if dtype.bits < 8:
        return schema.unpack_bits(stored, dtype, count).reshape(shape)
    return stored.view(dtype.numpy).reshape(shape)


def _positions(maps: Any, indices: tuple[int, ...]) -> tuple[tuple[str, int], ...]:
    # A tensor may stand at several positions under several names: each name takes the next one.
    free: dict[int, list[int]] = {}
    for position, index in enumerate(indices):
        free.setdefault(index, []).append(position)
    found = []
    for named in maps or ():
        places = free[named.tensorIndex]
        found.append((_str(named.name), places.pop(0) if len(places) > 1 else places[0]))
    return tuple(found)


def _at(tensors: Sequence[Tensor], index: int) -> Tensor:
    if not 0 <= index < len(tensors):
        raise IndexError("tensor index")
    return tensors[index]


def _pick(tensors: Sequence[Tensor], indices: Any) -> tuple[Tensor, ...]:
    return tuple(_at(tensors, i) for i in _ints(indices))


def _ints(value: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in _list(value))


def _list(value: Any) -> Any:
    # The generated code leaves 0 in place of a vector that is present but empty.
    return () if value is None or isinstance(value, int) else value


def _floats(value: Any) -> Array | None:
    listed = _list(value)
    return np.asarray(listed, np.float32) if len(listed) else None


def _str(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else (value or "")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    if isinstance(value, list):
        return tuple(value)
    return value
