"""Train the digits example: pretrain on rendered digits, fine-tune on scikit-learn's real ones.

    python examples/digits/train.py [--out FOLDER]

Writes `digits.keras` (Keras 3, input float32[8, 8, 1] in 0..1, output softmax float32[10]), the
same model as `digits.h5`, and `digits.npz` (x_train, x_test: uint8[n, 8, 8] raw in 0..16; y_train,
y_test: uint8[n]).
Takes about a minute on two cores.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
from keras import layers
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits

SEED = 7
CLASSES = 10
SIDE = 8
RAW_MAX = 16.0
TEST_EXAMPLES = 597


def render_digits(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw digits with Pillow's built-in font, rotated, stretched, shifted and blurred down to 8x8.

    Returns:
        x: float32[count, 8, 8, 1] in 0..1; y: uint8[count].
    """
    labels = rng.integers(0, CLASSES, count).astype(np.uint8)
    images = [render_digit(int(label), rng) for label in labels]
    return np.stack(images)[..., None], labels


def render_digit(label: int, rng: np.random.Generator) -> np.ndarray:
    """Draw one digit: float32[8, 8] in 0..1."""
    canvas = Image.new("L", (64, 64))
    font = ImageFont.load_default(size=int(rng.integers(44, 60)))
    draw = ImageDraw.Draw(canvas)
    draw.text(
        (32, 32), str(label), fill=255, font=font, anchor="mm", stroke_width=int(rng.integers(0, 4))
    )
    canvas = canvas.rotate(float(rng.uniform(-18, 18)), resample=Image.Resampling.BILINEAR)
    left, top, right, bottom = canvas.getbbox() or (0, 0, 64, 64)
    margin = rng.integers(-2, 5, 4)
    box = (left - margin[0], top - margin[1], right + margin[2], bottom + margin[3])
    small = canvas.crop(tuple(int(v) for v in box)).resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32) / 255.0
    return np.clip(pixels + rng.normal(0, 0.04, pixels.shape), 0, 1).astype(np.float32)


def real_digits() -> dict[str, np.ndarray]:
    """Split scikit-learn's 1,797 digits, always the same way; pixels stay raw (0..16)."""
    bunch = load_digits()
    order = np.random.default_rng(SEED).permutation(len(bunch.target))
    x, y = bunch.images[order].astype(np.uint8), bunch.target[order].astype(np.uint8)
    train = len(y) - TEST_EXAMPLES
    return {"x_train": x[:train], "y_train": y[:train], "x_test": x[train:], "y_test": y[train:]}


def convolve(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    """Convolution 3x3, batch norm, ReLU."""
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def separable_residual(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    """Depthwise 3x3 and pointwise convolutions around which the input is added back."""
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    y = layers.BatchNormalization(name=f"{name}_depthwise_bn")(y)
    y = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(y)
    y = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_pointwise")(y)
    y = layers.BatchNormalization(name=f"{name}_pointwise_bn")(y)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))


def build_model() -> keras.Model:
    """Build the network: float32[8, 8, 1] in 0..1 to a softmax over ten digits."""
    inputs = keras.Input((SIDE, SIDE, 1), name="image")
    x = convolve(inputs, 24, "stem")
    x = separable_residual(x, 24, "block1")
    x = layers.MaxPooling2D(name="pool")(convolve(x, 48, "widen"))
    x = separable_residual(x, 48, "block2")
    x = separable_residual(x, 48, "block3")
    x = layers.GlobalAveragePooling2D(name="mean")(convolve(x, 48, "mix"))
    x = layers.Dropout(0.2, name="dropout")(x)
    outputs = layers.Dense(CLASSES, activation="softmax", name="digit")(x)
    return keras.Model(inputs, outputs, name="digits")


def fit(model: keras.Model, x: np.ndarray, y: np.ndarray, rate: float, epochs: int) -> None:
    """Train with Adam, its rate on a cosine down to 0; x: float32[n, 8, 8, 1], y: uint8[n]."""
    batch = 64
    steps = epochs * -(-len(y) // batch)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(
        keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)


def main() -> None:
    """Pretrain, fine-tune, score and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    out: Path = parser.parse_args().out
    keras.utils.set_random_seed(SEED)
    data = real_digits()
    scaled = {
        key: data[key][..., None].astype(np.float32) / RAW_MAX for key in ("x_train", "x_test")
    }
    model = build_model()

    fit(model, *render_digits(12_000, np.random.default_rng(SEED)), rate=2e-3, epochs=5)
    before = model.evaluate(scaled["x_test"], data["y_test"], verbose=0)[1]
    fit(model, scaled["x_train"], data["y_train"], rate=1e-3, epochs=40)
    after = model.evaluate(scaled["x_test"], data["y_test"], verbose=0)[1]

    out.mkdir(parents=True, exist_ok=True)
    trained = keras.Model(model.inputs, model.outputs, name="digits")  # without the optimizer
    trained.save(out / "digits.keras")
    trained.save(out / "digits.h5")
    np.savez_compressed(out / "digits.npz", **data)
    print(f"{model.count_params():,} parameters; accuracy on {TEST_EXAMPLES} test digits:")
    print(f"  pretrained on rendered digits {before:.2%}, fine-tuned on real ones {after:.2%}")


if __name__ == "__main__":
    main()
