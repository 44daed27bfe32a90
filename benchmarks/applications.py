"""Every family of keras.applications at its smallest: does it export, and is it right.

Statistics are random and outputs vary (random_statistics.py). The float and the int8 export are
run by litesmith, and their answers are compared here once more, by LiteRT alone, with those of
the Keras model on images that were not used for calibration.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.applications_table import FAMILIES, available, preprocess
from benchmarks.common import application, arguments, export, natural_images, report
from benchmarks.runtime import answers

FLOAT_TOLERANCE = 1e-3
LEAST_CORRELATION = 0.9  # of logits, class by class about their mean over the images


def measure(
    name: str, side: int | None, images: int, folder: Path, softmax: bool = False
) -> dict[str, Any]:
    """Export one family as float and int8.

    Args:
        name: a key of FAMILIES.
        side: height and width of the input; the family's default where None.
        images: how many calibrate.
        folder: scratch.
        softmax: end in probabilities; how well int8 correlates is then shown but not judged.

    Returns:
        The row; "verdict" is "ok" or what is wrong, float_error is relative to the largest answer.
    """
    family = FAMILIES[name]
    model = application(name, folder, side, examples=16, softmax=softmax)
    np.save(folder / "calibration.npy", natural_images(images, side or family.side))
    common = ("--data", folder / "calibration.npy", "--preprocess", family.preprocess)
    row: dict[str, Any] = {"family": name, "verdict": "ok"}
    with np.load(folder / "reference.npz") as reference:
        x, y = preprocess(reference["x"], family.preprocess), reference["y"]
    for scheme in ("none", "int8"):
        out = folder / f"{scheme}.tflite"
        process = export(model, out, "--quantize", scheme, *common)
        if process.exit_code:
            return row | {"verdict": f"{scheme}: exit {process.exit_code}: {_error(process)}"}
        row |= _columns(scheme, process.json, answers(out.read_bytes(), x), y)
        row[f"{scheme} s"] = process.seconds
    if row["float error"] > FLOAT_TOLERANCE:
        row["verdict"] = "float answers differ"
    elif row["float ops"]:
        row["verdict"] = f"{row['float ops']} float ops in int8"
    elif not softmax and row["correlation"] < LEAST_CORRELATION:
        row["verdict"] = "int8 answers differ"
    return row


def _error(process: Any) -> str:
    try:
        return str(process.json["error"]["message"])
    except (RuntimeError, KeyError, TypeError):
        return process.stderr.strip().splitlines()[-1] if process.stderr.strip() else "no message"


def _columns(scheme: str, document: Any, y: np.ndarray, expected: np.ndarray) -> dict[str, Any]:
    error = float(np.abs(y - expected).max() / np.abs(expected).max())
    agreement = float(np.mean(y.argmax(1) == expected.argmax(1)))
    latency = document.get("latency_ms") or {}
    if scheme == "none":
        return {"float error": error, "float ms": latency.get("artifact")}
    moves = [(values - values.mean(axis=0)).ravel() for values in (y, expected)]
    return {
        "float ops": document["artifact"]["float_ops"],
        "correlation": float(np.corrcoef(*moves)[0, 1]),
        "sqnr dB": document["parity"]["sqnr_db"],
        "top-1 agrees": agreement,
        "int8 ms": latency.get("artifact"),
        "MB": document["artifact"]["size_bytes"] / 1e6,
    }


def main() -> None:
    """Measure the families that this Keras has."""
    parser = arguments(__doc__ or "")
    parser.add_argument("families", nargs="*", help="names (default: all)")
    parser.add_argument("--small", action="store_true", help="reduced resolution, as in the tests")
    parser.add_argument("--images", type=int, default=32, help="representative images")
    parser.add_argument("--softmax", action="store_true", help="models that end in probabilities")
    options = parser.parse_args()
    unknown = set(options.families) - set(FAMILIES)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; one of {', '.join(FAMILIES)}")
    rows = []
    for name in options.families or available():
        with tempfile.TemporaryDirectory() as scratch:
            side = FAMILIES[name].small if options.small else None
            rows.append(measure(name, side, options.images, Path(scratch), options.softmax))
        print(rows[-1], flush=True)
    done = sum(row["verdict"] == "ok" for row in rows)
    report("keras.applications", rows, options.json, images=options.images, n=len(rows), ok=done)


if __name__ == "__main__":
    main()
