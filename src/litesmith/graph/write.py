"""Graph → bytes of a .tflite file."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.errors import ConversionError
from litesmith.graph import schema
from litesmith.graph.files import attach
from litesmith.graph.model import Array, Graph, Op, QuantParams, Signature, Tensor

_LIMIT = 2**31 - 2**20  # flatbuffer offsets are signed 32 bit; leave room for the tables
# Kernels on small devices read constants in place, so each buffer starts at a multiple of this
# (the schema's `force_align: 16`, which the generated Python code does not apply).
_ALIGNMENT = 16


def write(graph: Graph) -> bytes:
    """Return the .tflite file of a graph.

    Raises:
        ConversionError: the file would exceed the 2 GiB a flatbuffer can address.
    """
    import flatbuffers

    writer = _Writer(graph)
    model = writer.model()
    size = sum(len(b.data) for b in model.buffers)
    if size > _LIMIT:
        raise ConversionError(
            f"The file would hold {size / 2**30:.1f} GiB of constants; .tflite ends at 2 GiB.",
            "Quantize the weights (--quantize float16 or dynamic).",
        )
    builder = flatbuffers.Builder(size + 2**16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return attach(bytes(builder.Output()), graph.files)


class _Buffer:
    """A buffer that packs itself aligned, in one copy."""

    def __init__(self, data: Array) -> None:
        self.data = data

    def Pack(self, builder: Any) -> int:  # noqa: N802 — the generated code calls it by this name
        s = schema.module()
        vector = None
        if self.data.size:
            builder.StartVector(1, self.data.size, _ALIGNMENT)
            builder.head = builder.Head() - self.data.size
            builder.Bytes[builder.Head() : builder.Head() + self.data.size] = self.data.tobytes()
            vector = builder.EndVector()
        s.BufferStart(builder)
        if vector is not None:
            s.BufferAddData(builder, vector)
        return int(s.BufferEnd(builder))


class _Writer:
    """Hands out the indices that exist only in the file."""

    def __init__(self, graph: Graph) -> None:
        self.top = graph
        self.graphs = list(graph.graphs())
        self.index = {id(g): i for i, g in enumerate(self.graphs)}
        self.codes: dict[tuple[str, int], int] = {}
        self.buffers: list[_Buffer] = [_Buffer(np.empty(0, np.uint8))]
        self.shared: dict[tuple[int, int, str], int] = {}
        self.vectors: dict[bytes, int] = {}

    def model(self) -> Any:
        s = schema.module()
        subgraphs = [self._subgraph(g) for g in self.graphs]
        signatures = [
            self._signature(sig, g, i) for i, g in enumerate(self.graphs) for sig in g.signatures
        ]
        metadata = [
            s.MetadataT(name=name, buffer=self._store(np.frombuffer(content, np.uint8)))
            for name, content in self.top.metadata
        ]
        return s.ModelT(
            version=self.top.version,
            operatorCodes=[_code(kind, version) for kind, version in self.codes],
            subgraphs=subgraphs,
            description=self.top.description,
            buffers=self.buffers,
            metadata=metadata or None,
            signatureDefs=signatures or None,
        )

    def _store(self, raw: Array) -> int:
        self.buffers.append(_Buffer(raw))
        return len(self.buffers) - 1

    def _constant(self, tensor: Tensor) -> int:
        if tensor.data is None:
            return 0
        array = tensor.data
        packed = 0 < tensor.dtype.bits < 8 and not tensor.raw
        key = (array.__array_interface__["data"][0], array.nbytes, tensor.dtype if packed else "")
        if array.size and key in self.shared:
            return self.shared[key]
        raw = (
            schema.pack_bits(array, tensor.dtype)
            if packed
            else np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        )
        self.shared[key] = self._store(raw)
        return self.shared[key]

    def _subgraph(self, graph: Graph) -> Any:
        tensors: dict[int, int] = {}
        listed: list[Tensor] = []
        for tensor in _with_scales(graph.tensors()):
            tensors.setdefault(id(tensor), len(listed))
            listed.append(tensor)
        return schema.module().SubGraphT(
            tensors=[self._tensor(t, tensors) for t in listed],
            inputs=_indices(graph.inputs, tensors),
            outputs=_indices(graph.outputs, tensors),
            operators=[self._op(op, tensors) for op in graph.ops],
            name=graph.name,
        )

    def _tensor(self, tensor: Tensor, indices: dict[int, int]) -> Any:
        return schema.module().TensorT(
            shape=np.asarray(tensor.shape, np.int32),
            type=schema.code_values("TensorType")[tensor.dtype.name],
            buffer=self._constant(tensor),
            name=tensor.name,
            quantization=None
            if tensor.quant is None
            else _Quant(tensor.quant, indices, self.vectors),
            isVariable=tensor.is_variable,
            sparsity=tensor.extras.get("sparsity"),
            shapeSignature=None
            if tensor.shape_signature is None
            else np.asarray(tensor.shape_signature, np.int32),
            hasRank=tensor.has_rank,
            variantTensors=tensor.extras.get("variant_tensors"),
        )

    def _op(self, op: Op, tensors: dict[int, int]) -> Any:
        operator = schema.module().OperatorT(
            opcodeIndex=self.codes.setdefault((op.kind, op.version), len(self.codes)),
            inputs=np.asarray([-1 if t is None else tensors[id(t)] for t in op.inputs], np.int32),
            outputs=_indices(op.outputs, tensors),
            customOptions=None
            if op.custom_options is None
            else np.frombuffer(op.custom_options, np.uint8),
            intermediates=_indices(op.intermediates, tensors) if op.intermediates else None,
            mutatingVariableInputs=list(op.mutating) or None,
        )
        if op.options is not None:
            self._set_options(operator, op)
        return operator

    def _set_options(self, operator: Any, op: Op) -> None:
        assert op.options is not None
        table = op.options.table
        value = getattr(schema.module(), table + "T")()
        attributes = schema.option_attributes(table)
        for name, content in op.options.fields.items():
            setattr(
                value, attributes[name], list(content) if isinstance(content, tuple) else content
            )
        for attribute, graph in zip(
            schema.SUBGRAPH_FIELDS.get(table, ()), op.subgraphs, strict=True
        ):
            setattr(value, attribute, self.index[id(graph)])
        first = schema.code_values("BuiltinOptions")
        if table in first:
            operator.builtinOptionsType, operator.builtinOptions = first[table], value
        else:
            second = schema.code_values("BuiltinOptions2")
            operator.builtinOptions2Type, operator.builtinOptions2 = second[table], value

    def _signature(self, signature: Signature, graph: Graph, index: int) -> Any:
        s = schema.module()
        order = {id(t): i for i, t in reversed(list(enumerate(_with_scales(graph.tensors()))))}

        def maps(named: tuple[tuple[str, int], ...], tensors: tuple[Tensor, ...]) -> list[Any]:
            return [s.TensorMapT(name=n, tensorIndex=order[id(tensors[p])]) for n, p in named]

        return s.SignatureDefT(
            inputs=maps(signature.inputs, graph.inputs),
            outputs=maps(signature.outputs, graph.outputs),
            signatureKey=signature.key,
            subgraphIndex=index,
        )


def _with_scales(tensors: tuple[Tensor, ...]) -> list[Tensor]:
    """Add the tensors that hold block-wise scales; nothing but a weight refers to them."""
    found = {id(t): t for t in tensors}
    for tensor in tensors:
        blockwise = tensor.quant.blockwise if tensor.quant else None
        for extra in (blockwise.scales, blockwise.zero_points) if blockwise else ():
            if extra is not None:
                found.setdefault(id(extra), extra)
    return list(found.values())


def _indices(tensors: tuple[Tensor, ...], indices: dict[int, int]) -> Array:
    return np.asarray([indices[id(t)] for t in tensors], np.int32)


def _code(kind: str, version: int) -> Any:
    custom = kind.startswith(schema.CUSTOM_PREFIX)
    code = schema.code_values("BuiltinOperator")["CUSTOM" if custom else kind]
    return schema.module().OperatorCodeT(
        # Old runtimes read only this field; codes beyond its range are marked by 127.
        deprecatedBuiltinCode=min(code, 127),
        customCode=kind[len(schema.CUSTOM_PREFIX) :] if custom else None,
        version=version,
        builtinCode=code,
    )


class _Quant:
    """Quantization parameters whose vectors are stored once per file.

    Thousands of per-channel zero points are all 0; sharing the vector takes some 5 % off a small
    int8 file. A flatbuffer may refer to one vector from many tables.
    """

    def __init__(self, quant: QuantParams, indices: dict[int, int], seen: dict[bytes, int]) -> None:
        self._quant = quant
        self._indices = indices
        self._seen = seen

    def Pack(self, builder: Any) -> int:  # noqa: N802 — the generated code calls it by this name
        s = schema.module()
        quant = self._quant
        scaled = quant.scale.size > 0
        low, high = self._vector(builder, quant.minimum), self._vector(builder, quant.maximum)
        scale = self._vector(builder, quant.scale if scaled else None)
        zero = self._vector(builder, quant.zero_point if scaled else None)
        details = self._details(builder)
        s.QuantizationParametersStart(builder)
        for add, vector in (
            (s.QuantizationParametersAddMin, low),
            (s.QuantizationParametersAddMax, high),
            (s.QuantizationParametersAddScale, scale),
            (s.QuantizationParametersAddZeroPoint, zero),
        ):
            if vector is not None:
                add(builder, vector)
        if details is not None:
            kind = s.QuantizationDetails.BlockwiseQuantization
            s.QuantizationParametersAddDetailsType(builder, kind)
            s.QuantizationParametersAddDetails(builder, details)
        s.QuantizationParametersAddQuantizedDimension(builder, quant.axis or 0)
        return int(s.QuantizationParametersEnd(builder))

    def _vector(self, builder: Any, values: Array | None) -> int | None:
        if values is None:
            return None
        key = str(values.dtype).encode() + values.tobytes()
        if key not in self._seen:
            self._seen[key] = int(builder.CreateNumpyVector(np.ascontiguousarray(values)))
        return self._seen[key]

    def _details(self, builder: Any) -> int | None:
        block = self._quant.blockwise
        if block is None:
            return None
        zeros = 0 if block.zero_points is None else self._indices[id(block.zero_points)]
        table = schema.module().BlockwiseQuantizationT(
            scales=self._indices[id(block.scales)],
            zeroPoints=zeros,
            blockSize=block.block_size,
            blockShape=list(block.block_shape) or None,
        )
        return int(table.Pack(builder))
