"""The families of keras.applications, each at its smallest, built so that they can be judged.

python -m benchmarks.applications_table MobileNetV2 --out model.keras --reference reference.npz
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import arguments, natural_images
from benchmarks.random_statistics import assert_varies, randomize


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        side: default height and width of the input.
        small: a smaller side at which it still builds, for tests.
        preprocess: what the model expects of raw 0..255 RGB, as in `--preprocess`.
    """

    side: int
    small: int
    preprocess: str


FAMILIES = {
    "VGG16": Family(224, 64, "caffe"),
    "ResNet50": Family(224, 64, "caffe"),
    "ResNet50V2": Family(224, 64, "tf"),
    "InceptionV3": Family(299, 96, "tf"),
    "InceptionResNetV2": Family(299, 96, "tf"),
    "Xception": Family(299, 96, "tf"),
    "MobileNet": Family(224, 64, "tf"),
    "MobileNetV2": Family(224, 64, "tf"),
    "MobileNetV3Small": Family(224, 64, "none"),
    "DenseNet121": Family(224, 64, "torch"),
    "NASNetMobile": Family(224, 64, "tf"),
    "EfficientNetB0": Family(224, 64, "none"),
    "EfficientNetV2B0": Family(224, 64, "none"),
    "ConvNeXtTiny": Family(224, 64, "none"),
    # not in every Keras 3
    "RegNetX002": Family(224, 64, "none"),
    "ResNetRS50": Family(224, 64, "none"),
}


def available() -> list[str]:
    """Names of the families that the installed Keras has."""
    import keras

    return [name for name in FAMILIES if hasattr(keras.applications, name)]


def build(name: str, side: int | None = None, seed: int = 0, softmax: bool = False) -> Any:
    """Build a family at its smallest with randomized statistics and outputs that vary.

    Args:
        name: a key of FAMILIES.
        side: height and width of the input; the family's default where None.
        seed: of weights, statistics and images.
        softmax: end in a softmax, as the family does by itself, not in logits of unit spread. A
            thousand probabilities near 0.001 say little of an int8 file: its steps are 1/256.

    Raises:
        ValueError: the outputs do not vary.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    family = FAMILIES[name]
    side = side or family.side
    keras.utils.set_random_seed(seed)
    model = getattr(keras.applications, name)(
        weights=None,
        input_shape=(side, side, 3),
        classifier_activation="softmax" if softmax else None,
    )
    images = natural_images(8 if side > 128 else 32, side, seed=seed)
    randomize(model, preprocess(images, family.preprocess), seed)
    return model


def preprocess(images: np.ndarray, kind: str) -> np.ndarray:
    """Turn raw uint8[n, h, w, 3] RGB into what a model of this kind reads, float32."""
    x = images.astype(np.float32)
    if kind == "tf":
        return x / 127.5 - 1.0
    if kind == "torch":
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        return ((x / 255.0 - np.float32(mean)) / np.float32(deviation)).astype(np.float32)
    if kind == "caffe":
        return x[..., ::-1] - np.array((103.939, 116.779, 123.68), np.float32)
    return x


def main() -> None:
    """Save one family, and what it answers on images that it was not scaled on."""
    parser = arguments(__doc__ or "")
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("--out", type=Path, required=True, help="the .keras file to write")
    parser.add_argument("--side", type=int, help="input height and width (default: the family's)")
    parser.add_argument(
        "--reference", type=Path, help="also write x (raw uint8) and y to this .npz"
    )
    parser.add_argument("--examples", type=int, default=16, help="images in the reference")
    parser.add_argument("--softmax", action="store_true", help="end in probabilities, not logits")
    options = parser.parse_args()
    model = build(options.family, options.side, softmax=options.softmax)
    model.save(options.out)
    side = model.input_shape[1]
    raw = natural_images(options.examples, side, seed=1_000)
    x = preprocess(raw, FAMILIES[options.family].preprocess)
    spread = assert_varies(model, x)
    if options.reference is not None:
        np.savez(options.reference, x=raw, y=np.asarray(model(x, training=False)))
    print(f"{options.family}: {model.count_params():,} parameters, outputs vary by {spread:.2f}")


if __name__ == "__main__":
    main()
