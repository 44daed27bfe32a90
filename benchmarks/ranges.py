"""Drop of int8 where plain ranges fail: raw pixels, tables, tracks, and the real shared models.

The small nets of `ranges_models` are trained here, one process each, those on images only with
--fashion; --models keeps them for the next time. Every tool calibrates on the same examples of
their training data and each file is scored by LiteRT alone on the test data. Drops are in points of
accuracy from the float file; "agree" is how many answers are those of the float file. "plain" is
litesmith without trials: min and max, one scale per tensor.

--subsets N calibrates N times, on other examples of the training data, and tells the means, the
largest drop, and how many more answers agree than the peers' do, with its standard error.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_shared, arguments, must_export, peer, report, run
from benchmarks.ranges_images import IMAGE_NETS
from benchmarks.ranges_models import STAND_INS, add_fashion
from benchmarks.runtime import answers
from benchmarks.shared_models import SHARED

PLAIN = (
    "import sys; from litesmith.quantize import step; "
    "step.tuned = lambda draft, *_, **__: draft; "
    "from litesmith.cli import main; sys.exit(main())"
)
TOOLS = {
    "litesmith": "int8.tflite",
    "plain": "plain.tflite",
    "TFLiteConverter": "converter.tflite",
    "litert-quantizer": "quantizer.tflite",
}


def trained(
    name: str, options: argparse.Namespace, folder: Path
) -> tuple[Path, dict[str, np.ndarray]]:
    """Return a stand-in's file and data, or a shared model's.

    Raises:
        RuntimeError: training failed.
    """
    if name in SHARED:
        model = SHARED[name]
        assert model.data is not None
        with np.load(options.shared / model.data) as arrays:
            return options.shared / model.path, dict(arrays)
    kept = options.models or folder
    source, data = kept / f"{name}.keras", kept / f"{name}.npz"
    if not (source.exists() and data.exists()):
        command = [sys.executable, "-m", "benchmarks.ranges_models", name, source, data]
        command += ["--shared", options.shared]
        process = run(command + (["--fashion", options.fashion] if options.fashion else []))
        if process.exit_code:
            raise RuntimeError(f"{name} was not trained:\n{process.stderr[-1500:]}")
    with np.load(data) as arrays:
        return source, dict(arrays)


def measure(name: str, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Export one model by each tool, on each subset of examples, and score the files."""
    source, data = trained(name, options, folder)
    x = data["x_train"].astype(np.float32)
    y = data["y_test"].reshape(-1)
    found = []
    for subset in range(max(options.subsets, 1)):
        examples = folder / f"examples{subset}.npy"
        np.save(examples, x[_chosen(len(x), options.examples, subset if options.subsets else None)])
        why = export(source, examples, folder)
        found.append((why, score(folder, data["x_test"].astype(np.float32), y)))
    exact = found[0][1]["float"][0]
    row: dict[str, Any] = {"model": name, "n": len(y), "float %": 100 * exact}
    for tool in TOOLS:
        scores = [scores.get(tool) for _, scores in found]
        row |= _summary(tool, exact, [s for s in scores if s is not None])
    if options.subsets > 1:
        row |= _paired([scores for _, scores in found])
    row["done"] = found[0][0]
    return row


def _chosen(count: int, wanted: int, seed: int | None) -> np.ndarray:
    if seed is None:
        return np.linspace(0, count - 1, min(wanted, count)).astype(int)
    return np.random.default_rng(seed).permutation(count)[:wanted]


def export(source: Path, examples: Path, folder: Path) -> str:
    """Write the files of all tools; return what litesmith says of its own."""
    given = ("--data", examples)
    for file in TOOLS.values():
        (folder / file).unlink(missing_ok=True)
    must_export(source, folder / "none.tflite", "--quantize", "none", *given)
    process = must_export(source, folder / TOOLS["litesmith"], "--quantize", "int8", *given)
    plain = [sys.executable, "-c", PLAIN, "export", source, "-o", folder / TOOLS["plain"]]
    run([*plain, "--quantize", "int8", *given])
    attempt("tflite_converter_scheme.py", source, examples, folder / TOOLS["TFLiteConverter"])
    quantizer = (folder / "none.tflite", examples, folder / TOOLS["litert-quantizer"])
    attempt("litert_quantizer_scheme.py", *quantizer)
    return str([step["why"] for step in process.json["steps"] if step["name"] == "quantize"][-1])


def score(folder: Path, x: np.ndarray, y: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return tool → (accuracy, part of the answers that are the float file's)."""
    wanted = classes(folder / "none.tflite", x)
    assert wanted is not None
    found = {"float": (float(np.mean(wanted == y)), 1.0)}
    for tool, file in TOOLS.items():
        answered = classes(folder / file, x)
        if answered is not None:
            found[tool] = float(np.mean(answered == y)), float(np.mean(answered == wanted))
    return found


def _summary(tool: str, exact: float, scores: list[tuple[float, float]]) -> dict[str, Any]:
    if not scores:
        return {f"{tool} drop": None, f"{tool} agree %": None}
    drops = [100 * (exact - accuracy) for accuracy, _ in scores]
    row: dict[str, Any] = {f"{tool} drop": float(np.mean(drops))}
    if len(drops) > 1:
        row[f"{tool} most"] = max(drops)
    return row | {f"{tool} agree %": 100 * float(np.mean([agree for _, agree in scores]))}


def _paired(found: list[dict[str, tuple[float, float]]]) -> dict[str, Any]:
    """Return how many more answers agree than each peer's, on the same examples."""
    row: dict[str, Any] = {}
    for tool in ("TFLiteConverter", "litert-quantizer"):
        more = [100 * (s["litesmith"][1] - s[tool][1]) for s in found if tool in s]
        if len(more) > 1:
            error = np.std(more, ddof=1) / len(more) ** 0.5
            row[f"more than {tool}"] = f"{np.mean(more):+.2f} ± {error:.2f}"
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
    add_fashion(parser)
    names = [*STAND_INS, *IMAGE_NETS, *(name for name, model in SHARED.items() if model.data)]
    parser.add_argument("--examples", type=int, default=200, help="representative examples")
    parser.add_argument("--subsets", type=int, default=0, help="times, with examples drawn anew")
    parser.add_argument("--models", type=Path, help="folder that keeps what was trained")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(names)} (default: all)")
    options = parser.parse_args()
    if options.fashion is None:
        names = [name for name in names if name not in IMAGE_NETS]
    rows = []
    for name in options.names or names:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(measure(name, options, Path(scratch)))
    title = "int8 where plain ranges fail"
    report(
        title,
        rows,
        options.json,
        representative_examples=options.examples,
        subsets=max(options.subsets, 1),
    )


if __name__ == "__main__":
    main()
