"""Small nets that int8 with plain ranges makes worse, trained here: raw pixels, tables, tracks.

    python -m benchmarks.ranges_models NAME OUT.keras DATA.npz [--shared FOLDER] [--fashion FOLDER]

DATA.npz holds x_train, y_train, x_test, y_test (float32, class numbers). Seeds are fixed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_shared
from benchmarks.ranges_images import IMAGE_NETS

Arrays = tuple[np.ndarray, np.ndarray]


def split(x: np.ndarray, y: np.ndarray, seed: int = 0) -> tuple[Arrays, Arrays]:
    """Shuffle examples and keep a third for the test."""
    order = np.random.default_rng(seed).permutation(len(x))
    cut = len(x) * 2 // 3
    x, y = x[order].astype(np.float32), y[order]
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def table(count: int = 15000) -> tuple[np.ndarray, np.ndarray]:
    """Make customers: columns from 1e-2 to 1e5, incomes with a long tail, years near 2000."""
    rng = np.random.default_rng(1)
    income = rng.lognormal(10.3, 0.9, count)
    rate = rng.beta(2, 30, count)
    year = rng.integers(1960, 2024, count)
    age = rng.uniform(18, 90, count)
    distance = rng.lognormal(1.5, 1.2, count)
    score = rng.normal(0, 1, count)
    flag = rng.integers(0, 2, count)
    rooms = rng.poisson(4, count)
    pull = np.log(income) - 10.3 + 18 * (rate - 0.06) * (2 * flag - 1) + 0.6 * score
    pull += 0.02 * (year - 1992) * np.sign(score) + 0.5 * np.sin(age / 9) - 0.3 * np.log(distance)
    x = np.stack([income, rate, year, age, distance, score, flag, rooms], 1)
    return x, np.digitize(pull + rng.normal(0, 0.1, count), [-1.0, 0.0, 1.0])


def history(count: int = 12000) -> tuple[np.ndarray, np.ndarray]:
    """Make 16 points of a finger as offsets from the first: still, round either way, or straight.

    One track in twenty has a point that the detector put somewhere else.
    """
    rng = np.random.default_rng(2)
    kind = rng.integers(0, 4, count)
    turn = np.where(kind == 1, 1, -1)[:, None] * rng.uniform(0.15, 0.5, count)[:, None]
    phase = rng.uniform(0, 2 * np.pi, count)[:, None] + turn * np.arange(16)
    radius = rng.lognormal(-4.2, 0.6, count)[:, None]
    circle = radius[..., None] * np.stack([np.cos(phase), np.sin(phase)], -1)
    angle = rng.uniform(0, 2 * np.pi, count)
    heading = np.stack([np.cos(angle), np.sin(angle)], -1)[:, None]
    line = rng.lognormal(-5.6, 0.6, count)[:, None, None] * np.arange(16)[:, None] * heading
    points = np.where((kind == 3)[:, None, None], line, circle)
    points = np.where((kind == 0)[:, None, None], 0.0, points)
    points = points + rng.normal(0, 0.0015, points.shape)
    lost = rng.random(count) < 0.05
    points[lost, rng.integers(0, 16, int(lost.sum()))] += rng.normal(0, 0.4, (int(lost.sum()), 2))
    return (points - points[:, :1]).reshape(count, 32), kind


def landmarks(shared: Path) -> tuple[np.ndarray, np.ndarray]:
    """Make what a detector answers of the real hands of the shared folder.

    42 coordinates in pixels from the wrist, hands near and far; where the hand is, its depth, and
    how sure the detector was. One hand in thirty has a finger that was put somewhere else.
    """
    with np.load(shared / "data" / "hand_keypoint.npz") as arrays:
        x = np.concatenate([arrays["x_train"], arrays["x_test"]])
        y = np.concatenate([arrays["y_train"], arrays["y_test"]]).reshape(-1)
    rng = np.random.default_rng(4)
    size = rng.lognormal(4.0, 0.5, (len(x), 1))
    points = x * size + rng.normal(0, 0.01, x.shape) * size
    lost = np.flatnonzero(rng.random(len(x)) < 1 / 30)
    points[lost, rng.integers(4, 42, len(lost))] += rng.normal(0, 600, len(lost))
    place = rng.uniform(0, 1920, (len(x), 2))
    depth, sure = 5.0 / size, rng.beta(9, 1, (len(x), 1))
    return np.concatenate([points, place, depth, sure], 1), y


def _tabular(keras: Any, train: Arrays, normalize: bool) -> Any:
    layers = keras.layers
    first = layers.Normalization()
    if normalize:
        first.adapt(train[0])
    return keras.Sequential(
        [
            keras.Input(train[0].shape[1:]),
            *([first] if normalize else []),
            layers.Dense(64, "relu"),
            layers.Dense(32, "relu"),
            layers.Dense(int(train[1].max()) + 1, "softmax"),
        ]
    )


def _history(keras: Any, train: Arrays) -> Any:
    layers = keras.layers
    shape = [keras.Input((32,)), layers.Dense(24, "relu"), layers.Dense(10, "relu")]
    return keras.Sequential([*shape, layers.Dense(4, "softmax")])


def _vgg(keras: Any, train: Arrays) -> Any:
    layers = keras.layers
    conv = lambda n: layers.Conv2D(n, 3, padding="same", activation="relu")  # noqa: E731
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            *(conv(16), layers.MaxPooling2D(), conv(32), conv(32), layers.MaxPooling2D()),
            *(conv(64), conv(64), layers.MaxPooling2D(), layers.Flatten()),
            *(layers.Dense(128, "relu"), layers.Dense(10, "softmax")),
        ]
    )


def _standard(x: np.ndarray, y: np.ndarray) -> tuple[Arrays, Arrays]:
    train, test = split(x, y)
    mean, deviation = train[0].mean(0), train[0].std(0)
    return ((train[0] - mean) / deviation, train[1]), ((test[0] - mean) / deviation, test[1])


def _images(shared: Path) -> tuple[Arrays, Arrays]:
    with np.load(shared / "data" / "cifar10_jpeg_7k.npz") as arrays:
        names = ("x_train", "y_train"), ("x_test", "y_test")
        return tuple((arrays[x].astype(np.float32), arrays[y].reshape(-1)) for x, y in names)


def _cancer() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    return found.data, found.target


# name → (data from the shared folder, model, epochs)
Made = tuple[Callable[[Path], tuple[Arrays, Arrays]], Callable[..., Any], int]
STAND_INS: dict[str, Made] = {
    "table_normalized": (lambda _: split(*table()), lambda k, t: _tabular(k, t, True), 20),
    "table_standardized": (lambda _: _standard(*table()), lambda k, t: _tabular(k, t, False), 20),
    "table_raw": (lambda _: split(*_cancer()), lambda k, t: _tabular(k, t, False), 150),
    "cancer_normalized": (lambda _: split(*_cancer()), lambda k, t: _tabular(k, t, True), 60),
    "history": (lambda _: split(*history()), _history, 40),
    "landmarks_pixels": (lambda f: split(*landmarks(f)), lambda k, t: _tabular(k, t, True), 30),
    "vgg_raw": (_images, _vgg, 12),
}


def add_fashion(parser: argparse.ArgumentParser) -> None:
    """Add --fashion: where the nets on images find theirs."""
    text = "folder with the files of Fashion-MNIST; without it, nets on it are left out"
    parser.add_argument("--fashion", type=Path, help=text)


def main() -> None:
    """Train one model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=[*STAND_INS, *IMAGE_NETS])
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    add_shared(parser)
    add_fashion(parser)
    options = parser.parse_args()
    import keras

    keras.utils.set_random_seed(0)
    data, build, epochs = {**STAND_INS, **IMAGE_NETS}[options.name]
    train, test = data(options.fashion if options.name in IMAGE_NETS else options.shared)
    model = build(keras, train)
    model.compile(
        keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(*train, epochs=epochs, batch_size=64, verbose=0)
    model.save(options.model)
    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez_compressed(options.data, **dict(zip(names, (*train, *test), strict=True)))
    print(f"{options.name}: {100 * model.evaluate(*test, verbose=0)[1]:.2f} % of {len(test[0])}")


if __name__ == "__main__":
    main()
