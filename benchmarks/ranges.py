"""Drop of int8 where plain ranges fail: raw pixels, tables, tracks, and the real shared models.

The small nets of `ranges_models` are trained here, one process each; every tool calibrates on the
same examples of their training data and each file is scored by LiteRT alone on the test data. Drops
are in points of accuracy from the float file; "agree" is how many answers are those of the float
file. "plain" is litesmith without trials: min and max, one scale per tensor.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_shared, arguments, must_export, peer, report, run
from benchmarks.ranges_models import STAND_INS
from benchmarks.runtime import answers
from benchmarks.shared_models import SHARED

PLAIN = (
    "import sys; from litesmith.quantize import step; "
    "step.tuned = lambda draft, *_: draft; "
    "from litesmith.cli import main; sys.exit(main())"
)
TOOLS = {
    "litesmith": "int8.tflite",
    "plain": "plain.tflite",
    "TFLiteConverter": "converter.tflite",
    "litert-quantizer": "quantizer.tflite",
}


def trained(name: str, shared: Path, folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Return a stand-in's file and data, or a shared model's.

    Raises:
        RuntimeError: training failed.
    """
    if name in SHARED:
        model = SHARED[name]
        assert model.data is not None
        with np.load(shared / model.data) as arrays:
            return shared / model.path, dict(arrays)
    source, data = folder / "model.keras", folder / "data.npz"
    command = [sys.executable, "-m", "benchmarks.ranges_models", name, source, data]
    process = run([*command, "--shared", shared])
    if process.exit_code:
        raise RuntimeError(f"{name} was not trained:\n{process.stderr[-1500:]}")
    with np.load(data) as arrays:
        return source, dict(arrays)


def measure(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Export one model by each tool and score the files."""
    source, data = trained(name, options.shared, folder)
    x = data["x_train"].astype(np.float32)
    chosen = x[np.linspace(0, len(x) - 1, min(options.examples, len(x))).astype(int)]
    examples = folder / "examples.npy"
    np.save(examples, chosen)
    given = ("--data", examples)
    must_export(source, folder / "none.tflite", "--quantize", "none", *given)
    process = must_export(source, folder / TOOLS["litesmith"], "--quantize", "int8", *given)
    plain = [sys.executable, "-c", PLAIN, "export", source, "-o", folder / TOOLS["plain"]]
    run([*plain, "--quantize", "int8", *given])
    attempt("tflite_converter_scheme.py", source, examples, folder / TOOLS["TFLiteConverter"])
    quantizer = (folder / "none.tflite", examples, folder / TOOLS["litert-quantizer"])
    attempt("litert_quantizer_scheme.py", *quantizer)
    test, y = data["x_test"].astype(np.float32), data["y_test"].reshape(-1)
    wanted = answers((folder / "none.tflite").read_bytes(), test).argmax(-1)
    score = float(np.mean(wanted == y))
    row: dict[str, Any] = {"model": name, "n": len(y), "float %": 100 * score}
    for tool, file in TOOLS.items():
        found = classes(folder / file, test)
        row[f"{tool} drop"] = None if found is None else 100 * (score - np.mean(found == y))
        row[f"{tool} agree %"] = None if found is None else 100 * np.mean(found == wanted)
    row["done"] = [step["why"] for step in process.json["steps"] if step["name"] == "quantize"][-1]
    return row


def attempt(script: str, *given: Path) -> None:
    """Let a peer try int8; one that fails leaves no file."""
    try:
        peer(script, *given, "int8")
    except RuntimeError as error:
        print(str(error)[-300:], file=sys.stderr)


def classes(file: Path, x: np.ndarray) -> np.ndarray | None:
    """Return the answers of a file, None where there is none or LiteRT refuses it."""
    try:
        return answers(file.read_bytes(), x).argmax(-1)
    except (OSError, RuntimeError, ValueError):
        return None


def main() -> None:
    """Measure the models that were named, or all."""
    parser = arguments(__doc__ or "")
    add_shared(parser)
    names = [*STAND_INS, *(name for name, model in SHARED.items() if model.data)]
    parser.add_argument("--examples", type=int, default=200, help="representative examples")
    parser.add_argument("models", nargs="*", help=f"of {', '.join(names)} (default: all)")
    options = parser.parse_args()
    rows = []
    for name in options.models or names:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(measure(name, options, Path(scratch)))
    title = "int8 where plain ranges fail"
    report(title, rows, options.json, representative_examples=options.examples)


if __name__ == "__main__":
    main()
