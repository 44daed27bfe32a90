"""What rewriting does to real models: ops, bytes, latency, outputs, seconds.

Each keras.applications family and each architecture of architectures.py is built with random
statistics (random_statistics.py) and converted by TensorFlow's converter alone, at a static batch
of one. That file is set against its rewritten self.

ratio: rewritten / converter's latency, one thread. Groups of invocations alternate, A B B A …; the
median of the pairwise ratios is taken per round, with interpreters made anew, for where their
memory lies matters too (identical large files differ by 2 % in one round); the median of the
rounds counts, and their middle half is shown. error/noise: norm-wise difference of the outputs on
generated images, in units of what XNNPACK and LiteRT's other kernels differ by on the converter's
file (the reference ones where --reference, which takes minutes per model).

--quick is a run of below 10 minutes: reduced resolution, short timings. --keep FOLDER stores the
converter's files and reuses them: a second run then takes 4 minutes.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.architectures import ARCHITECTURES, available
from benchmarks.common import arguments, median, report, run
from benchmarks.runtime import interpreter

WORTH = 1e-3  # seconds that one timed group takes at least
ROUNDS = 8  # times that interpreters are made anew
MOST_PAIRS = 500  # per round
BUILDERS = 2  # models that are built at once


def main() -> int:
    """Measure the models that this Keras has."""
    options = _options()
    with tempfile.TemporaryDirectory() as scratch:
        rows = _rows(options.models or available(), options, options.keep or Path(scratch))
    done = [row for row in rows if "ratio" in row]
    report(
        "rewrites",
        rows,
        options.json,
        n=len(done),
        slower_than_1_02=", ".join(r["model"] for r in done if r["ratio"] > 1.02) or "none",
        faster_than_1_15=", ".join(r["model"] for r in done if r["ratio"] < 1 / 1.15) or "none",
        more_ops=", ".join(r["model"] for r in done if r["after"] > r["ops"]) or "none",
        above_3_noise=", ".join(r["model"] for r in done if r["error/noise"] > 3) or "none",
        seconds_per_timing=options.seconds,
    )
    return int(len(done) < len(rows))


def _options() -> argparse.Namespace:
    parser = arguments(__doc__ or "")
    parser.add_argument("models", nargs="*", help=f"of {', '.join(ARCHITECTURES)} (default: all)")
    parser.add_argument("--small", action="store_true", help="reduced resolution")
    parser.add_argument("--quick", action="store_true", help="--small --seconds 3")
    parser.add_argument("--seconds", type=float, default=10.0, help="timing per model (10)")
    parser.add_argument("--keep", type=Path, help="folder of converted files, written and reused")
    parser.add_argument("--reference", action="store_true", help="noise by the reference kernels")
    parser.add_argument("--cpu", action="store_true", help="CPU time, for a machine that is busy")
    parser.add_argument("--int8", action="store_true", help="also time int8 with and without")
    options = parser.parse_args()
    unknown = set(options.models) - set(ARCHITECTURES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if options.quick:
        options.small, options.seconds = True, min(options.seconds, 3.0)
    return options


def _rows(names: list[str], options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Build all, then time one after the other on a machine that does nothing else."""
    size = "small" if options.small else "full"
    with ThreadPoolExecutor(BUILDERS) as pool:
        files = {
            name: pool.submit(converted, name, options.small, folder / f"{name}-{size}.tflite")
            for name in names
        }
    rows = []
    for name, file in files.items():
        try:
            path = file.result()
            examples = np.load(path.with_suffix(".npy"))
            rows.append(measure(name, path.read_bytes(), examples, options))
        except RuntimeError as error:
            print(f"{name}: {error}", file=sys.stderr)
            rows.append({"model": name, "ops": "failed"})
        print(rows[-1], flush=True)
    return rows


def converted(name: str, small: bool, path: Path) -> Path:
    """Write the converter's file of a model, unless it is there, in a process of its own.

    Returns:
        `path`; beside it stands float32[n, side, side, 3] to feed it, as .npy.

    Raises:
        RuntimeError: it cannot be built or converted.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.architectures", name, "--out", path]
        process = run(command + ["--small"] * small)
        if process.exit_code:
            raise RuntimeError(f"cannot be built:\n{process.stderr[-1500:]}")
    return path


def measure(
    name: str, before: bytes, examples: np.ndarray, options: argparse.Namespace
) -> dict[str, Any]:
    """Return one row of the table.

    Args:
        name: of the model.
        before: the converter's file.
        examples: float32[n, …] as the model wants them.
        options: seconds, reference, int8.
    """
    from litesmith.graph import read, write
    from litesmith.rewrite import FAMILIES, apply

    graph = read(before)
    started = time.perf_counter()
    outcome = apply(graph, FAMILIES)
    seconds = time.perf_counter() - started
    after = write(outcome.graph)
    clock = time.thread_time if options.cpu else time.perf_counter
    ratio, low, high, latency = compared(before, after, options.seconds, clock)
    kernels = "reference" if options.reference else "builtin"
    error, noise = _differences(before, after, examples[:3], kernels)
    row = {
        "model": name,
        "ops": _count(graph),
        "after": _count(outcome.graph),
        "fewer %": 100 * (1 - _count(outcome.graph) / _count(graph)),
        "MB": len(before) / 1e6,
        "MB after": len(after) / 1e6,
        "ms": latency,
        "ratio": ratio,
        "rounds": f"{low:.3f}..{high:.3f}",
        "error": error,
        "error/noise": error / max(noise, 1e-9),
        "rewrite s": seconds,
    }
    if options.int8:
        row["int8 ratio"] = _int8_ratio((graph, outcome.graph), examples, options.seconds, clock)
    return row


def _count(graph: Any) -> int:
    return sum(len(part.ops) for part in graph.graphs())


def compared(
    before: bytes, after: bytes, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float, float, float]:
    """Return the latency of a file relative to another's: (median, quartiles of rounds, and ms).

    Args:
        before: the file that counts as 1.
        after: the other one.
        seconds: how long to time.
        clock: what times, in seconds.
    """
    rounds, times = [], []
    for turn in range(ROUNDS):
        files = (before, after) if turn % 2 == 0 else (after, before)
        pair = [_ready(file) for file in files]
        first, second = pair if turn % 2 == 0 else pair[::-1]
        ratio, milliseconds = _round(first, second, seconds / ROUNDS, clock)
        rounds.append(ratio)
        times.append(milliseconds)
    low, high = np.percentile(rounds, [25, 75])
    return median(rounds), float(low), float(high), median(times)


def _round(
    first: Any, second: Any, seconds: float, clock: Callable[[], float]
) -> tuple[float, float]:
    """Return the second interpreter's latency relative to the first's, and the first's in ms."""
    group = max(1, math.ceil(WORTH / max(_seconds(first, 1, clock), 1e-7)))
    ratios, times = [], []
    deadline = time.perf_counter() + seconds
    while len(ratios) < MOST_PAIRS and (time.perf_counter() < deadline or len(ratios) < 3):
        a, b, c, d = (_seconds(r, group, clock) for r in (first, second, second, first))
        ratios.append((b + c) / (a + d))
        times.append((a + d) / 2 / group * 1e3)
    return median(ratios), median(times)


def _ready(file: bytes) -> Any:
    runner = interpreter(file)
    rng = np.random.default_rng(0)
    for tensor in runner.get_input_details():
        values = rng.uniform(0, 1, tensor["shape"]).astype(tensor["dtype"])
        runner.set_tensor(tensor["index"], values)
    for _ in range(3):
        runner.invoke()
    return runner


def _seconds(runner: Any, count: int, clock: Callable[[], float]) -> float:
    started = clock()
    for _ in range(count):
        runner.invoke()
    return clock() - started


def _differences(
    before: bytes, after: bytes, examples: np.ndarray, kernels: str
) -> tuple[float, float]:
    """Return (rewriting's, other kernels') largest difference relative to the largest output."""
    from litesmith.runtime import Session

    sessions = [Session(before), Session(after), Session(before, threads=2, kernels=kernels)]
    worst = [0.0, 0.0]
    for example in examples:
        answers = []
        for session in sessions:
            session.feed([example[None]])
            session.invoke()
            answers.append(session.fetch()[0].copy())
        largest = max(float(np.abs(answers[0]).max()), 1e-30)
        for i, other in enumerate(answers[1:]):
            worst[i] = max(worst[i], float(np.abs(answers[0] - other).max()) / largest)
    return worst[0], worst[1]


def _int8_ratio(
    graphs: tuple[Any, Any], examples: np.ndarray, seconds: float, clock: Callable[[], float]
) -> float:
    """Return int8's latency with the rewrites, relative to that with only the needed forms."""
    from litesmith.data import TensorSpec, load_examples
    from litesmith.graph import write
    from litesmith.quantize import Quantize
    from litesmith.rewrite import INTEGER_FAMILIES, apply

    files = []
    spec = TensorSpec("x", (None, *examples.shape[1:]), "float32")
    for graph in graphs:
        graph = apply(graph, INTEGER_FAMILIES).graph
        files.append(write(Quantize("int8")(graph, load_examples(examples, [spec])).graph))
    return compared(files[0], files[1], seconds, clock)[0]


if __name__ == "__main__":
    sys.exit(main())
