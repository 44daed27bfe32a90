"""What calibration costs: time against bare inference of the same examples, and memory.

MobileNetV2 int8 with 200 and with 2,000 images (--images). "quantize s" is what litesmith's own
report says of that step: calibration and, a few hundredths of a second, the quantizing itself. Bare
inference, one thread, of as many images as were used takes turns with the exports. "peak MB" is the
largest process of the export.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.applications_table import FAMILIES, preprocess
from benchmarks.common import (
    Process,
    application,
    arguments,
    median,
    must_export,
    natural_images,
    report,
)
from benchmarks.runtime import bare_inference

SAMPLE = 200


def quantize_step(run: Process) -> tuple[float, int]:
    """Seconds of the step that calibrates, and on how many examples it did.

    Raises:
        RuntimeError: the report has no such step.
    """
    for step in run.json["steps"]:
        used = re.search(r"over (\d+) examples", step["why"] or "")
        if used:
            return step["seconds"], int(used[1])
    raise RuntimeError(f"no step tells that it calibrated: {run.json['steps']}")


def row(count: int, runs: list[Process], bare: list[float]) -> dict[str, Any]:
    """Summarize the exports with one number of examples.

    Args:
        count: examples given.
        runs: the exports.
        bare: seconds of bare inference per example, measured beside each export.
    """
    steps = [quantize_step(run) for run in runs]
    used = steps[0][1]
    ratios = [seconds / (used * one) for (seconds, _), one in zip(steps, bare, strict=True)]
    return {
        "examples": count,
        "used": used,
        "bare inference s": used * median(bare),
        "quantize s": median([seconds for seconds, _ in steps]),
        "ratio": median(ratios),
        "whole export s": median([run.seconds for run in runs]),
        "peak MB": max(run.peak_mb for run in runs),
    }


def main() -> None:
    """Export with few and with many examples."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--family", default="MobileNetV2", choices=sorted(FAMILIES))
    parser.add_argument("--side", type=int, help="input height and width")
    parser.add_argument("--images", type=int, nargs=2, default=(200, 2000), metavar=("FEW", "MANY"))
    parser.add_argument("--rounds", type=int, default=3, help="exports of each")
    options = parser.parse_args()
    family = FAMILIES[options.family]
    counts = sorted(options.images)
    runs: dict[int, list[Process]] = {count: [] for count in counts}
    bare: dict[int, list[float]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = application(options.family, folder, options.side, examples=2)
        must_export(model, folder / "float.tflite", "--quantize", "none")
        flat = (folder / "float.tflite").read_bytes()
        raw = natural_images(counts[-1], options.side or family.side)
        sample = preprocess(raw[:SAMPLE], family.preprocess)
        for count in counts:
            np.save(folder / f"{count}.npy", raw[:count])
        for _ in range(options.rounds):
            for count in counts:
                data = ("--data", folder / f"{count}.npy", "--preprocess", family.preprocess)
                out = folder / "int8.tflite"
                before = bare_inference(flat, sample)
                runs[count].append(must_export(model, out, "--quantize", "int8", *data))
                after = bare_inference(flat, sample)
                bare[count].append((before + after) / 2 / len(sample))
    rows = [row(count, runs[count], bare[count]) for count in counts]
    growth = rows[-1]["peak MB"] - rows[0]["peak MB"]
    report(
        f"calibration of {options.family}",
        rows,
        options.json,
        n=options.rounds,
        peak_mb_growth=growth,
    )


if __name__ == "__main__":
    main()
