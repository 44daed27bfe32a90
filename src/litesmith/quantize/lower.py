"""Annotated graph → integer graph: annotations become integer tensors, nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, QuantParams, Tensor
from litesmith.graph.build import make_op
from litesmith.graph.census import READS_SHAPE
from litesmith.graph.edit import fresh_name
from litesmith.graph.facts import facts
from litesmith.graph.integers import integer_dtype, to_integers
from litesmith.quantize.annotate import Annotated
from litesmith.quantize.choose import WIDE
from litesmith.quantize.pointwise import as_rows

# The operator version from which FULLY_CONNECTED accepts one weight scale per channel.
_PER_CHANNEL_FC = 12
# … and those from which ops accept weights of fewer than 8 bits.
_FEW_BITS = {"CONV_2D": 7, "FULLY_CONNECTED": 10}


Types = str | Sequence[str]


def lower(
    annotated: Annotated,
    input_type: Types = "float32",
    output_type: Types = "float32",
    litert_forms: bool = True,
) -> Graph:
    """Return the graph that ships.

    Weights of 3 bits are stored as int4, the only kernels that there are; those of 2 and 1 bits as
    int2 where FULLY_CONNECTED reads them, as int4 elsewhere.

    Args:
        annotated: from `annotate`.
        input_type: "float32", "int8" or "uint8": what float inputs of the source become, one for
            all or one each. Integer inputs stay as they are.
        output_type: the same for outputs.
        litert_forms: LiteRT itself runs the file, so that its smallest and fastest forms of weights
            with few bits will do (`pointwise`, int2).
    """
    if litert_forms:
        annotated = as_rows(annotated)
    graph = annotated.graph
    kinds = (_each(input_type, graph.inputs), _each(output_type, graph.outputs))
    narrow = _narrow(annotated) if litert_forms else frozenset()
    return _Lowering(annotated, narrow).graph(*kinds)


def _narrow(annotated: Annotated) -> frozenset[Tensor]:
    """Return the weights that int2 holds and whose readers all have a kernel for it."""
    good: set[Tensor] = set()
    bad: set[Tensor] = set()
    for op in annotated.graph.ops:
        reads = op.kind == "FULLY_CONNECTED" and op in annotated.integer
        bad.update(t for i, t in enumerate(op.inputs) if t is not None and (i != 1 or not reads))
        weights = op.input(1)
        if reads and weights is not None and weights.quant is not None and weights.is_constant:
            good |= {weights} if weights.quant.bits <= 2 else set()
    return frozenset(good - bad)


def _each(types: Types, tensors: Sequence[Tensor]) -> Sequence[str]:
    return (types,) * len(tensors) if isinstance(types, str) else types


class _Lowering:
    """Maps each tensor to its integer and, where a float op reads it, its float form."""

    def __init__(self, annotated: Annotated, narrow: frozenset[Tensor]) -> None:
        self.source = annotated.graph
        self.integer = annotated.integer
        self.narrow = narrow
        self.low: dict[Tensor, Tensor] = {}
        self.back: dict[Tensor, Tensor] = {}
        self.constants: dict[tuple[int, int, bytes, bytes], Array] = {}
        self.ops: list[Op] = []

    def graph(self, input_types: Sequence[str], output_types: Sequence[str]) -> Graph:
        pairs = zip(self.source.inputs, input_types, strict=True)
        inputs = tuple(self._input(t, kind) for t, kind in pairs)
        for op in self.source.ops:
            self._op(op)
        ends = zip(self.source.outputs, output_types, strict=True)
        outputs = tuple(self._output(t, kind) for t, kind in ends)
        return self.source.with_(inputs=inputs, outputs=outputs, ops=tuple(self.ops))

    def _input(self, tensor: Tensor, kind: str) -> Tensor:
        if tensor.quant is None or tensor.dtype is not DType.FLOAT32:
            return tensor
        if kind == "uint8":
            outer = _as_uint8(tensor)
            self._quantize(outer, self._low(tensor))
            return outer
        return self._low(tensor)

    def _output(self, tensor: Tensor, kind: str) -> Tensor:
        if tensor.dtype is not DType.FLOAT32 or tensor.quant is None:
            return tensor
        if kind == "float32":
            return self._float(tensor)
        if kind == "uint8":
            outer = _as_uint8(self._low(tensor))
            if not tensor.is_constant:
                self._quantize(self._low(tensor), outer)
            return outer
        return self._low(tensor)

    def _op(self, op: Op) -> None:
        if op.kind == "QUANTIZE":
            source = op.inputs[0]
            assert source is not None
            read = self._low(source) if source.quant is not None else source
            self._quantize(read, self._low(op.outputs[0]))
        elif op in self.integer:
            self.ops.append(self._integer_op(op))
        else:
            # The shape is the same in either form.
            form = self._low if op.kind in READS_SHAPE else self._float
            self.ops.append(op.with_(inputs=tuple(form(t) if t else t for t in op.inputs)))

    def _integer_op(self, op: Op) -> Op:
        row = facts(op)
        assert row is not None
        inputs = tuple(self._low(t) if t is not None else None for t in op.inputs)
        first = next((t.quant for t in inputs if t is not None and t.quant is not None), None)
        wide = first is not None and first.bits == WIDE
        version = max(op.version, (row.int16 if wide else row.int8) or 1)
        weights = op.input(1)
        if op.kind == "FULLY_CONNECTED" and weights and weights.quant and weights.quant.axis == 0:
            version = max(version, _PER_CHANNEL_FC)
        if weights and weights.quant and weights.quant.bits < 8:
            version = max(version, _FEW_BITS.get(op.kind, 1))
        if wide and op.option("pot_scale_int16"):
            # By default the kernel demands scales that are powers of two.
            assert op.options is not None
            op = op.with_(options=op.options.with_(pot_scale_int16=False))
        return op.with_(inputs=inputs, outputs=tuple(map(self._low, op.outputs)), version=version)

    def _low(self, tensor: Tensor) -> Tensor:
        """Return the integer form; a tensor without annotation is its own."""
        if tensor.quant is None or tensor.dtype is not DType.FLOAT32:
            return tensor
        if tensor not in self.low:
            data = self._data(tensor, tensor.quant) if tensor.data is not None else None
            self.low[tensor] = self._stored(tensor, tensor.quant, data)
        return self.low[tensor]

    def _stored(self, tensor: Tensor, quant: QuantParams, data: Array | None) -> Tensor:
        dtype = DType.INT2 if tensor in self.narrow else integer_dtype(quant)
        if dtype.bits != quant.bits:
            quant = replace(quant, bits=dtype.bits)  # what the file says
        return tensor.with_(dtype=dtype, data=data, quant=quant)

    def _data(self, tensor: Tensor, quant: QuantParams) -> Array:
        # Readers that share a constant at the same scale go on sharing it.
        assert tensor.data is not None
        pointer = tensor.data.__array_interface__["data"][0]
        key = (pointer, quant.bits, quant.scale.tobytes(), quant.zero_point.tobytes())
        if key not in self.constants or self.constants[key].shape != tensor.shape:
            self.constants[key] = to_integers(tensor.data, quant)
        return self.constants[key]

    def _float(self, tensor: Tensor) -> Tensor:
        """Return the form that float ops and float outputs read."""
        if tensor.quant is None or tensor.dtype is not DType.FLOAT32:
            return tensor  # an integer tensor of the source means what its op says
        if tensor.is_constant:
            return tensor.with_(quant=None)
        if tensor not in self.back:
            name = fresh_name(tensor.name, "dequantized")
            self.back[tensor] = tensor.with_(name=name, quant=None)
            op = make_op("DEQUANTIZE", (self._low(tensor),), (self.back[tensor],), 2)
            self.ops.append(op)
        return self.back[tensor]

    def _quantize(self, read: Tensor, written: Tensor) -> None:
        plain = read.dtype is DType.FLOAT32 and written.dtype is not DType.INT16
        version = 1 if plain else 2
        self.ops.append(make_op("QUANTIZE", (read,), (written,), version))


def _as_uint8(tensor: Tensor) -> Tensor:
    """Return the same real values as uint8: the zero point moves by 128, the scale stays."""
    assert tensor.quant is not None
    shifted = QuantParams(tensor.quant.scale, tensor.quant.zero_point + np.int64(128))
    data = None if tensor.data is None else (tensor.data.astype(np.int16) + 128).astype(np.uint8)
    name = fresh_name(tensor.name, "uint8")
    return tensor.with_(dtype=DType.UINT8, quant=shifted, name=name, data=data)
