"""What calibration costs: time against bare inference of the same examples, and memory.

MobileNetV2 int8 with 200 and with 2,000 images (--images). "calibration s" is what litesmith's
own report says of that step; "marginal" is the whole process's extra time per extra image,
against the bare inference of one. "peak MB" is the largest process of the export.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.applications_table import FAMILIES, preprocess
from benchmarks.common import (
    Process,
    application,
    arguments,
    must_export,
    natural_images,
    report,
)
from benchmarks.runtime import bare_inference


def calibration_seconds(document: Any) -> float | None:
    """Seconds of the steps that calibrate, as the export's JSON tells; None where it has none."""
    steps = [step for step in document["steps"] if "calibrat" in step["name"].lower()]
    return sum(step["seconds"] for step in steps) if steps else None


def main() -> None:
    """Export with few and with many examples."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--family", default="MobileNetV2", choices=sorted(FAMILIES))
    parser.add_argument("--side", type=int, help="input height and width")
    parser.add_argument("--images", type=int, nargs=2, default=(200, 2000), metavar=("FEW", "MANY"))
    options = parser.parse_args()
    family = FAMILIES[options.family]
    few, many = sorted(options.images)
    runs: dict[int, Process] = {}
    bare: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = application(options.family, folder, options.side, examples=2)
        must_export(model, folder / "float.tflite", "--quantize", "none")
        flat = (folder / "float.tflite").read_bytes()
        raw = natural_images(many, options.side or family.side)
        for count in (few, many):
            np.save(folder / "raw.npy", raw[:count])
            data = ("--data", folder / "raw.npy", "--preprocess", family.preprocess)
            runs[count] = must_export(model, folder / "int8.tflite", "--quantize", "int8", *data)
            sample = preprocess(raw[: min(few, 200)], family.preprocess)
            bare[count] = bare_inference(flat, sample) * count / len(sample)
    rows = []
    for count, run in runs.items():
        seconds = calibration_seconds(run.json)
        rows.append(
            {
                "examples": count,
                "bare inference s": bare[count],
                "calibration s": seconds,
                "ratio": seconds / bare[count] if seconds is not None else None,
                "whole export s": run.seconds,
                "peak MB": run.peak_mb,
            }
        )
    report(
        f"calibration of {options.family}",
        rows,
        options.json,
        n=1,
        marginal_ratio=(runs[many].seconds - runs[few].seconds) / (bare[many] - bare[few]),
        peak_mb_growth=runs[many].peak_mb - runs[few].peak_mb,
    )


if __name__ == "__main__":
    main()
