"""One-op models in every form that weights can be stored in, and what each should answer.

The planner ships only some of these; the others are here so that `litesmith kernels --measure` can
tell when a newer LiteRT makes one worth shipping.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.graph import (
    Array,
    Blockwise,
    DType,
    Graph,
    Op,
    QuantParams,
    Tensor,
    write,
)
from litesmith.graph.build import make_op
from litesmith.graph.facts import FACTS
from litesmith.graph.integers import integer_dtype
from litesmith.quantize.pack import packed

_INTS = {1: DType.INT4, 2: DType.INT2, 4: DType.INT4, 8: DType.INT8}
_ACTIVATIONS = {8: DType.INT8, 16: DType.INT16, 32: DType.FLOAT32}
_WEIGHT_SCALE, _INPUT_SCALE = 0.01, {8: 0.02, 16: 1e-4, 32: 0.02}


@dataclass(frozen=True)
class Case:
    """A representative op.

    Attributes:
        kind: op kind.
        x: shape of its input.
        weights: shape of its weights.
    """

    kind: str
    x: tuple[int, ...]
    weights: tuple[int, ...]

    @property
    def name(self) -> str:
        """As in the table: kind, window, input."""
        window = "x".join(map(str, self.weights[1:3])) + " " if len(self.weights) > 2 else ""
        return f"{self.kind} {window}{'x'.join(map(str, self.x[1:]))}→{self._results}"

    @property
    def _results(self) -> int:
        return self.weights[self.axis]

    @property
    def axis(self) -> int:
        """The output-channel axis of the weights."""
        where = FACTS[self.kind].weights
        assert where is not None
        return where.axis


@dataclass(frozen=True)
class Form:
    """How weights are stored and what activations are.

    Attributes:
        name: as in the table.
        bits: of the weights, 32 for float.
        activations: bits of the activations, 32 for float.
        expanded: float arithmetic on weights behind a DEQUANTIZE.
        block: elements that share a scale, 0 for one scale per channel.
        packed: weights are unpacked by the file and computed for the op.
    """

    name: str
    bits: int = 32
    activations: int = 32
    expanded: bool = False
    block: int = 0
    packed: bool = False


FORMS = (
    Form("float"),
    Form("hybrid int8", 8),
    Form("hybrid int4", 4),
    Form("hybrid int4 blocks", 4, block=32),
    Form("hybrid int2", 2),
    Form("expanded int8", 8, expanded=True),
    Form("expanded int4", 4, expanded=True),
    Form("int8", 8, 8),
    Form("int4", 4, 8),
    Form("int2", 2, 8),
    Form("packed", 1, 8, packed=True),
    Form("int16x8", 8, 16),
)
CASES = (
    Case("CONV_2D", (1, 56, 56, 64), (64, 3, 3, 64)),
    Case("CONV_2D", (1, 28, 28, 256), (256, 1, 1, 256)),
    Case("CONV_2D", (1, 12, 12, 32), (32, 3, 3, 32)),
    Case("DEPTHWISE_CONV_2D", (1, 56, 56, 128), (1, 3, 3, 128)),
    Case("FULLY_CONNECTED", (1, 1024), (1024, 1024)),
    Case("FULLY_CONNECTED", (1, 64), (64, 64)),
    Case("FULLY_CONNECTED", (1, 28, 28, 256), (256, 256)),
)


@dataclass(frozen=True)
class KernelFile:
    """A model and what to feed it.

    Attributes:
        model: the file's bytes.
        fed: its input, of the file's type.
        scale: of the file's output, 1 for a float one.
    """

    model: bytes
    fed: Array
    scale: float


def kernel_file(case: Case, form: Form, numbers: Form | None = None) -> KernelFile | None:
    """Return the case's model in one form, None where the form does not exist.

    Args:
        case: the op.
        form: how its weights are stored.
        numbers: the form whose integers the weights and inputs mean; `form` itself by default. The
            float model of another form's numbers says what that one should answer.
    """
    if form.block and (case.kind != "FULLY_CONNECTED" or case.weights[1] % form.block):
        return None
    if form.packed and case.kind == "DEPTHWISE_CONV_2D":
        return None
    numbers = numbers or form
    random = np.random.default_rng(0)
    top = max(2 ** (min(numbers.bits, 8) - 1) - 1, 1)
    stored = random.integers(-top, top + 1, case.weights).astype(np.int8)
    if numbers.bits == 1:
        stored = np.where(stored < 0, np.int8(-1), np.int8(1))
    steps = random.integers(-50, 51, case.x)
    real = stored.astype(np.float32) * np.float32(_WEIGHT_SCALE)
    input_scale = _INPUT_SCALE[numbers.activations]
    scale = 1.0
    if form.activations != 32:
        terms = real.size / real.shape[case.axis]
        spread = math.sqrt(terms) * float(real.std()) * float(steps.std()) * input_scale
        scale = 6 * spread / 2 ** (form.activations - 1)
    model = write(_graph(case, form, stored, real, input_scale, scale))
    if form.activations == 32:
        return KernelFile(model, (steps * input_scale).astype(np.float32), scale)
    return KernelFile(model, steps.astype(_ACTIVATIONS[form.activations].numpy), scale)


def _graph(
    case: Case, form: Form, stored: Array, real: Array, input_scale: float, scale: float
) -> Graph:
    count = case.weights[case.axis]
    x = _activation("x", case.x, form, input_scale)
    y = _activation("y", (*case.x[:-1], count), form, scale)
    weights, before = _weights(case, form, stored, real)
    inputs = (x, weights, _bias(count, form, input_scale))
    op = make_op(case.kind, inputs, (y,), _version(case, form), **_options(case, form))
    graph = Graph((x,), (y,), (*before, op))
    return packed(graph) if form.packed else graph


def _activation(name: str, shape: tuple[int, ...], form: Form, scale: float) -> Tensor:
    quant = None
    if form.activations != 32:
        scales = np.asarray([scale], np.float32)
        quant = QuantParams(scales, np.zeros(1, np.int64), bits=form.activations)
    return Tensor(name, shape, _ACTIVATIONS[form.activations], quant=quant)


def _bias(count: int, form: Form, input_scale: float) -> Tensor:
    if form.activations == 32:
        return Tensor("bias", (count,), DType.FLOAT32, np.zeros(count, np.float32))
    scales = np.full(count, input_scale * _WEIGHT_SCALE, np.float32)
    quant = QuantParams(scales, np.zeros(count, np.int64), 0, 64 if form.activations == 16 else 32)
    dtype = integer_dtype(quant)
    return Tensor("bias", (count,), dtype, np.zeros(count, dtype.numpy), quant)


def _weights(case: Case, form: Form, stored: Array, real: Array) -> tuple[Tensor, tuple[Op, ...]]:
    if form.bits == 32:
        return Tensor("weights", case.weights, DType.FLOAT32, real), ()
    count = case.weights[case.axis]
    quant = QuantParams(
        np.full(count, _WEIGHT_SCALE, np.float32), np.zeros(count, np.int64), case.axis, form.bits
    )
    if form.block:
        shape = (case.weights[0], case.weights[1] // form.block)
        scales = Tensor("scales", shape, DType.FLOAT16, np.full(shape, _WEIGHT_SCALE, np.float16))
        empty = np.zeros(0, np.float32), np.zeros(0, np.int64)
        blocks = Blockwise(scales, None, form.block)
        quant = QuantParams(*empty, 0, form.bits, blockwise=blocks)
    low = Tensor("weights", case.weights, _INTS[form.bits], stored, quant)
    if not form.expanded:
        return low, ()
    wide = Tensor("wide", case.weights)
    version = 6 if form.bits == 4 else 5
    return wide, (make_op("DEQUANTIZE", (low,), (wide,), version),)


def _options(case: Case, form: Form) -> dict[str, Any]:
    if case.kind == "FULLY_CONNECTED":
        hybrid = form.activations == 32 and form.bits < 32 and not form.expanded
        return {"asymmetric_quantize_inputs": hybrid, "keep_num_dims": len(case.x) > 2}
    multiplier = {"depth_multiplier": 1} if case.kind == "DEPTHWISE_CONV_2D" else {}
    return {"stride_w": 1, "stride_h": 1, **multiplier}


def _version(case: Case, form: Form) -> int:
    """Return an operator version that admits every form (its number alone changes nothing)."""
    if form.bits == 32 or form.expanded:
        return 1
    return {"CONV_2D": 8, "DEPTHWISE_CONV_2D": 7, "FULLY_CONNECTED": 13}[case.kind]
