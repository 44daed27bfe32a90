"""The application's channels (RGB, BGR, RGBA, gray) as those that the model reads.

Gray is made of RGB with the weights of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, and RGB of gray
by repeating it. Each is a matrix, whose rows add up to 1, in a 1x1 convolution that the rewrites
take into the first layer where they can.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import InputError

_COUNTS = {"rgb": 3, "bgr": 3, "rgba": 4, "gray": 1}
_READ = {1: "gray", 3: "rgb"}
_LUMA = (0.299, 0.587, 0.114)
_TO_RGB = {
    "rgb": np.eye(3),
    "bgr": np.eye(3)[::-1],
    "rgba": np.eye(3, 4),
    "gray": np.ones((3, 1)),
}
_FROM_RGB = {
    "rgb": np.eye(3),
    "bgr": np.eye(3)[::-1],
    "gray": np.array([_LUMA]),
}


@dataclass(frozen=True)
class Channels:
    """Which channels the application feeds, and which the model reads."""

    fed: str
    read: str

    @property
    def count(self) -> int:
        """Number of channels that are fed."""
        return _COUNTS[self.fed]

    @property
    def matrix(self) -> Array:
        """float64[read, fed] whose rows add up to 1."""
        if self.fed == self.read:
            return np.eye(self.count)
        return np.asarray(_FROM_RGB[self.read] @ _TO_RGB[self.fed])

    def convert(self, values: Array) -> Array:
        """Return (…, fed) as float64 (…, read)."""
        x = values.astype(np.float64)
        if self.fed == self.read:
            return x
        red, green, blue = (
            (x[..., i if self.fed != "bgr" else 2 - i] for i in range(3))
            if (self.fed != "gray")
            else (x[..., 0],) * 3
        )
        if self.read == "gray":
            return np.asarray(_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue)[..., np.newaxis]
        ordered = (red, green, blue) if self.read == "rgb" else (blue, green, red)
        return np.stack(ordered, -1)


def parse_channels(chosen: str, spec: TensorSpec) -> Channels | None:
    """Return the channels of "FED" or "FED,READ"; None for "", and where nothing changes.

    READ is what the model expects of raw values, before its preprocessing.

    Raises:
        InputError: unknown channels, or an input that does not have them.
    """
    if not chosen:
        return None
    fed, _, read = (part.strip() for part in chosen.partition(","))
    have = spec.example_shape[-1] if len(spec.example_shape) == 3 else None
    read = read or _READ.get(have or 0, "")
    if fed not in _TO_RGB or (read and read not in _FROM_RGB):
        raise InputError(
            f"--input-channels {chosen} is not known.",
            f"Write {', '.join(_TO_RGB)}; or FED,READ if the model reads bgr.",
        )
    if have is None or _COUNTS.get(read) != have:
        raise InputError(
            f"--input-channels {chosen}: the input '{spec.name}' of shape {spec.shape} does not "
            f"read {read or 'colors'} in its last axis.",
            "Name the input that is meant: --input-channels NAME:gray.",
        )
    return None if fed == read else Channels(fed, read)
