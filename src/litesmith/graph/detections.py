"""TFLite_Detection_PostProcess: the custom op for detections that every TFLite runtime has."""

from __future__ import annotations

from collections.abc import Sequence

DETECTIONS = "CUSTOM:TFLite_Detection_PostProcess"


def detection_options(
    *,
    max_detections: int,
    num_classes: int,
    score: float,
    iou: float,
    scales: Sequence[float],
    regular: bool,
) -> bytes:
    """Return the op's options.

    Args:
        max_detections: at most.
        num_classes: without background.
        score: detections below are left out.
        iou: boxes that overlap more are one object.
        scales: what encoded y, x, height and width are divided by.
        regular: every class by itself; else all together, each box as its best class.
    """
    from flatbuffers import flexbuffers

    whole = {
        "max_detections": max_detections,
        "max_classes_per_detection": 1,
        "detections_per_class": max_detections,
        "num_classes": num_classes,
    }
    names = ("y_scale", "x_scale", "h_scale", "w_scale")
    real = {"nms_score_threshold": score, "nms_iou_threshold": iou}
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Bool("use_regular_nms", regular)
        for name, count in whole.items():
            builder.Int(name, count)
        for name, number in {**real, **dict(zip(names, scales, strict=True))}.items():
            builder.Float(name, number)
    return bytes(builder.Finish())
