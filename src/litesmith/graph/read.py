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
from litesmith.graph.fields import (
    at,
    elements,
    ints,
    kind_of,
    pick,
    plain,
    positions,
    quant_of,
    string,
    vector,
)
from litesmith.graph.files import attached
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
        self.codes = [kind_of(code) for code in model.operatorCodes or ()]
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
            files=attached(self.file),
            description=string(self.model.description),
            version=self.model.version,
        )

    def _metadata(self) -> list[tuple[str, bytes]]:
        return [
            (string(m.name), self._bytes(m.buffer).tobytes()) for m in self.model.metadata or ()
        ]

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
        for i in {i for op in subgraph.operators or () for i in ints(op.outputs)}:
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
        shape = ints(raw.shape)
        extras = {"sparsity": raw.sparsity, "variant_tensors": raw.variantTensors}
        data, is_raw = self._data(raw, dtype, shape)
        return Tensor(
            name=string(raw.name),
            shape=shape,
            dtype=dtype,
            data=data,
            quant=quant_of(raw.quantization, dtype),
            shape_signature=None if raw.shapeSignature is None else ints(raw.shapeSignature),
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
            self.views[key] = stored if is_raw else elements(stored, dtype, count, shape)
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
            ints(getattr(details, "blockShape", None)),
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
            inputs=pick(tensors, raw.inputs),
            outputs=pick(tensors, raw.outputs),
            ops=tuple(self._op(op, tensors) for op in raw.operators or ()),
            name=string(raw.name),
            signatures=tuple(self._signatures(index)),
        )
        self.open.discard(index)
        self.built[index] = graph
        return graph

    def _signatures(self, index: int) -> list[Signature]:
        raw = self.model.subgraphs[index]
        return [
            Signature(
                string(s.signatureKey),
                positions(s.inputs, ints(raw.inputs)),
                positions(s.outputs, ints(raw.outputs)),
            )
            for s in self.model.signatureDefs or ()
            if s.subgraphIndex == index
        ]

    def _op(self, raw: Any, tensors: Sequence[Tensor]) -> Op:
        kind, version = self.codes[raw.opcodeIndex]
        options, called = self._options(raw)
        outputs = pick(tensors, raw.outputs)
        return Op(
            kind=kind,
            inputs=tuple(at(tensors, i) if i >= 0 else None for i in ints(raw.inputs)),
            outputs=outputs,
            options=options,
            custom_options=self._custom_options(raw),
            version=version,
            subgraphs=tuple(self._graph(i) for i in called),
            intermediates=pick(tensors, raw.intermediates),
            mutating=tuple(bool(m) for m in vector(raw.mutatingVariableInputs)),
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
            vector(getattr(value, schema.SUBGRAPH_LISTS[table]))
        ):
            raise LoadError(f"The .tflite file uses {table} with graphs, which is not supported.")
        calls = schema.SUBGRAPH_FIELDS.get(table, ())
        fields = {
            name: plain(getattr(value, attribute))
            for name, attribute in schema.option_attributes(table).items()
            if attribute not in calls
        }
        return Options(table, MappingProxyType(fields)), tuple(getattr(value, c) for c in calls)
