"""TFLite_Detection_PostProcess on LiteRT against loops that say the same plainly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.errors import ConversionError, InputError
from litesmith.graph import Graph
from litesmith.graph.census import float_ops, op_counts
from litesmith.graph.detections import DETECTIONS
from litesmith.interface.detections import Detections, parse_detections
from litesmith.quantize import Quantize
from tests.interface.outputs.shaped import compared, run, shaped
from tests.support.graphs import Builder, const, examples, named

Array = npt.NDArray[Any]
EXAMPLES = 3


def detector(count: int, classes: int, shape: tuple[int, ...] = ()) -> Graph:
    b = Builder()
    boxes, scores = b.input((1, count, 4), name="b"), b.input((1, count, classes), name="s")
    y = b.op("ADD", boxes, const(0.0))
    if shape:
        y = b.op("RESHAPE", y, const(shape), new_shape=shape)
    return named(b.graph(y, b.op("ADD", scores, const(0.0)), b.op("ABS", scores)))


def corners(boxes: Array, form: str, anchors: Array | None, scales: tuple[float, ...]) -> Array:
    rows = []
    for i, (a, b, c, d) in enumerate(boxes.astype(np.float64)):
        if form[0] == "x":
            a, b, c, d = b, a, d, c
        if form in ("yxyx", "xyxy"):
            y, x, h, w = (a + c) / 2, (b + d) / 2, max(c - a, 0), max(d - b, 0)
        elif anchors is None:
            y, x, h, w = a, b, max(c, 0), max(d, 0)
        else:
            ay, ax, ah, aw = anchors[i].astype(np.float64)
            y, x = a / scales[0] * ah + ay, b / scales[1] * aw + ax
            h, w = np.exp(c / scales[2]) * ah, np.exp(d / scales[3]) * aw
        rows.append([y - h / 2, x - w / 2, y + h / 2, x + w / 2])
    return np.array(rows, np.float32)


def overlap(a: Array, b: Array) -> float:
    h = min(a[2], b[2]) - max(a[0], b[0])
    w = min(a[3], b[3]) - max(a[1], b[1])
    area, other = (float((r[2] - r[0]) * (r[3] - r[1])) for r in (a, b))
    common = max(h, 0) * max(w, 0)
    return common / (area + other - common) if area > 0 and other > 0 else 0.0


def suppress(boxes: Array, scores: Array, given: Detections) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if scores[i] < given.score or len(kept) == given.max:
            continue
        if all(overlap(boxes[i], boxes[j]) <= given.iou for j in kept):
            kept.append(i)
    return kept


def detect(boxes: Array, scores: Array, given: Detections) -> list[tuple[Array, int, float]]:
    scores = scores[:, 1:] if given.background else scores
    if given.fast:
        best = scores.argmax(1)
        kept = suppress(boxes, scores.max(1), given)
        return [(boxes[i], int(best[i]), float(scores[i, best[i]])) for i in kept]
    found = [
        (boxes[i], c, float(scores[i, c]))
        for c in range(scores.shape[1])
        for i in suppress(boxes, scores[:, c], given)
    ]
    return sorted(found, key=lambda one: -one[2])[: given.max]


def draw(random: np.random.Generator, form: str, count: int, classes: int, ties: bool) -> Any:
    low = random.random((EXAMPLES, count, 2))
    size = random.random((EXAMPLES, count, 2)) * 0.5 - 0.05  # a few corners are swapped
    second = low + size if form in ("yxyx", "xyxy") else size
    scores = random.random((EXAMPLES, count, classes))
    if ties:
        scores = np.rint(scores * 8) / 8
    return np.concatenate([low, second], -1).astype(np.float32), scores.astype(np.float32)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_without_anchors(data: Any) -> None:
    form = data.draw(st.sampled_from(["yxyx", "xyxy", "yxhw", "xywh"]))
    count, classes = data.draw(st.integers(1, 24)), data.draw(st.integers(1, 4))
    given_ = Detections(
        "y0",
        "y1",
        form=form,
        max=data.draw(st.integers(1, 12)),
        iou=data.draw(st.sampled_from([0.3, 0.5, 1.0])),
        score=data.draw(st.sampled_from([0.0, 0.25, 0.5])),
        background=classes > 1 and data.draw(st.booleans()),
        fast=data.draw(st.booleans()),
    )
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    boxes, scores = draw(random, form, count, classes, data.draw(st.booleans()))
    hold(detector(count, classes), boxes, scores, given_, None)


@given(st.integers(1, 24), st.integers(1, 4), st.booleans(), st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_with_anchors(count: int, classes: int, fast: bool, seed: int) -> None:
    import tempfile

    random = np.random.default_rng(seed)
    anchors = random.random((count, 4)).astype(np.float32)
    anchors[:, 2:] = anchors[:, 2:] * 0.3 + 0.1
    boxes = random.normal(0, 1, (EXAMPLES, count, 4)).astype(np.float32)
    scores = random.random((EXAMPLES, count, classes)).astype(np.float32)
    form = ("yxhw", "xywh")[seed % 2]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "anchors.npy"
        np.save(file, anchors)
        given_ = Detections("y0", "y1", str(file), form, (10.0, 10.0, 5.0, 5.0), max=9, fast=fast)
        hold(detector(count, classes), boxes, scores, given_, anchors)


def hold(graph: Graph, boxes: Array, scores: Array, given: Detections, anchors: Any) -> None:
    outcome = shaped(graph, nms=written(given))
    assert outcome.graph.output_names() == ("boxes", "classes", "scores", "count", "y2")
    answers = run(outcome.graph, boxes, scores)
    for row in range(EXAMPLES):
        places = corners(boxes[row], given.form, anchors, given.scales)
        wanted = detect(places, scores[row], given)
        count = int(answers[3][row])
        assert count == len(wanted)
        found = sorted(zip(*(part[row, :count].tolist() for part in answers[:3]), strict=True),
                       key=lambda one: (-one[2], one[1], one[0]))  # fmt: skip
        rest = sorted(((b.tolist(), c, s) for b, c, s in wanted), key=lambda o: (-o[2], o[1], o[0]))
        for (box, kind, score), (own, own_kind, own_score) in zip(found, rest, strict=True):
            np.testing.assert_allclose(box, own, atol=3e-6)
            assert kind == own_kind and score == np.float32(own_score)
    before = [boxes, scores, np.abs(scores)]
    for should, seen in compared(outcome, before, answers):
        np.testing.assert_allclose(seen, should, atol=3e-6)


def written(given: Detections) -> str:
    parts = {
        "boxes": given.boxes, "scores": given.scores, "form": given.form, "max": given.max,
        "iou": given.iou, "score": given.score, "background": "yes" if given.background else "no",
        "fast": "yes" if given.fast else "no",
    }  # fmt: skip
    if given.anchors:
        parts |= {"anchors": given.anchors, "scales": ";".join(map(str, given.scales))}
    return ",".join(f"{key}={value}" for key, value in parts.items())


def test_what_is_behind_the_count_is_nobodys() -> None:
    outcome = shaped(detector(3, 2), nms="boxes=y0,scores=y1,max=3,fast=yes")
    random = np.random.default_rng(0)
    boxes, scores = draw(random, "yxyx", 3, 2, False)
    before = [boxes, scores * 0, scores]
    sevens = np.full((EXAMPLES, 3, 4), 7, np.float32)
    count = np.zeros(EXAMPLES, np.float32)
    answers = [sevens, sevens[..., 0], sevens[..., 0], count, scores]
    for wanted, seen in compared(outcome, before, answers):
        np.testing.assert_array_equal(wanted, seen)


def test_wrong_detections_are_seen() -> None:
    outcome = shaped(detector(4, 2), nms="boxes=y0,scores=y1,max=3,score=0")
    boxes, scores = draw(np.random.default_rng(0), "yxyx", 4, 2, False)
    before = [boxes, scores, np.abs(scores)]
    answers = run(outcome.graph, boxes, scores)
    answers[1] = 1 - answers[1]
    pairs = compared(outcome, before, answers)
    assert any(np.abs(wanted - seen).max() > 0.5 for wanted, seen in pairs)


def test_boxes_of_other_shapes() -> None:
    outcome = shaped(detector(6, 2, (1, 2, 3, 4)), nms="boxes=y0,scores=y1,max=4")
    boxes, scores = draw(np.random.default_rng(0), "yxyx", 6, 2, False)
    before = [boxes.reshape(EXAMPLES, 2, 3, 4), scores, scores]
    for wanted, seen in compared(outcome, before, run(outcome.graph, boxes, scores)):
        np.testing.assert_allclose(seen, wanted, atol=3e-6)


def test_int8_leaves_the_boxes_alone() -> None:
    boxes, scores = draw(np.random.default_rng(0), "xyxy", 8, 2, False)
    graph = shaped(detector(8, 2), nms="boxes=y0,scores=y1,max=4,form=xyxy").graph
    outcome = Quantize("int8")(graph, examples(graph, [boxes, scores]))
    kinds = {op.kind for op in float_ops(outcome.graph)}
    assert {"LOG", "SUB", "MAXIMUM", DETECTIONS} <= kinds
    reasons = " ".join(notice.message for notice in outcome.notices)
    assert "arithmetic on boxes" in reasons
    exact, coarse = run(graph, boxes, scores), run(outcome.graph, boxes, scores)
    assert np.abs(exact[2] - coarse[2])[exact[3] == coarse[3]].max() < 0.02


def test_scores_through_a_head() -> None:
    graph = shaped(detector(5, 2), heads=("y1:sigmoid",), nms="boxes=y0,scores=y1,max=4").graph
    assert op_counts(graph)["LOGISTIC"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("boxes=y0", "needs the outputs"),
        ("boxes=y0,scores=y1,top=3", "no 'top'"),
        ("boxes=y0,scores=y1,max", "no '='"),
        ("boxes=y0,scores=y1,max=three", "not understood"),
        ("boxes=y0,scores=y1,max=0", "at least 1"),
        ("boxes=y0,scores=y1,iou=0", "iou"),
        ("boxes=y0,scores=y1,form=abc", "not known"),
        ("boxes=y0,scores=y1,anchors=a.npy,form=yxyx", "with anchors"),
        ("boxes=y0,scores=y1,scales=1;1;1;1;1", "four numbers"),
        ("boxes=y0,scores=y1,scales=10;10;5;5", "anchors alone"),
        ("boxes=y0,boxes=y1,scores=y1", "twice"),
        ("boxes=y0,scores=y1,fast=maybe", "not understood"),
    ],
)
def test_options_that_are_not_understood(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_detections(text)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("boxes=y7,scores=y1", InputError, "no output 'y7'"),
        ("boxes=y1,scores=y0", ConversionError, "do not go together"),
        ("boxes=y0,scores=y0", ConversionError, "do not go together"),
        ("boxes=y0,scores=y1,anchors=none.npy", InputError, "cannot be read"),
    ],
)
def test_outputs_that_do_not_fit(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        shaped(detector(5, 2), nms=text)


def test_anchors_of_another_number(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((4, 4)))
    with pytest.raises(InputError, match="5 boxes"):
        shaped(detector(5, 2), nms=f"boxes=y0,scores=y1,anchors={tmp_path}/a.npy")
