"""What building preprocessing into a file costs, and how close the file stays.

Every model is lowered to float once, and that file is exported without and with
--embed-preprocess: as float, and as int8 with float32, uint8 and int8 inputs. Compared are the ops
of the files, and their outputs on the same images: the one fed preprocessed values, the other raw
ones. Models: two small ones whose first convolution pads with zeros (same) or not (valid), and
families of keras.applications with random statistics.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import application, arguments, export, natural_images, report, run

SMALL = (("same", "scale=0.5,offset=-3"), ("valid", "scale=0.5,offset=-3"), ("same", "torch"))
FAMILIES = (
    ("MobileNetV2", "tf"),
    ("ResNet50", "caffe"),
    ("DenseNet121", "torch"),
    ("EfficientNetB0", "none"),
)
_BUILD = """
import keras, sys
import numpy as np
keras.utils.set_random_seed(0)
layers = keras.layers
model = keras.Sequential([
    layers.Input((48, 48, 3)), layers.Conv2D(16, 3, strides=2, padding=sys.argv[1]),
    layers.BatchNormalization(), layers.ReLU(), layers.Conv2D(24, 3), layers.ReLU(),
    layers.GlobalAveragePooling2D(), layers.Dense(10)])
from benchmarks.random_statistics import randomize
from benchmarks.embedded_inputs import preprocessed
from benchmarks.common import natural_images
randomize(model, preprocessed(natural_images(16, 48), sys.argv[2]))
model.save(sys.argv[3])
"""


def preprocessed(images: np.ndarray, spec: str) -> np.ndarray:
    """Return float32 values that the model reads."""
    from litesmith.data import parse_preprocess
    from litesmith.data.specs import TensorSpec

    shape = (None, *images.shape[1:])
    (one,) = parse_preprocess(spec, [TensorSpec("x", shape, "float32")])
    return np.asarray(one.apply(images.astype(np.float64), ""), np.float32)


def measure(name: str, source: Path, spec: str, side: int, folder: Path) -> list[dict[str, Any]]:
    """Return one row per kind of file."""
    images = natural_images(64, side, seed=7)
    images[0, 0, 0], images[0, 0, 1] = 0, 255
    data = folder / "images.npz"
    np.savez(data, x=images)
    rows = []
    for scheme, kind in (("none", "float32"), ("none", "uint8"), ("int8", "float32"),
                         ("int8", "uint8"), ("int8", "int8")):  # fmt: skip
        common = ["--preprocess", spec, "--data", f"{data}#x", "--quantize", scheme]
        plain_kind = kind if scheme == "int8" else "float32"
        plain, raw = folder / "plain.tflite", folder / "raw.tflite"
        one = _exported(source, plain, *common, "--input-type", plain_kind)
        two = _exported(source, raw, *common, "--input-type", kind, "--embed-preprocess")
        rows.append(_row(name, spec, scheme, kind, (one, two), (plain, raw), images))
    return rows


def _exported(source: Path, out: Path, *options: str) -> Mapping[str, Any]:
    process = export(source, out, *options)
    found: Mapping[str, Any] = process.json
    if process.exit_code:
        raise RuntimeError(json.dumps(found.get("error")))
    return found


def _row(
    name: str,
    spec: str,
    scheme: str,
    kind: str,
    reports: Sequence[Mapping[str, Any]],
    files: Sequence[Path],
    images: np.ndarray,
) -> dict[str, Any]:
    from litesmith.runtime import Session

    sessions = [Session(path.read_bytes()) for path in files]
    raw = images.astype(np.int16) - (128 if kind == "int8" else 0)
    inner = preprocessed(images, spec)
    plain, embedded = sessions[0].run([inner])[0], sessions[1].run([raw.astype(kind)])[0]
    original = _float_answers(files, inner)
    spread = float(np.abs(original).max())
    before, after = (Counter(r["artifact"]["ops"]) for r in reports)
    return {
        "model": name,
        "preprocess": spec,
        "file": scheme,
        "input": kind,
        "ops added": (after - before).total() - (before - after).total(),
        "which": ", ".join((after - before).elements()) or "none",
        "largest difference %": 100 * _relative(embedded, plain),
        "mean error % plain": 100 * float(np.abs(plain - original).mean()) / spread,
        "mean error % embedded": 100 * float(np.abs(embedded - original).mean()) / spread,
        "in float %": 100 * reports[1]["parity"]["float_relative_error"],
    }


def _float_answers(files: Sequence[Path], inner: np.ndarray) -> np.ndarray:
    from litesmith.runtime import Session

    reference = files[0].with_name("float.tflite")
    return Session(reference.read_bytes()).run([inner])[0]


def _relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def main() -> None:
    """Measure, print, save."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--side", type=int, default=96, help="of the applications' images")
    parser.add_argument("--only", help="a part of one model's name")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, source, spec, side in _models(folder, options.side, options.only or ""):
            process = export(source, folder / "float.tflite", "--quantize", "none")
            if process.exit_code:
                raise RuntimeError(process.stdout)
            rows += measure(label, folder / "float.tflite", spec, side, folder)
    report("embedded inputs", rows, options.json, images=64)


def _models(folder: Path, side: int, only: str) -> list[tuple[str, Path, str, int]]:
    found = []
    for i, (padding, spec) in enumerate(SMALL):
        if only in padding:
            path = folder / f"small{i}.keras"
            process = run([sys.executable, "-c", _BUILD, padding, spec, str(path)])
            if process.exit_code:
                raise RuntimeError(process.stderr[-1500:])
            found.append((f"small, {padding}", path, spec, 48))
    for family, spec in FAMILIES:
        if only in family:
            found.append((family, application(family, folder, side), spec, side))
    return found


if __name__ == "__main__":
    main()
