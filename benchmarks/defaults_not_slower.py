"""No default makes a model slower than its float .tflite: real models and MobileNetV2.

Exports each with `--quantize none`, with all defaults and data, and with all defaults and no
data; then times the three files interleaved, one thread, by LiteRT alone. "ratio" is the median
of the paired ratios to the float file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.applications_table import FAMILIES
from benchmarks.common import (
    add_shared,
    application,
    arguments,
    median,
    must_export,
    natural_images,
    report,
)
from benchmarks.runtime import latencies
from benchmarks.shared_models import SHARED, representative

NOISE = 1.05


def measure(name: str, source: Path, raw: Path, preprocess: str, folder: Path) -> dict[str, Any]:
    """Export one model three times and time the files."""
    data = ("--data", raw, "--preprocess", preprocess)
    variants = {"float": ("--quantize", "none"), "with data": data, "without data": ()}
    files = {}
    for variant, options in variants.items():
        out = folder / f"{variant.replace(' ', '_')}.tflite"
        must_export(source, out, *options)
        files[variant] = out.read_bytes()
    times = latencies(files)
    row: dict[str, Any] = {"model": name, "runs": len(times["float"])}
    for variant, values in times.items():
        row[f"{variant} ms"] = median(values)
    for variant in ("with data", "without data"):
        row[f"{variant} ratio"] = median(list(np.divide(times[variant], times["float"])))
    slower = [v for v in ("with data", "without data") if row[f"{v} ratio"] > NOISE]
    return row | {"verdict": f"slower: {', '.join(slower)}" if slower else "ok"}


def models(shared: Path, examples: int, folder: Path) -> Iterator[tuple[str, Path, Path, str]]:
    """Yield name, source, raw examples and preprocessing of each model."""
    if (shared / "models").is_dir():
        for name, model in SHARED.items():
            raw = representative(model, shared, examples, folder / f"{name}.npy")
            yield name, shared / model.path, raw, model.preprocess
    family = FAMILIES["MobileNetV2"]
    source = application("MobileNetV2", folder, examples=2, softmax=True)
    np.save(folder / "images.npy", natural_images(examples, family.side))
    yield "MobileNetV2", source, folder / "images.npy", family.preprocess


def main() -> None:
    """Time the defaults of the real models and of MobileNetV2."""
    parser = arguments(__doc__ or "")
    add_shared(parser)
    parser.add_argument("--examples", type=int, default=100, help="representative examples")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = models(options.shared, options.examples, folder)
        rows = [measure(*model, folder) for model in found]
    report("defaults against float", rows, options.json, n=len(rows), threads=1, noise=NOISE)


if __name__ == "__main__":
    main()
