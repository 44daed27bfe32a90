"""Does MediaPipe's ImageClassifier answer as the source model does, on real image files?

The shared ResNet8 (CIFAR-10, raw 0-255 in) is exported as float and as int8 with uint8 ends, with
labels and metadata. 200 test images go to MediaPipe as PNG files of the model's own size, so that
its resizing plays no part. Needs the extra [mediapipe].
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_shared, arguments, must_export, report
from benchmarks.runtime import answers
from benchmarks.shared_models import SHARED

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def measure(shared: Path, folder: Path, count: int) -> list[dict[str, Any]]:
    """Export both files; return the part of images on which each agrees, in percent."""
    model = SHARED["resnet8"]
    source, data = shared / model.path, shared / str(model.data)
    with np.load(data) as arrays:
        pixels, truth = arrays["x_test"][:count], arrays["y_test"][:count].reshape(-1)
    images = as_png(pixels, folder / "images")
    labels = folder / "labels.txt"
    labels.write_text("\n".join(LABELS), "utf-8")
    common = ("--labels", labels, "--task", "image-classifier")
    integers = ("--data", f"{data}#x_train", "--input-type", "uint8", "--output-type", "uint8")
    must_export(source, folder / "float.tflite", "--quantize", "none", *common)
    must_export(source, folder / "int8.tflite", *integers, *common)
    original = of_source(source, pixels)
    rows = []
    for name in ("float", "int8"):
        path = folder / f"{name}.tflite"
        found = np.array(classified(path, images))
        own = answers(path.read_bytes(), pixels.astype(np.float32))
        ties = own[np.arange(count), found] == own.max(-1)  # of integers several may be the first
        rows.append(
            {
                "file": name,
                "as source %": 100 * float(np.mean(found == original)),
                "as our own run %": 100 * float(np.mean(ties)),
                "correct %": 100 * float(np.mean(found == truth)),
                "source correct %": 100 * float(np.mean(original == truth)),
            }
        )
    return rows


def as_png(pixels: np.ndarray, folder: Path) -> list[Path]:
    """Write uint8[n, height, width, 3] as files."""
    from PIL import Image

    folder.mkdir()
    paths = [folder / f"{i:04}.png" for i in range(len(pixels))]
    for path, one in zip(paths, pixels, strict=True):
        Image.fromarray(one.astype(np.uint8)).save(path)
    return paths


def classified(model: Path, images: Sequence[Path]) -> list[int]:
    """Return the index of MediaPipe's first answer per file."""
    import mediapipe
    from mediapipe.tasks.python import vision

    with vision.ImageClassifier.create_from_model_path(str(model)) as task:
        results = [task.classify(mediapipe.Image.create_from_file(str(p))) for p in images]
    return [result.classifications[0].categories[0].index for result in results]


def of_source(model: Path, pixels: np.ndarray) -> np.ndarray:
    """Return the source model's own top-1."""
    import tf_keras

    network = tf_keras.models.load_model(model, compile=False)
    return np.asarray(network.predict(pixels.astype(np.float32), verbose=0)).argmax(-1)


def main() -> None:
    """Print the agreement of both files."""
    parser = arguments(__doc__ or "")
    add_shared(parser)
    parser.add_argument("--images", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options.shared, Path(folder), options.images)
    report("mediapipe_agreement", rows, options.json, images=options.images)


if __name__ == "__main__":
    main()
