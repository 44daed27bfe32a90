"""Training makes a coarse graph answer as its float graph, the same way each time."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.errors import InputError
from litesmith.graph.edit import producers
from litesmith.train.distill import distill
from litesmith.train.learned import restore
from litesmith.train.nouns import Settings, State
from tests.support.graphs import Builder, const
from tests.train.networks import cnn, lesson, on_grid, run


def data_of(graph):
    return [t.data for t in graph.tensors() if t.data is not None]


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(data_of(a), data_of(b), strict=True))


def error(made, graph=None):
    return float(np.square(made.answers(graph) - run(made.teacher, made.x)).mean())


@pytest.mark.parametrize("scheme", ["int4", "int3", "ternary", "binary"])
def test_answers_come_closer_to_the_teachers(scheme):
    made = lesson(scheme, count=256, edge_bits=8)
    trained = distill(made.teacher, made.student, made.x, Settings(steps=60))
    assert trained.done and trained.loss[1] < trained.loss[0]
    assert on_grid(trained.graph)
    # A middle layer of 4 bits loses little; what is left is mostly that of 8-bit activations.
    assert error(made, trained.graph) < (1.05 if scheme == "int4" else 0.9) * error(made)


@pytest.mark.parametrize("softmax", [True, False])
def test_heads(softmax):
    made = lesson("ternary", cnn(softmax), count=128)
    trained = distill(made.teacher, made.student, made.x, Settings(steps=20))
    assert trained.done and error(made, trained.graph) < error(made)


def test_a_seed_gives_the_same_graph_and_another_another():
    made = lesson("ternary")
    runs = [
        distill(made.teacher, made.student, made.x, Settings(steps=8, seed=seed)).graph
        for seed in (1, 1, 2)
    ]
    assert equal(runs[0], runs[1]) and not equal(runs[0], runs[2])


def test_resumed_is_as_if_never_stopped():
    made = lesson("ternary", count=128)
    settings = Settings(steps=24)
    states = []
    whole = distill(
        made.teacher, made.student, made.x, settings, lambda p: states.append(p.state())
    )
    middle = State.from_bytes(states[len(states) // 2].to_bytes())
    assert 0 < middle.step < 24
    rest = distill(made.teacher, made.student, made.x, settings, resume=middle)
    assert equal(whole.graph, rest.graph) and rest.steps == 24
    assert equal(restore(made.student, whole.state), whole.graph)


def test_a_state_of_another_graph_is_refused():
    made, other = lesson("ternary"), lesson("ternary", cnn(False))
    state = distill(made.teacher, made.student, made.x, Settings(steps=2)).state
    small = Builder()
    x = small.input((1, 8, 8, 3))
    h = small.op("MEAN", x, const([1, 2]))
    graph = small.graph(small.op("FULLY_CONNECTED", h, small.weights(4, 3), small.weights(4)))
    odd = lesson("int4", graph)
    with pytest.raises(InputError, match="another model"):
        distill(odd.teacher, odd.student, odd.x, Settings(steps=2), resume=state)
    assert other is not made


def test_stopped_keeps_the_best_so_far():
    made, asked = lesson("ternary"), []

    def stop():
        asked.append(None)
        return len(asked) > 5

    trained = distill(made.teacher, made.student, made.x, Settings(steps=100), should_stop=stop)
    assert trained.steps == 5 and trained.done and trained.loss[1] <= trained.loss[0]


def test_progress_tells_loss_agreement_and_time():
    made, seen = lesson("int4"), []
    distill(made.teacher, made.student, made.x, Settings(steps=40), seen.append)
    assert [p.step for p in seen] == sorted(p.step for p in seen) and seen[-1].step == 40
    assert all(p.steps == 40 and 0 <= p.agreement <= 1 and np.isfinite(p.loss) for p in seen)
    assert seen[-1].seconds_left == 0 and all(p.best_loss <= p.loss for p in seen)


def test_small_parts_of_a_batch_make_the_same_step():
    made = lesson("int4")
    whole, parts = (
        distill(made.teacher, made.student, made.x, Settings(steps=3, memory_mb=mb, augment=False))
        for mb in (2048, 1)
    )
    a, b = whole.state.arrays["vector"], parts.state.arrays["vector"]
    assert np.abs(a - b).max() < 0.02


def test_labels_are_mixed_in():
    made = lesson("int4", count=128)
    labels = np.zeros(128, np.int64)
    settings = Settings(steps=60, loss="cross_entropy", labels=labels, label_weight=1.0)
    trained = distill(made.teacher, made.student, made.x, settings)
    vector = trained.state.arrays["vector"]
    assert np.isfinite(vector).all()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda made: (made.student, made.x[:0]), "no examples"),
        (lambda made: (made.student, made.x[:3]), "too few"),
        (lambda made: (made.student, np.repeat(made.x[:1], 20, 0)), "the same"),
        (lambda made: (made.teacher, made.x), "nothing of the model is quantized"),
    ],
)
def test_when_training_is_not_the_answer(change, why):
    made = lesson("int4")
    student, x = change(made)
    trained = distill(made.teacher, student, x)
    assert not trained.done and why in trained.why and trained.graph is student


def test_integer_answers_teach_nothing():
    plain = cnn(False)
    from litesmith.graph import DType
    from litesmith.graph.build import make_op
    from litesmith.graph.model import Tensor

    index = Tensor("class", (1,), DType.INT64)
    ops = (*plain.ops, make_op("ARG_MAX", (plain.outputs[0], const(1)), (index,), output_type=4))
    graph = plain.with_(ops=ops, outputs=(index,))
    assert index in producers(graph)
    trained = distill(graph, graph.with_(inputs=graph.inputs), lesson().x)
    assert not trained.done


def test_examples_that_do_not_fit_are_refused():
    made = lesson()
    with pytest.raises(InputError, match="do not fit"):
        distill(made.teacher, made.student, made.x[:, :4])
    with pytest.raises(InputError, match="inputs"):
        distill(made.teacher, made.student, [made.x, made.x])
    with pytest.raises(InputError, match="no examples for the input"):
        distill(made.teacher, made.student, {"nobody": made.x})
