"""A file held against the original model: outputs, score, latency."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

from litesmith.data import Array, Examples, Labelled, TensorSpec
from litesmith.forge.original import Original
from litesmith.graph import Graph
from litesmith.measure import (
    Fidelity,
    FidelityMeter,
    Measurement,
    OutputFidelity,
    PairedMeter,
    choose_metric,
    measure_latency,
)
from litesmith.report import OutputParity, Parity, Score
from litesmith.runtime import Session
from litesmith.runtime import quantize as to_port
from litesmith.sources import FileSession

PARITY_EXAMPLES = 200
_PARITY_BYTES = 256 * 2**20  # inputs and outputs that are kept while the parent quantizes
_BATCH_BYTES = 5 * 2**20
_BATCH = 64
LATENCY_BUDGET_S = 1.0

Batch = Sequence[Array]
Run = Callable[[Batch], list[Array]]
Pair = tuple[Batch, list[Array]]
Compared = Callable[[Batch, Batch], tuple[list[Array], list[Array]]]
_T = TypeVar("_T")


def as_they_are(outputs: Batch, answers: Batch) -> tuple[list[Array], list[Array]]:
    """Return the original's outputs and a file's answers, to be compared as they are."""
    return list(outputs), list(answers)


class Reference:
    """Examples with the original's outputs, computed in the child while the parent works.

    Args:
        run: the original.
        examples: what it is fed.
        graph: of the file.
        outputs: of the original, where they are larger than the file's.
    """

    def __init__(
        self, run: Run, examples: Examples, graph: Graph, outputs: Sequence[TensorSpec] = ()
    ) -> None:
        one = example_bytes(graph, outputs)
        self._count = max(1, min(PARITY_EXAMPLES, _PARITY_BYTES // one))
        self._examples = examples.take(self._count)
        self._size = batch_size(one)
        self._run = run
        self._done: list[Pair] = []
        self._coming: SimpleQueue[Pair | None] = SimpleQueue()
        pool = ThreadPoolExecutor(1, "reference")
        self._work = pool.submit(self._compute)
        pool.shutdown(wait=False)

    def _compute(self) -> None:
        try:
            for batch in self._examples.batches(self._size, limit=self._count):
                self._coming.put((batch, self._run(batch)))
        finally:
            self._coming.put(None)

    def pairs(self) -> Iterator[Pair]:
        """Yield (inputs, the original's outputs) batch by batch, as they become known.

        They are kept, inputs too: a user's generator may give others in its next pass.
        """
        yield from self._done
        while not self._work.done() or not self._coming.empty():
            pair = self._coming.get()
            if pair is None:
                break
            self._done.append(pair)
            yield pair
        self._work.result()

    def fidelity(
        self,
        names: Sequence[str],
        *runs: Run,
        compared: Compared = as_they_are,
        holds: Sequence[str] = (),
    ) -> list[Fidelity]:
        """Return how close each of `runs` comes to the original.

        Args:
            names: of what is compared.
            runs: of the files.
            compared: (the original's outputs, a file's answers) → both in one form.
            holds: per name, what its values are (`TensorSpec.holds`).
        """
        meters = [FidelityMeter(names, holds) for _ in runs]
        for inputs, outputs in self.pairs():
            for meter, run in zip(meters, runs, strict=True):
                meter.update(*compared(outputs, run(inputs)))
        return [meter.result() for meter in meters]


def score(
    original: Original,
    exact: FileSession,
    final: FileSession,
    labelled: Labelled,
    metric: str | None,
    size: int,
) -> Score:
    """Return the scores of the original (in its child) and of both files, on the same batches.

    Args:
        original: the model, as the application reads it.
        exact: the float file.
        final: the one that ships; may be the same.
        labelled: the examples.
        metric: its name, None for the default.
        size: examples per batch.

    Raises:
        InputError: metric and labels do not go with the outputs.
    """
    chosen = choose_metric(metric, labelled.labels, original.answers)
    meter, float_meter = PairedMeter(chosen), PairedMeter(chosen)
    for (inputs, labels), outputs in ahead(labelled.batches(size), lambda b: original.model(b[0])):
        both = original.compared(outputs, final.run(inputs))
        meter.update(labels, *both)
        first = both if exact is final else original.compared(outputs, exact.run(inputs))
        float_meter.update(labels, *first)
    found = meter.result()
    return Score(
        metric=found.metric,
        examples=found.examples,
        source=found.source,
        artifact=found.artifact,
        float_tflite=float_meter.result().artifact,
        drop=found.drop,
        drop_bound_95=found.drop_bound_95,
        unit=found.unit,
        higher_is_better=chosen.higher_is_better,
    )


def ahead(items: Iterator[_T], work: Callable[[_T], Any]) -> Iterator[tuple[_T, Any]]:
    """Yield (item, work(item)); the next item is worked on while the caller uses this one."""
    with ThreadPoolExecutor(1, "ahead") as pool:
        waiting: tuple[_T, Future[Any]] | None = None
        for item in items:
            following = item, pool.submit(work, item)
            if waiting is not None:
                yield waiting[0], waiting[1].result()
            waiting = following
        if waiting is not None:
            yield waiting[0], waiting[1].result()


def latencies(
    files: Mapping[str, tuple[Session, Batch]], budget_s: float = LATENCY_BUDGET_S
) -> dict[str, Measurement]:
    """Return the median ms of one invocation per file, interleaved.

    Args:
        files: loaded file and one example, (1, *example_shape) per input, by name.
        budget_s: seconds for all.
    """
    runners = {}
    for name, (session, example) in files.items():
        session.reset()
        fed = [to_port(x, p) for x, p in zip(example, session.inputs, strict=True)]
        session.feed(next(session.invocations(fed)))
        runners[name] = session.invoke
    return measure_latency(runners, budget_s)


def parity(exact: Fidelity, final: Fidelity, synthetic: bool) -> Parity:
    """Return both fidelities (float file, final file) as the report's noun."""
    pairs = zip(exact.outputs, final.outputs, strict=True)
    return Parity(
        examples=final.examples,
        synthetic=synthetic,
        **_numbers(exact, final),
        outputs=tuple(
            OutputParity(name=b.name, indices=b.indices, **_numbers(a, b)) for a, b in pairs
        ),
    )


def _numbers(exact: Fidelity | OutputFidelity, final: Fidelity | OutputFidelity) -> dict[str, Any]:
    return {
        "float_max_abs_error": exact.max_abs_error,
        "max_abs_error": final.max_abs_error,
        "relative_error": final.relative_error,
        "cosine": final.cosine,
        "sqnr_db": final.sqnr_db,
        "top1_agreement": final.top1_agreement,
        "float_relative_error": exact.relative_error,
        "float_top1_agreement": exact.top1_agreement,
    }


def batch_size(bytes_per_example: int) -> int:
    """Return how many examples go through the models at a time."""
    return max(1, min(_BATCH, _BATCH_BYTES // max(bytes_per_example, 1)))


def example_bytes(graph: Graph, outputs: Sequence[TensorSpec] = ()) -> int:
    """Return the bytes of one example's inputs and outputs, the original's outputs included."""
    own = sum(t.memory_bytes for t in (*graph.inputs, *graph.outputs))
    return max(1, own + sum(math.prod(d or 1 for d in spec.shape) * 4 for spec in outputs))
