"""Train the two deeper networks that benchmarks/train.py quantizes: once, on Fashion-MNIST.

    python -m benchmarks.train_models --data FOLDER --out FOLDER [--only mobilenet|vgg]

FOLDER holds the four idx files of Fashion-MNIST (Debian: dataset-fashion-mnist). Writes
mobilenet.keras (17 inverted residual blocks, linear bottlenecks, depthwise convolutions) and
vgg.keras (more than a million weights), and prints each one's top-1 on the 10,000 test images.
"""

from __future__ import annotations

import argparse
import gzip
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
from keras import layers

# Expansion, channels, blocks and stride of the first of them (Sandler et al. 2018, table 2; the
# stem keeps 28x28 until the first stride).
_STAGES = ((1, 16, 1, 2), (4, 16, 2, 1), (4, 24, 3, 2), (4, 32, 4, 1), (4, 48, 3, 1),
           (4, 64, 3, 2), (4, 96, 1, 1))  # fmt: skip


def fashion(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (images uint8[n, 28, 28, 1], labels uint8[n]) of "train" or "t10k"."""
    images = gzip.decompress(next(folder.rglob(f"{part}-images*.gz")).read_bytes())
    labels = gzip.decompress(next(folder.rglob(f"{part}-labels*.gz")).read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16)
    return pixels.reshape(-1, 28, 28, 1), np.frombuffer(labels, np.uint8, offset=8)


def _conv(x: keras.KerasTensor, channels: int, size: int, stride: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(channels, size, stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _inverted_residual(
    x: keras.KerasTensor, expansion: int, channels: int, stride: int
) -> keras.KerasTensor:
    inner, wide = x, x.shape[-1] * expansion
    if expansion > 1:
        inner = layers.ReLU(6.0)(_conv(inner, wide, 1))
    inner = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(inner)
    inner = layers.ReLU(6.0)(layers.BatchNormalization()(inner))
    inner = _conv(inner, channels, 1)
    same = stride == 1 and x.shape[-1] == channels
    return layers.Add()([x, inner]) if same else inner


def mobilenet() -> keras.Model:
    """Return a MobileNetV2 of 53 layers with weights for 28x28x1, raw pixels 0-255."""
    inputs = keras.Input((28, 28, 1), name="image")
    x = layers.Rescaling(1 / 127.5, -1.0)(inputs)
    x = layers.ReLU(6.0)(_conv(x, 16, 3, 1))
    for expansion, channels, blocks, stride in _STAGES:
        for block in range(blocks):
            x = _inverted_residual(x, expansion, channels, stride if block == 0 else 1)
    x = layers.ReLU(6.0)(_conv(x, 256, 1))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="mobilenet")


def vgg() -> keras.Model:
    """Return a VGG-like network of 1.2 million weights for 28x28x1, raw pixels 0-255."""
    inputs = keras.Input((28, 28, 1), name="image")
    x = layers.Rescaling(1 / 255)(inputs)
    for channels in (24, 48, 96):
        for _ in range(2):
            x = layers.ReLU()(_conv(x, channels, 3))
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    x = layers.Dense(640, activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="vgg")


def train(model: keras.Model, data: Path, epochs: int, images: int) -> float:
    """Fit on flipped and shifted images under a cosine schedule; return top-1 on the test set."""
    x, y = fashion(data, "train")
    x, y = x[:images].astype(np.float32), y[:images].astype(np.int64)
    batch, random = 128, np.random.default_rng(0)
    schedule = keras.optimizers.schedules.CosineDecay(3e-3, epochs * (len(x) // batch))
    adam = keras.optimizers.Adam(schedule)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    for _ in range(epochs):
        flipped = np.where(random.random(len(x))[:, None, None, None] < 0.5, x, x[:, :, ::-1])
        shift = tuple(random.integers(-2, 3, 2))
        model.fit(np.roll(flipped, shift, (1, 2)), y, batch, verbose=2)
    tested, labels = fashion(data, "t10k")
    answers = model.predict(tested.astype(np.float32), 500, verbose=0).argmax(-1)
    return float((answers == labels).mean())


def main() -> None:
    """Train and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=("mobilenet", "vgg"))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--images", type=int, default=60_000)
    given = parser.parse_args()
    for build in (mobilenet, vgg):
        if given.only in (None, build.__name__):
            keras.utils.set_random_seed(0)
            model = build()
            score = train(model, given.data, given.epochs, given.images)
            model.save(given.out / f"{build.__name__}.keras")
            print(f"{build.__name__}: {model.count_params():,} weights, top-1 {score:.2%}")


if __name__ == "__main__":
    main()
