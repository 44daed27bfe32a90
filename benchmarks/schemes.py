"""Every scheme on real models and real test data: drop, size and latency, beside the peers' own.

Each tool calibrates on the same representative examples; each file is scored here, by LiteRT
alone, on the whole test arrays. Latencies are medians of the process's own time, one thread,
interleaved, as ratios to litesmith's float file. A peer without the scheme, or whose file LiteRT
refuses, is told.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_shared, arguments, median, must_export, peer, report
from benchmarks.runtime import answers, latencies
from benchmarks.shared_models import SHARED, as_float, representative

SCHEMES = (
    "float16",
    "dynamic",
    "dynamic-int4",
    "weights-int8",
    "weights-int4",
    "int8",
    "int4",
    "int16x8",
)
_CONVERTER = ("float16", "dynamic", "int8", "int16x8")
_QUANTIZER = tuple(scheme for scheme in SCHEMES if scheme != "float16")


def measure(name: str, options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Return a row per scheme and tool; drops are in points of accuracy."""
    model = SHARED[name]
    source = options.shared / model.path
    raw = representative(model, options.shared, options.examples, folder / "raw.npy")
    np.save(folder / "float.npy", as_float(model, np.load(raw)))
    common = ("--data", raw, "--preprocess", model.preprocess)
    exact = folder / "none.tflite"
    must_export(source, exact, "--quantize", "none", *common)
    failed: dict[tuple[str, str], str] = {}
    for scheme in SCHEMES:
        must_export(source, folder / f"litesmith.{scheme}", "--quantize", scheme, *common)
        for tool, script, first in _peers(scheme, source, exact):
            try:
                peer(script, first, folder / "float.npy", folder / f"{tool}.{scheme}", scheme)
            except RuntimeError as error:
                failed[tool, scheme] = str(error).strip().splitlines()[-1][:60]
    with np.load(options.shared / model.data) as arrays:
        x, y = as_float(model, arrays["x_test"])[: options.most], arrays["y_test"][: options.most]
    return _rows(name, folder, x, y, failed, options.seconds)


def _peers(scheme: str, source: Path, exact: Path) -> list[tuple[str, str, Path]]:
    found = []
    if scheme in _CONVERTER:
        found.append(("TFLiteConverter", "tflite_converter_scheme.py", source))
    if scheme in _QUANTIZER:
        found.append(("litert-quantizer", "litert_quantizer_scheme.py", exact))
    return found


def _rows(
    name: str,
    folder: Path,
    x: np.ndarray,
    y: np.ndarray,
    failed: dict[tuple[str, str], str],
    seconds: float,
) -> list[dict[str, Any]]:
    rows = []
    base = (folder / "none.tflite").read_bytes()
    exact = answers(base, x).argmax(-1)
    for scheme in SCHEMES:
        for tool in ("litesmith", "TFLiteConverter", "litert-quantizer"):
            file = folder / f"{tool}.{scheme}"
            row: dict[str, Any] = {"model": name, "scheme": scheme, "tool": tool}
            if not file.exists():
                if (tool, scheme) in failed:
                    rows.append(row | {"failed": failed[tool, scheme]})
                continue
            try:
                found = answers(file.read_bytes(), x).argmax(-1)
                times = latencies(
                    {"float": base, "file": file.read_bytes()}, seconds, clock=time.process_time
                )
            except (ValueError, RuntimeError) as error:
                rows.append(row | {"failed": str(error)[:60]})
                continue
            row["drop"] = 100 * float(np.mean(exact == y) - np.mean(found == y))
            row["agreement %"] = 100 * float(np.mean(found == exact))
            row["size ratio"] = file.stat().st_size / len(base)
            row["latency ratio"] = median(times["file"]) / median(times["float"])
            rows.append(row)
    return rows


def main() -> None:
    """Score the models of the shared folder that come with data."""
    parser = arguments(__doc__ or "")
    add_shared(parser)
    known = [name for name, model in SHARED.items() if model.data is not None]
    parser.add_argument("--examples", type=int, default=200, help="representative examples")
    parser.add_argument("--most", type=int, default=2000, help="test examples per model")
    parser.add_argument("--seconds", type=float, default=0.3, help="per file")
    parser.add_argument("models", nargs="*", help=f"of {', '.join(known)} (default: all)")
    options = parser.parse_args()
    rows = []
    for name in options.models or known:
        with tempfile.TemporaryDirectory() as scratch:
            rows += measure(name, options, Path(scratch))
    report(
        "schemes on real models (drops in points)",
        rows,
        options.json,
        representative_examples=options.examples,
        test_examples_at_most=options.most,
    )


if __name__ == "__main__":
    main()
