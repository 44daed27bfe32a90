"""What every benchmark needs: run a command, describe the machine, make images, print and save."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

REPO = Path(__file__).resolve().parents[1]
PEERS = REPO / "benchmarks" / "peers"
VERSIONS = ("tensorflow", "keras", "tf_keras", "ai-edge-litert", "litert-quantizer", "numpy")
CLI = "import sys; from litesmith.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Process:
    """One finished process.

    Attributes:
        exit_code: as the shell sees it.
        seconds: wall time from start to end.
        peak_mb: largest resident set of the process or any child it waited for, in MB.
        stdout: what it printed.
        stderr: what it said.
    """

    exit_code: int
    seconds: float
    peak_mb: float
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The JSON document on stdout.

        Raises:
            RuntimeError: there is none; the message holds the end of stderr.
        """
        try:
            return json.loads(self.stdout)
        except json.JSONDecodeError as error:
            tail = self.stderr[-1500:]
            raise RuntimeError(f"exit {self.exit_code}, no JSON on stdout:\n{tail}") from error


def run(command: Sequence[str | Path]) -> Process:
    """Run a command to its end, quietly, with this checkout's package importable."""
    paths = [str(REPO / "src"), str(REPO), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "KERAS_BACKEND": "tensorflow",
    }
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.perf_counter()
        child = subprocess.Popen([str(c) for c in command], stdout=out, stderr=err, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Process(child.returncode, seconds, usage.ru_maxrss / 1024, out.read(), err.read())


def litesmith(*arguments: str | Path) -> Process:
    """Run one `litesmith … --json` in a process of its own."""
    return run([sys.executable, "-c", CLI, *arguments, "--json"])


def must_export(source: Path, out: Path, *options: str | Path) -> Process:
    """Export, and insist that it succeeds.

    Raises:
        RuntimeError: it does not; the message holds the exit code and litesmith's own error.
    """
    process = export(source, out, *options)
    if process.exit_code:
        raise RuntimeError(f"export of {source.name} exited {process.exit_code}: {process.json}")
    return process


def export(source: Path, out: Path, *options: str | Path) -> Process:
    """Run `litesmith export SOURCE -o OUT …`."""
    return litesmith("export", source, "-o", out, *options)


def peer(script: str, *arguments: str | Path) -> Process:
    """Run a stand-alone script of peers/ in a process of its own.

    Raises:
        RuntimeError: it failed; the message holds the end of its stderr.
    """
    process = run([sys.executable, PEERS / script, *arguments])
    if process.exit_code:
        raise RuntimeError(f"{script} exited {process.exit_code}:\n{process.stderr[-1500:]}")
    return process


def machine() -> dict[str, Any]:
    """Describe where the numbers come from."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in VERSIONS},
    }


def natural_images(count: int, side: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Make smooth random images with edges: uint8[count, side, side, channels], raw 0..255.

    Noise at several scales, as in photographs, with a brightness and contrast of each image's own.
    """
    rng = np.random.default_rng(seed)
    images = np.empty((count, side, side, channels), np.uint8)
    for image in images:
        total = np.zeros((side, side, channels), np.float32)
        for cells in (2, 4, 9, 23, side):
            coarse = rng.normal(size=(min(cells, side),) * 2 + (channels,)).astype(np.float32)
            index = np.arange(side) * len(coarse) // side
            total += coarse[index][:, index] / cells**0.5
        total += rng.normal(size=(1, 1, channels))
        image[:] = np.clip(128 + rng.uniform(35, 75) * total, 0, 255)
    return images


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Lay rows out under the keys of the first: numbers right, words left."""
    rows = [{key: _cell(value) for key, value in row.items()} for row in rows]
    if not rows:
        return "(nothing measured)"
    keys = list(rows[0])
    widths = {key: max(len(key), *(len(row.get(key, "")) for row in rows)) for key in keys}

    def line(row: Mapping[str, str]) -> str:
        return "  ".join(row.get(key, "").ljust(widths[key]) for key in keys).rstrip()

    rule = "  ".join("-" * widths[key] for key in keys)
    return "\n".join([line({key: key for key in keys}), rule, *map(line, rows)])


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def application(
    family: str, folder: Path, side: int | None = None, examples: int = 16, softmax: bool = False
) -> Path:
    """Save a keras.applications family with random statistics, in a process of its own.

    Returns:
        Path of the .keras file; beside it `reference.npz` with x (raw uint8) and y (its answers).

    Raises:
        RuntimeError: it cannot be built, or its outputs do not vary.
    """
    path = folder / f"{family}.keras"
    command = [sys.executable, "-m", "benchmarks.applications_table", family, "--out", path]
    command += ["--reference", folder / "reference.npz", "--examples", str(examples)]
    command += ["--side", str(side)] if side else []
    process = run(command + (["--softmax"] if softmax else []))
    if process.exit_code:
        raise RuntimeError(f"{family} could not be built:\n{process.stderr[-1500:]}")
    return path


def median(values: Sequence[float]) -> float:
    """Return the median of at least one value."""
    return float(statistics.median(values))


def arguments(doc: str) -> argparse.ArgumentParser:
    """Start a parser with what all benchmarks share."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    return parser


def add_shared(parser: argparse.ArgumentParser) -> None:
    """Add --shared: the folder with real models/ and data/."""
    parser.add_argument(
        "--shared",
        type=Path,
        default=Path(os.environ.get("LITESMITH_SHARED", REPO.parent / "shared")),
        help="folder that holds models/ and data/ (default: $LITESMITH_SHARED or ../shared)",
    )


def report(name: str, rows: Sequence[Mapping[str, Any]], path: Path | None, **facts: Any) -> None:
    """Print the table and the facts under it; write both as JSON where asked.

    Facts are what the rows have in common: n, medians over the runs, options.
    """
    where = machine()
    print(f"{name} on {where['cpu']}, {where['cores']} cores")
    print(table(rows))
    for key, value in facts.items():
        print(f"{key}: {_cell(value)}")
    if path is not None:
        document = {"benchmark": name, "machine": where, **facts, "rows": list(rows)}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n")
