"""Latency of int8 files against those of TFLiteConverter and the float file, interleaved.

The shared models and four of keras.applications with random statistics. All files come from the
same representative examples; medians of the process's own time, one thread, the files in turn.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.applications_table import FAMILIES, preprocess
from benchmarks.common import (
    add_shared,
    application,
    arguments,
    median,
    must_export,
    natural_images,
    peer,
    report,
)
from benchmarks.runtime import latencies
from benchmarks.shared_models import SHARED, as_float, representative

APPLICATIONS = ("MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "ResNet50")


def sources(name: str, options: argparse.Namespace, folder: Path) -> tuple[Path, Path, Path, str]:
    """Return the model, raw examples, the same as it reads them, and their preprocessing."""
    raw, scaled = folder / "raw.npy", folder / "scaled.npy"
    if name in SHARED:
        model = SHARED[name]
        representative(model, options.shared, options.examples, raw)
        np.save(scaled, as_float(model, np.load(raw)))
        return options.shared / model.path, raw, scaled, model.preprocess
    family = FAMILIES[name]
    images = natural_images(options.examples, options.side)
    np.save(raw, images)
    np.save(scaled, preprocess(images, family.preprocess))
    path = application(name, folder, options.side, examples=2, softmax=True)
    return path, raw, scaled, family.preprocess


def measure(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Export one model by both tools and time the files."""
    source, raw, scaled, steps = sources(name, options, folder)
    common = ("--data", raw, "--preprocess", steps)
    done = must_export(source, folder / "int8.tflite", "--quantize", "int8", *common,
                       "--save-float", folder / "float.tflite")  # fmt: skip
    peer("tflite_converter_scheme.py", source, scaled, folder / "peer.tflite", "int8")
    files = {name: (folder / f"{name}.tflite").read_bytes() for name in ("int8", "peer", "float")}
    times = latencies(files, options.seconds, clock=time.process_time)
    found = {key: median(runs) for key, runs in times.items()}
    return {
        "model": name,
        "int8 ms": 1e3 * found["int8"],
        "to TFLiteConverter's": found["int8"] / found["peer"],
        "to float": found["int8"] / found["float"],
        "runs": min(map(len, times.values())),
        "bytes": len(files["int8"]),
        "bytes to TFLiteConverter's": len(files["int8"]) / len(files["peer"]),
        "done": [s["why"] for s in done.json["steps"] if s["name"] == "quantize"][-1],
    }


def main() -> None:
    """Time the models that were named, or all."""
    parser = arguments(__doc__ or "")
    add_shared(parser)
    names = [*SHARED, *APPLICATIONS]
    parser.add_argument("--examples", type=int, default=50, help="representative examples")
    parser.add_argument("--side", type=int, default=96, help="of the applications' images")
    parser.add_argument("--seconds", type=float, default=1.0, help="per file")
    parser.add_argument("models", nargs="*", help=f"of {', '.join(names)} (default: all)")
    options = parser.parse_args()
    rows = []
    for name in options.models or names:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(measure(name, options, Path(scratch)))
    ratios = [row["to TFLiteConverter's"] for row in rows]
    report("latency of int8", rows, options.json, n=len(rows), median_ratio=median(ratios))


if __name__ == "__main__":
    main()
