"""The results of the verbs, as frozen nouns; their fields are the JSON's keys.

Numbers that were not measured are None. Sizes in bytes, latencies in ms, durations in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litesmith.diagnose import Finding, Layer
    from litesmith.interface.metadata import Summary


@dataclass(frozen=True)
class TensorFacts:
    """An input or output as the model declares it; None in a shape: any size."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Port:
    """An input or output of a .tflite; `scale` and `zero_point` are None unless quantized.

    `shape_signature` is `shape` with -1 for dimensions that the application chooses, None without.
    `feeds` says what an input that was shaped for the application is fed. Raw values are fed as
    they are, into integers too: they are the integers, whatever `scale` says.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None
    zero_point: int | None
    shape_signature: tuple[int, ...] | None = None
    feeds: str | None = None


@dataclass(frozen=True)
class SourceFacts:
    """The model that came in; `path` is None for one in memory.

    `repairs` are sentences: what was repaired, guessed or cut off to load it, what the application
    has to carry or compute, and what that means.
    """

    path: str | None
    format: str
    loader: str
    keras_version: str | None
    size_bytes: int | None
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Artifact:
    """The file that came out.

    `float_ops` counts ops that compute in float; `weights_bits` maps a width to how many weights
    are stored with it, biases not counted.
    """

    path: str
    size_bytes: int
    size_gzip_bytes: int
    sha256: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    ops: Mapping[str, int]
    float_ops: int
    weights_bits: Mapping[str, int]


@dataclass(frozen=True)
class FloatFile:
    """The float .tflite that everything was made from; `path` is None unless it was saved."""

    path: str | None
    size_bytes: int
    size_gzip_bytes: int


@dataclass(frozen=True)
class OutputParity:
    """One output of the file against the same output of the original.

    Errors are in the output's own unit, `relative_error` is the largest error divided by the
    largest reference value. `float_*` are the float .tflite's. `indices`: class indices and truth
    values, of which the agreement tells; their errors are 0 when all are equal, else 1.
    """

    name: str
    float_max_abs_error: float | None
    max_abs_error: float | None
    relative_error: float | None
    cosine: float | None
    sqnr_db: float | None
    top1_agreement: float | None
    float_relative_error: float | None = None
    float_top1_agreement: float | None = None
    indices: bool = False


@dataclass(frozen=True)
class Parity:
    """The original's outputs against the file's, dequantized; the worst output counts."""

    examples: int
    synthetic: bool
    float_max_abs_error: float | None
    max_abs_error: float | None
    relative_error: float | None
    cosine: float | None
    sqnr_db: float | None
    top1_agreement: float | None
    outputs: tuple[OutputParity, ...]
    float_relative_error: float | None = None
    float_top1_agreement: float | None = None


@dataclass(frozen=True)
class Score:
    """A task metric on labelled examples; a positive `drop` is worse, in the metric's unit."""

    metric: str
    examples: int
    source: float
    artifact: float
    drop: float
    drop_bound_95: float | None
    float_tflite: float | None = None
    unit: str = ""
    higher_is_better: bool = True


@dataclass(frozen=True)
class Latency:
    """Median milliseconds of one invocation, files interleaved; spreads are their quartiles'."""

    float_tflite: float
    artifact: float
    runs: int
    threads: int
    float_tflite_spread: float | None = None
    artifact_spread: float | None = None


@dataclass(frozen=True)
class TargetFacts:
    """The runtime that must run the file, and how it is known that it does.

    `table` names the version of the rules that were read; `supposing` the form of the model that
    `check` held against them ("int8", "float32"), None for the file as it is.
    """

    name: str
    runs: bool
    proof: str
    table: str = ""
    supposing: str | None = None


@dataclass(frozen=True)
class TrainingPoint:
    """One look at the held-out examples: `loss`, lower is better; `agreement` 0 to 1."""

    step: int
    loss: float
    agreement: float
    seconds: float


@dataclass(frozen=True)
class TrainingFacts:
    """How a graph was trained.

    `examples` in all, part of them held out; loss and agreement (with the float graph) before and
    after on those; `planned` steps; `stopped`: "finished", "early" or "interrupted"; `frozen`:
    kinds of op that no gradient passes; `state`: the file that `--resume` goes on from, if kept.
    """

    examples: int
    steps: int
    planned: int
    loss_before: float
    loss_after: float
    agreement_before: float
    agreement_after: float
    seconds: float
    stopped: str
    frozen: tuple[str, ...] = ()
    curve: tuple[TrainingPoint, ...] = ()
    state: str | None = None


@dataclass(frozen=True)
class StepFacts:
    """What one step did: `outcome` "done" or "declined"; `explain`: what it left undone and why."""

    name: str
    options: Mapping[str, Any]
    outcome: str
    why: str
    seconds: float
    explain: tuple[str, ...] = ()
    training: TrainingFacts | None = None


@dataclass(frozen=True)
class OpCost:
    """What the precision of one op costs when all others are float.

    `op` is the name of its result, as `--bits` takes it; `bits` 4 (weights; activations 8), 8 or
    16 (activations; weights 8). `output_error`: divergence (nats) of the probabilities behind a
    softmax or logistic, else squared error over the outputs' variance, on a sample of the
    representative examples. `chosen_bits`: the bits it got to keep a budget, None where it kept its
    own. `answers_changed`: the part of those examples' decisions (the class, the side of a
    threshold) that are others then; None for outputs that decide nothing.
    """

    op: str
    kind: str
    layers: tuple[str, ...]
    bits: int
    output_error: float
    weights_bytes: int
    chosen_bits: int | None = None
    answers_changed: float | None = None


@dataclass(frozen=True)
class Warn:
    """Something to know although the work went on."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class Machine:
    """Where numbers were measured."""

    processor: str
    cores: int
    system: str
    litert: str


@dataclass(frozen=True)
class Report:
    """What `export` did. `status`: "ok", "rejected" (a budget was missed) or "failed".

    `sensitivity` ranks the ops' precisions, the dearest first, where that was asked or needed.
    """

    litesmith: str
    status: str = "failed"
    error: Mapping[str, str | None] | None = None
    source: SourceFacts | None = None
    artifact: Artifact | None = None
    float_tflite: FloatFile | None = None
    parity: Parity | None = None
    score: Score | None = None
    latency_ms: Latency | None = None
    target: TargetFacts | None = None
    steps: tuple[StepFacts, ...] = ()
    seconds: float = 0.0
    warnings: tuple[Warn, ...] = ()
    machine: Machine | None = None
    sensitivity: tuple[OpCost, ...] = ()


@dataclass(frozen=True)
class FloatOp:
    """Ops of one kind that int8 leaves in float or a target does not run, and their layers.

    `reason` says why (a sentence), `hint` what to do about it; empty where that is all there is.
    """

    kind: str
    count: int
    layers: tuple[str, ...]
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class CheckReport:
    """What `check` found; `float_ops_in_int8` is None for a file that is already quantized.

    Of the target's ops, `refused` cannot run there at all; `falls_back` runs on a slower processor
    beside the accelerator. `findings`: what is wrong with a quantized file, None for another.
    """

    litesmith: str
    status: str
    error: Mapping[str, str | None] | None
    source: SourceFacts | None
    quantized: bool = False
    float_tflite_bytes: int | None = None
    ops: Mapping[str, int] = field(default_factory=dict)
    float_ops: int = 0
    weights_bits: Mapping[str, int] = field(default_factory=dict)
    float_ops_in_int8: tuple[FloatOp, ...] | None = None
    target: TargetFacts | None = None
    refused: tuple[FloatOp, ...] = ()
    falls_back: tuple[FloatOp, ...] = ()
    metadata: Summary | None = None
    seconds: float = 0.0
    warnings: tuple[Warn, ...] = ()
    findings: tuple[Finding, ...] | None = None


@dataclass(frozen=True)
class CompareReport:
    """What `compare` found: `a` is the reference, `b` is held against it.

    With --per-layer: `layers` are the tensors that both compute, in the order of execution, of
    `layers_of` that B computes, on `layers_examples` examples.
    """

    litesmith: str
    status: str
    error: Mapping[str, str | None] | None
    a: SourceFacts | None
    b: SourceFacts | None
    parity: Parity | None = None
    seconds: float = 0.0
    warnings: tuple[Warn, ...] = ()
    layers: tuple[Layer, ...] | None = None
    layers_of: int | None = None
    layers_examples: int | None = None


@dataclass(frozen=True)
class BenchRow:
    """One file: sizes in bytes, the median latency in ms and its interquartile range."""

    path: str
    size_bytes: int
    size_gzip_bytes: int
    latency_ms: float
    spread_ms: float | None


@dataclass(frozen=True)
class BenchReport:
    """What `bench` measured, one row per file, all interleaved."""

    litesmith: str
    status: str
    error: Mapping[str, str | None] | None
    files: tuple[BenchRow, ...]
    runs: int = 0
    threads: int = 1
    machine: Machine | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class KernelRow:
    """One op in one form: median ms, against float's, and what is wrong with the kernel."""

    op: str
    form: str
    ms: float | None
    relative: float | None
    defect: str | None = None


@dataclass(frozen=True)
class KernelsReport:
    """What `kernels` shows: the recorded table, or one measured here (`measured`)."""

    litesmith: str
    status: str
    error: Mapping[str, str | None] | None
    measured: bool
    source: str
    kernels: tuple[KernelRow, ...]
    machine: Machine | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class FailureReport:
    """What any other verb prints for `--json` when it fails."""

    litesmith: str
    status: str
    error: Mapping[str, str | None] | None
