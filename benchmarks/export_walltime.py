"""Whole-process wall time of an int8 export, against TFLiteConverter as its guide says.

MobileNetV2 at 224x224 with random statistics, saved as .keras; the same representative images for
both. The two processes take turns (A B A B …). litesmith also measures parity and latency in that
time; the peer's images are preprocessed beforehand.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.applications_table import FAMILIES, preprocess
from benchmarks.common import (
    application,
    arguments,
    median,
    must_export,
    natural_images,
    peer,
    report,
)


def main() -> None:
    """Build, take turns, print the median ratio."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--family", default="MobileNetV2", choices=sorted(FAMILIES))
    parser.add_argument("--side", type=int, help="input height and width")
    parser.add_argument("--images", type=int, default=200, help="representative images")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each")
    options = parser.parse_args()
    family = FAMILIES[options.family]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = application(options.family, folder, options.side, examples=2, softmax=True)
        raw = natural_images(options.images, options.side or family.side)
        np.save(folder / "raw.npy", raw)
        np.save(folder / "scaled.npy", preprocess(raw, family.preprocess))
        ours, theirs = [], []
        for _ in range(options.rounds):
            choices = ("--quantize", "int8", "--data", folder / "raw.npy")
            ours.append(
                must_export(
                    model, folder / "ours.tflite", *choices, "--preprocess", family.preprocess
                )
            )
            theirs.append(
                peer(
                    "tflite_converter_scheme.py",
                    model,
                    folder / "scaled.npy",
                    folder / "peer.tflite",
                    "int8",
                )
            )
    rows = [
        {
            "who": who,
            "median s": median([run.seconds for run in runs]),
            "each s": " ".join(f"{run.seconds:.1f}" for run in runs),
            "peak MB of a process": max(run.peak_mb for run in runs),
        }
        for who, runs in (("litesmith export", ours), ("TFLiteConverter", theirs))
    ]
    ratios = [a.seconds / b.seconds for a, b in zip(ours, theirs, strict=True)]
    report(
        f"int8 export of {options.family}, whole process",
        rows,
        options.json,
        images=options.images,
        n=options.rounds,
        median_ratio=median(ratios),
    )


if __name__ == "__main__":
    main()
