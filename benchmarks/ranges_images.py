"""Nets on Fashion-MNIST for `ranges`: the blocks of mobile families, and raw pixels in any light.

The images are read from the four files of the data set (Debian: dataset-fashion-mnist).
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]

_TRAIN, _TEST = 12000, 4000  # images used


def fashion(folder: Path) -> tuple[Arrays, Arrays]:
    """Read images as float32[n, 28, 28, 1] from 0 to 255, and classes.

    Raises:
        FileNotFoundError: the folder holds no such files.
    """
    return tuple(
        (
            _numbers(folder, f"{part}-images", count, 16),
            _numbers(folder, f"{part}-labels", count, 8),
        )
        for part, count in (("train", _TRAIN), ("t10k", _TEST))
    )


def _numbers(folder: Path, name: str, count: int, header: int) -> np.ndarray:
    found = sorted(folder.rglob(f"{name}*.gz"))
    if not found:
        raise FileNotFoundError(f"no {name}*.gz below {folder}: pass --fashion FOLDER")
    raw = np.frombuffer(gzip.decompress(found[0].read_bytes()), np.uint8, offset=header)
    if header == 8:
        return raw[:count].astype(np.int64)
    return raw.reshape(-1, 28, 28, 1)[:count].astype(np.float32)


def in_any_light(folder: Path) -> tuple[Arrays, Arrays]:
    """Read images of which some are well lit and most are not: 3 to 100 % of the brightness."""
    rng = np.random.default_rng(3)
    parts = []
    for x, y in fashion(folder):
        light = np.exp(rng.uniform(np.log(0.03), 0.0, (len(x), 1, 1, 1)))
        parts.append((np.rint(x * light).astype(np.float32), y))
    return parts[0], parts[1]


def dim_vgg(keras: Any, train: Arrays) -> Any:
    """Plain convolutions on raw pixels, without normalization: what goes in dim comes out dim."""
    layers = keras.layers
    conv = lambda n: layers.Conv2D(n, 3, padding="same", activation="relu")  # noqa: E731
    return keras.Sequential(
        [
            keras.Input(train[0].shape[1:]),
            *(conv(12), layers.MaxPooling2D(), conv(24), layers.MaxPooling2D()),
            *(conv(32), layers.MaxPooling2D(), layers.Flatten()),
            *(layers.Dense(64, "relu"), layers.Dense(10, "softmax")),
        ]
    )


class _Blocks:
    """Inverted bottlenecks as the mobile families have them.

    Args:
        keras: the module.
        activation: of convolutions.
        gate: of squeeze-and-excite blocks; None for none.
    """

    def __init__(self, keras: Any, activation: str, gate: str | None) -> None:
        self.keras, self.activation, self.gate = keras, activation, gate

    def conv(self, x: Any, count: int, kernel: int, stride: int = 1, active: bool = True) -> Any:
        layers = self.keras.layers
        x = layers.Conv2D(count, kernel, stride, padding="same", use_bias=False)(x)
        return self._normalized(x, active)

    def _normalized(self, x: Any, active: bool = True) -> Any:
        x = self.keras.layers.BatchNormalization(momentum=0.9)(x)
        return self.keras.layers.Activation(self.activation)(x) if active else x

    def block(self, x: Any, count: int, kernel: int, stride: int, expand: int) -> Any:
        layers, before = self.keras.layers, x
        width = x.shape[-1] * expand
        x = self.conv(x, width, 1)
        x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False)(x)
        x = self._normalized(x)
        if self.gate is not None:
            some = layers.GlobalAveragePooling2D(keepdims=True)(x)
            some = layers.Conv2D(max(width // 8, 4), 1, activation=self.activation)(some)
            x = layers.Multiply()([x, layers.Conv2D(width, 1, activation=self.gate)(some)])
        x = self.conv(x, count, 1, active=False)
        return layers.Add()([x, before]) if stride == 1 and before.shape[-1] == count else x


def mobile(keras: Any, train: Arrays, activation: str, gate: str | None) -> Any:
    """Return a small net of one family's blocks."""
    layers, blocks = keras.layers, _Blocks(keras, activation, gate)
    x = inputs = keras.Input(train[0].shape[1:])
    x = layers.Rescaling(1 / 127.5, -1.0)(x)
    x = blocks.conv(x, 12, 3, 2)
    for count, kernel, stride in ((12, 3, 1), (20, 3, 2), (20, 3, 1), (32, 5, 2), (32, 3, 1)):
        x = blocks.block(x, count, kernel, stride, 4)
    x = layers.GlobalAveragePooling2D()(blocks.conv(x, 96, 1))
    return keras.Model(inputs, layers.Dense(10, "softmax")(x))


def _v3(keras: Any, train: Arrays) -> Any:
    return mobile(keras, train, "hard_swish", "hard_sigmoid")


def _v2(keras: Any, train: Arrays) -> Any:
    return mobile(keras, train, "relu6", None)


def _efficient(keras: Any, train: Arrays) -> Any:
    return mobile(keras, train, "swish", "sigmoid")


# name → (data, model, epochs)
IMAGE_NETS = {
    "vgg_any_light": (in_any_light, dim_vgg, 6),
    "mobilenet_v2_like": (fashion, _v2, 4),
    "mobilenet_v3_like": (fashion, _v3, 4),
    "efficientnet_like": (fashion, _efficient, 4),
}
