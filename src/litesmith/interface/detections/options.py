"""What `--nms` says."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from litesmith.data import Array
from litesmith.errors import InputError

# Where ymin, xmin, ymax, xmax (or the center's y, x and height, width) stand in a row.
CORNERS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"yxyx": (0, 1, 2, 3), "xyxy": (1, 0, 3, 2)}
)
CENTERS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"yxhw": (0, 1, 2, 3), "xywh": (1, 0, 3, 2)}
)


@dataclass(frozen=True)
class Detections:
    """Non-maximum suppression.

    Attributes:
        boxes: name of the output with boxes, (1, n, 4).
        scores: name of the output with scores, (1, n, classes).
        anchors: file of (n, 4) float anchors: center y, center x, height, width; "" for none.
        form: of boxes: a key of `CORNERS` or `CENTERS`; with anchors one of `CENTERS`, relative to
            them: center = encoded / scale · anchor size + anchor center, size = exp(encoded /
            scale) · anchor size.
        scales: what encoded y, x, height, width are divided by.
        max: detections at most.
        iou: boxes that overlap more are one object; in (0, 1].
        score: detections below are left out.
        background: the first class is background.
        fast: all classes together, each box as its best class; else every class by itself.
    """

    boxes: str
    scores: str
    anchors: str = ""
    form: str = ""
    scales: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    max: int = 100
    iou: float = 0.5
    score: float = 0.25
    background: bool = False
    fast: bool = False


def parse_detections(text: str) -> Detections:
    """Return what "boxes=A,scores=B,max=20" says.

    Raises:
        InputError: an unknown key, a missing one, or a value that does not fit.
    """
    given: dict[str, Any] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if key not in _PARSERS or not equals:
            near = difflib.get_close_matches(key, _PARSERS, 1)
            raise InputError(
                f"--nms: there is no '{key}'." if equals else f"--nms: '{part}' has no '='.",
                f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(_PARSERS)}.",
            )
        if key in given:
            raise InputError(f"--nms gives {key} twice.")
        given[key] = _parsed(key, value)
    if "boxes" not in given or "scores" not in given:
        raise InputError(
            "--nms needs the outputs with boxes and scores.",
            "Write boxes=NAME,scores=NAME[,anchors=FILE.npy][,max=100][,iou=0.5][,score=0.25].",
        )
    return _checked(Detections(**given))


def read_anchors(path: str, count: int) -> Array:
    """Return float32 (count, 4) from a .npy file, or the only array of a .npz (FILE.npz#KEY).

    Raises:
        InputError: no such file, or other anchors.
    """
    name, _, key = path.partition("#")
    try:
        loaded = np.load(Path(name), allow_pickle=False)
        if isinstance(loaded, np.lib.npyio.NpzFile):
            key = key or loaded.files[0]
            loaded = loaded[key]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"--nms: the anchors {path} cannot be read as an array.") from error
    values = np.asarray(loaded)
    if (
        values.shape[-2:] != (count, 4)
        or values.size != 4 * count
        or values.dtype.kind not in "fiu"
    ):
        raise InputError(
            f"--nms: the anchors {path} have shape {values.shape}, and there are {count} boxes.",
            f"They are numbers of shape ({count}, 4): center y, center x, height, width.",
        )
    return values.reshape(count, 4).astype(np.float32)


def _checked(given: Detections) -> Detections:
    forms = CENTERS if given.anchors else {**CORNERS, **CENTERS}
    form = given.form or ("yxhw" if given.anchors else "yxyx")
    if form not in forms:
        raise InputError(
            f"--nms: boxes of the form '{form}' are not known"
            f"{' with anchors' if given.anchors else ''}.",
            f"Choose one of {', '.join(forms)}.",
        )
    if len(given.scales) != 4 or not all(scale > 0 for scale in given.scales):
        raise InputError("--nms: scales are four numbers above 0, as in scales=10;10;5;5.")
    if given.scales != (1.0,) * 4 and not given.anchors:
        raise InputError("--nms: scales are of use with anchors alone.")
    if given.max < 1 or not 0 < given.iou <= 1:
        raise InputError("--nms: max is at least 1, and iou above 0 and at most 1.")
    return Detections(**{**vars(given), "form": form})


def _parsed(key: str, value: str) -> Any:
    try:
        return _PARSERS[key](value)
    except ValueError:
        raise InputError(f"--nms {key}={value} is not understood.") from None


def _flag(text: str) -> bool:
    words = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _four(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(";"))


_PARSERS: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "boxes": str,
        "scores": str,
        "anchors": str,
        "form": str.lower,
        "scales": _four,
        "max": int,
        "iou": float,
        "score": float,
        "background": _flag,
        "fast": _flag,
    }
)
