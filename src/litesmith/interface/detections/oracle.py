"""What TFLite_Detection_PostProcess computes, in NumPy.

Written from the kernel's documented behavior: boxes are decoded in double precision, a box is left
out when it overlaps a better one by *more* than `iou`, scores *equal to* `score` stay, and what is
equal stays in the order of classes, then of boxes. What lies behind the count is 0.
"""

from __future__ import annotations

import numpy as np

from litesmith.data import Array
from litesmith.interface.detections.options import CENTERS, CORNERS, Detections


def decode(boxes: Array, anchors: Array | None, given: Detections) -> Array:
    """Return float32 (n, 4) ymin, xmin, ymax, xmax.

    Args:
        boxes: (n, 4 or more) as the model gives them.
        anchors: (n, 4), None without.
        given: their form and scales.
    """
    values = boxes.astype(np.float64)
    if given.form in CORNERS:
        low, high = values[:, CORNERS[given.form][:2]], values[:, CORNERS[given.form][2:]]
        center, size = (low + high) / 2, np.maximum(high - low, 0)
    else:
        values = values[:, CENTERS[given.form]]
        center, size = values[:, :2], values[:, 2:]
        if anchors is not None:
            reference = anchors.astype(np.float64)
            scales = np.array(given.scales)
            center = center / scales[:2] * reference[:, 2:] + reference[:, :2]
            size = np.exp(size / scales[2:]) * reference[:, 2:]
    size = np.maximum(size, 0)
    middle = center.astype(np.float32)
    half = (size / 2).astype(np.float32)
    return np.concatenate([middle - half, middle + half], axis=1)


def detect(boxes: Array, scores: Array, given: Detections) -> list[Array]:
    """Return boxes (max, 4), classes (max,), scores (max,) and count (), all float32.

    Args:
        boxes: decoded, (n, 4).
        scores: (n, classes), background included.
        given: the rest.
    """
    offset = int(given.background)
    own = scores[:, offset:]
    found = _fast(boxes, own, given) if given.fast else _by_class(boxes, own, given)
    places = [np.zeros((given.max, 4), np.float32), *(np.zeros(given.max, np.float32),) * 2]
    rows, classes, values = (place.copy() for place in places)
    for i, (box, kind) in enumerate(found):
        rows[i], classes[i], values[i] = boxes[box], kind, own[box, kind]
    return [rows, classes, values, np.array(len(found), np.float32)]


def _fast(boxes: Array, scores: Array, given: Detections) -> list[tuple[int, int]]:
    best = scores.argmax(axis=1)
    top = scores[np.arange(len(scores)), best]
    return [(box, int(best[box])) for box in _suppressed(boxes, top, given)]


def _by_class(boxes: Array, scores: Array, given: Detections) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for kind in range(scores.shape[1]):
        new = [(box, kind) for box in _suppressed(boxes, scores[:, kind], given)]
        found = sorted([*found, *new], key=lambda one: -float(scores[one]))[: given.max]
    return found


def _suppressed(boxes: Array, scores: Array, given: Detections) -> list[int]:
    limit = np.float32(given.score)
    order = [int(i) for i in np.argsort(-scores, kind="stable") if scores[i] >= limit]
    kept: list[int] = []
    left = np.array(order, np.int64)
    while left.size and len(kept) < given.max:
        first, left = int(left[0]), left[1:]
        kept.append(first)
        left = left[_overlap(boxes[first], boxes[left]) <= np.float32(given.iou)]
    return kept


def _overlap(one: Array, others: Array) -> Array:
    """Return intersection over union with each of the others; 0 for boxes without area."""
    low, high = np.maximum(one[:2], others[:, :2]), np.minimum(one[2:], others[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=1)
    area, areas = (one[2:] - one[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1)
    whole = area + areas - common
    fits = (area > 0) & (areas > 0)
    return np.where(fits, common / np.where(fits, whole, 1), 0).astype(np.float32)
