"""Drop of int8 on real models and real test data: litesmith, TFLiteConverter, litert-quantizer.

Each tool calibrates on the same representative examples; each file is scored here, by LiteRT
alone, on the whole test arrays. The source score is that of litesmith's float file, whose parity
with the original model is shown beside it. emotion has no data: parity only.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_shared, arguments, must_export, peer, report
from benchmarks.runtime import answers
from benchmarks.shared_models import SHARED, as_float, representative

FILES = {
    "litesmith": "int8.tflite",
    "TFLiteConverter": "converter.tflite",
    "litert-quantizer": "quantizer.tflite",
}


def measure(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Export one model by each tool and score the files; drops are in points of accuracy."""
    model = SHARED[name]
    source = options.shared / model.path
    raw = representative(model, options.shared, options.examples, folder / "raw.npy")
    np.save(folder / "float.npy", as_float(model, np.load(raw)))
    common = ("--data", raw, "--preprocess", model.preprocess)
    must_export(source, folder / "none.tflite", "--quantize", "none", *common)
    process = must_export(source, folder / "int8.tflite", "--quantize", "int8", *common)
    parity = process.json["parity"]
    row: dict[str, Any] = {
        "model": name,
        "float parity": parity["float_max_abs_error"],
        "cosine": parity["cosine"],
        "float ops": process.json["artifact"]["float_ops"],
        "bytes": process.json["artifact"]["size_bytes"],
    }
    if model.data is None:
        return row
    converter = (source, folder / "float.npy", folder / "converter.tflite")
    peer("tflite_converter_scheme.py", *converter, "int8")
    quantizer = (folder / "none.tflite", folder / "float.npy", folder / "quantizer.tflite")
    peer("litert_quantizer_scheme.py", *quantizer, "int8")
    with np.load(options.shared / model.data) as arrays:
        x, y = as_float(model, arrays["x_test"]), arrays["y_test"]
    source_score = accuracy(folder / "none.tflite", x, y)
    row |= {"examples": len(y), "source %": 100 * source_score}
    for tool, file in FILES.items():
        row[f"{tool} drop"] = 100 * (source_score - accuracy(folder / file, x, y))
    return row


def accuracy(file: Path, x: np.ndarray, y: np.ndarray) -> float:
    """Part of float32[n, …] whose largest answer is at y: int[n]."""
    return float(np.mean(answers(file.read_bytes(), x).argmax(-1) == y))


def main() -> None:
    """Score the models of the shared folder."""
    parser = arguments(__doc__ or "")
    add_shared(parser)
    parser.add_argument("--examples", type=int, default=200, help="representative examples")
    parser.add_argument("models", nargs="*", help=f"of {', '.join(SHARED)} (default: all)")
    options = parser.parse_args()
    rows = []
    for name in options.models or SHARED:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(measure(name, options, Path(scratch)))
    report(
        "int8 on real models (drops in points)",
        sorted(rows, key=len, reverse=True),
        options.json,
        representative_examples=options.examples,
        n=len(rows),
    )


if __name__ == "__main__":
    main()
