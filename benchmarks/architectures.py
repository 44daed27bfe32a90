"""Real architectures with random statistics, converted by TensorFlow's converter alone.

python -m benchmarks.architectures DenseNet121 --out densenet.tflite

keras.applications families, and others written in plain Keras as their users write them
(architectures_convolutional.py, architectures_mixing.py): convolutional nets as they are trained,
with branches that nobody merged, and nets with attention or layer normalization.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import architectures_convolutional as convolutional
from benchmarks import architectures_mixing as mixing
from benchmarks.applications_table import preprocess
from benchmarks.common import arguments, natural_images
from benchmarks.random_statistics import randomize

EXAMPLES = 8


@dataclass(frozen=True)
class Architecture:
    """One architecture.

    Attributes:
        side: height and width of the input.
        small: a smaller side, for quick runs.
        preprocess: what the model expects of raw 0..255 RGB.
        build: side → keras.Model; None for a family of keras.applications.
    """

    side: int
    small: int
    preprocess: str = "unit"
    build: Callable[[int], Any] | None = None


ARCHITECTURES = {
    "VGG16": Architecture(224, 64, "caffe"),
    "ResNet50": Architecture(224, 64, "caffe"),
    "ResNet50V2": Architecture(224, 96, "tf"),
    "InceptionV3": Architecture(299, 96, "tf"),
    "InceptionResNetV2": Architecture(299, 96, "tf"),
    "Xception": Architecture(299, 96, "tf"),
    "MobileNet": Architecture(224, 96, "tf"),
    "MobileNetV2": Architecture(224, 96, "tf"),
    "MobileNetV3Small": Architecture(224, 96, "none"),
    "MobileNetV3Large": Architecture(224, 96, "none"),
    "DenseNet121": Architecture(224, 96, "torch"),
    "NASNetMobile": Architecture(224, 96, "tf"),
    "EfficientNetB0": Architecture(224, 96, "none"),
    "EfficientNetV2B0": Architecture(224, 96, "none"),
    "ConvNeXtTiny": Architecture(224, 96, "none"),
    "RepVGG": Architecture(224, 96, build=convolutional.repvgg),
    "MobileOne": Architecture(224, 96, build=convolutional.mobileone),
    "ACNet": Architecture(224, 96, build=convolutional.acnet),
    "ShuffleNetV2": Architecture(224, 96, build=convolutional.shufflenet),
    "CRNN": Architecture(96, 64, build=convolutional.crnn),
    "FrameCNN": Architecture(96, 64, build=convolutional.frame_cnn),
    "ConvMixer": Architecture(224, 96, build=mixing.convmixer),
    "MLPMixer": Architecture(224, 96, build=mixing.mlp_mixer),
    "PoolFormer": Architecture(224, 96, build=mixing.poolformer),
    "ViT": Architecture(224, 96, build=mixing.vit),
    "MobileViT": Architecture(256, 128, build=mixing.mobilevit),
}


def available() -> list[str]:
    """Names of the architectures that the installed Keras can build."""
    import keras

    return [n for n, a in ARCHITECTURES.items() if a.build or hasattr(keras.applications, n)]


def build(name: str, small: bool, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Build an architecture; return it and float32[n, side, side, 3] that it can be fed.

    Raises:
        ValueError: the outputs do not vary.
    """
    import keras

    architecture = ARCHITECTURES[name]
    side = architecture.small if small else architecture.side
    keras.utils.set_random_seed(seed)
    if architecture.build is not None:
        model = architecture.build(side)
    else:
        model = getattr(keras.applications, name)(
            weights=None, input_shape=(side, side, 3), classifier_activation=None
        )
    images = natural_images(EXAMPLES if side > 128 else 4 * EXAMPLES, side, seed=seed)
    examples = preprocess(images, architecture.preprocess)
    randomize(model, examples, seed)
    return model, examples[:EXAMPLES]


def convert(model: Any) -> bytes:
    """Return what TensorFlow's converter makes of a Keras model at a static batch of one."""
    import tensorflow as tf

    shape = (1, *model.input_shape[1:])
    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())


def main() -> None:
    """Convert one architecture; beside the file stand examples for it, as .npy."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    parser = arguments(__doc__ or "")
    parser.add_argument("name", choices=sorted(ARCHITECTURES))
    parser.add_argument("--out", type=Path, required=True, help="the .tflite file to write")
    parser.add_argument("--small", action="store_true", help="reduced resolution")
    options = parser.parse_args()
    model, examples = build(options.name, options.small)
    np.save(options.out.with_suffix(".npy"), examples)
    options.out.write_bytes(convert(model))


if __name__ == "__main__":
    main()
