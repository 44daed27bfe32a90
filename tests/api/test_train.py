"""Training in the export flow, with a trainer that is fake and fast."""

from __future__ import annotations

import json

import numpy as np
import pytest

import litesmith
from litesmith.errors import InputError
from litesmith.graph import DType, read, write
from litesmith.report.document import document, to_json
from tests.api.fakes import classifier, labels
from tests.api.trainer import X, names, step_of, wide
from tests.support.graphs import Builder, const, named


@pytest.mark.parametrize(
    "scheme", ["int8", "int4", "int16x8", "dynamic", "weights-int8", "weights-int4"]
)
def test_what_ships_is_the_trained_graph(use_trainer, out, scheme):
    trainer = use_trainer(wide())
    litesmith.export("m.keras", out, data=X, quantize=scheme)
    plain = out.read_bytes()
    assert not trainer.jobs
    trainer = use_trainer(wide())
    report = litesmith.export("m.keras", out, data=X, quantize=scheme, train=5)
    (job,) = trainer.jobs
    assert any(t.quant is not None for t in job.student.tensors() if t.data is not None)
    assert all(t.quant is None for t in job.teacher.tensors())
    assert len(job.examples) == 128
    assert out.read_bytes() != plain
    assert len(out.read_bytes()) == pytest.approx(len(plain), rel=0.1)
    trained = step_of(report)
    assert (trained.outcome, trained.why) == ("done", "as a test says")
    assert [s.name for s in report.steps][-2:] == ["quantize", "train"]
    assert names(out.parent) == ["out.tflite"]
    weights = [t for t in read(out.read_bytes()).tensors() if t.data is not None]
    assert all(t.quant is None for t in weights if t.dtype.value == "float32")


def test_the_json_tells_of_training(use_trainer, out):
    use_trainer()
    report = litesmith.export("m.keras", out, data=X, train="auto", seed=3, augment=False)
    found = document(report)
    (step,) = [s for s in found["steps"] if s["name"] == "train"]
    assert step["options"] == {"steps": "auto", "loss": "", "augment": False, "seed": 3}
    assert step["training"] == {
        "examples": 128, "steps": 5, "planned": 5, "loss_before": 1.0, "loss_after": 0.2,
        "agreement_before": 0.5, "agreement_after": 0.9, "seconds": 0.5, "stopped": "finished",
        "frozen": [], "state": None,
        "curve": [
            {"step": s, "loss": 1 / s, "agreement": 0.9, "seconds": 0.1} for s in range(1, 6)
        ],
    }  # fmt: skip
    assert all(s["training"] is None for s in found["steps"] if s["name"] != "train")
    assert json.loads(to_json(report))


def test_options_reach_the_trainer(use_trainer, out):
    trainer = use_trainer()
    y = labels(classifier(), X)
    litesmith.export(
        "m.keras", out, data=(X, y), train=70, seed=5, augment=False, loss="crossentropy"
    )
    settings = trainer.jobs[0].settings
    assert (settings.steps, settings.seed, settings.augment) == (70, 5, False)
    assert settings.loss == "cross_entropy"
    assert np.array_equal(settings.labels.reshape(-1), y)


def test_a_listener_is_told_of_training(use_trainer, out):
    class Listener:
        def __init__(self):
            self.stages, self.points = [], []

        def __call__(self, stage, fraction):
            self.stages.append((stage, fraction))

        def training(self, point):
            self.points.append(point.step)

    use_trainer()
    listener = Listener()
    litesmith.export("m.keras", out, data=X, train="auto", listen=listener)
    assert listener.points == [1, 2, 3, 4, 5]
    assert ("train", 0.4) in listener.stages


@pytest.mark.parametrize("scheme", ["int3", "ternary", "binary"])
def test_schemes_of_few_bits_train_unasked(use_trainer, out, scheme):
    trainer = use_trainer()
    litesmith.export("m.keras", out, data=X, quantize=scheme)
    assert len(trainer.jobs) == 1
    trainer = use_trainer()
    report = litesmith.export("m.keras", out, data=X, quantize=scheme, train="none")
    assert not trainer.jobs
    (warning,) = [w for w in report.warnings if w.code == "untrained"]
    assert "--train none" in warning.hint


def test_a_recipe_trains_as_the_run_that_it_was_saved_from(use_trainer, out, tmp_path):
    use_trainer()
    recipe = tmp_path / "r.toml"
    litesmith.export("m.keras", out, data=X, train=33, seed=2, save_recipe=recipe)
    assert '[[step]]\nname = "train"\nsteps = "33"' in recipe.read_text()
    first = out.read_bytes()
    trainer = use_trainer()
    litesmith.export("m.keras", out, data=X, recipe=recipe)
    assert out.read_bytes() == first
    assert trainer.jobs[0].settings.steps == 33
    trainer = use_trainer()
    litesmith.export("m.keras", out, data=X, recipe=recipe, train="none")
    assert not trainer.jobs


@pytest.mark.parametrize("order", ["train quantize", "train"])
def test_a_recipe_trains_what_was_quantized(use_trainer, out, tmp_path, order):
    use_trainer()
    recipe = tmp_path / "r.toml"
    recipe.write_text("".join(f'[[step]]\nname = "{name}"\n' for name in order.split()))
    with pytest.raises(InputError, match="right after the step 'quantize'"):
        litesmith.export("m.keras", out, data=X, recipe=recipe)


def integers():
    """Return x0 float32[1, 8] → y0 int32[1, 5]: rounded values, which no gradient passes."""
    b = Builder(0)
    x = b.op("FULLY_CONNECTED", b.input((1, 8)), b.weights(5, 8), b.weights(5))
    return named(b.graph(b.op("CAST", x, dtype=DType.INT32)))


def argmax():
    b = Builder(0)
    x = b.op("FULLY_CONNECTED", b.input((1, 8)), b.weights(5, 8), b.weights(5))
    return named(b.graph(b.op("ARG_MAX", x, const(1), dtype=DType.INT64, output_type=4)))


@pytest.mark.parametrize(
    ("graph", "given", "says"),
    [
        (integers, {"quantize": "int4"}, "outputs are integers"),
        (classifier, {"quantize": "int8", "float_ops": ["*"]}, "nothing in this graph"),
        (classifier, {"quantize": "dynamic"}, "nothing in this graph"),
    ],
)
def test_what_cannot_be_trained_is_an_error_or_told(use_trainer, out, tmp_path, graph, given, says):
    use_trainer(graph())
    with pytest.raises(InputError, match=says):
        litesmith.export("m.keras", out, data=X, train="auto", **given)
    assert names(out.parent) == []
    recipe = tmp_path / "r.toml"
    recipe.write_text(f'[[step]]\nname = "quantize"\nscheme = "{given["quantize"]}"\n'
                      '[[step]]\nname = "train"\n')  # fmt: skip
    more = {name: value for name, value in given.items() if name != "quantize"}
    trainer = use_trainer(graph())
    report = litesmith.export("m.keras", out, data=X, recipe=recipe, **more)
    assert not trainer.jobs
    assert step_of(report).outcome == "declined"
    assert says in step_of(report).why
    assert "untrained" in {w.code for w in report.warnings}


def test_a_choice_of_the_largest_is_trained_by_its_scores(use_trainer, out):
    trainer = use_trainer(argmax())
    y = np.arange(128) % 5
    report = litesmith.export("m.keras", out, data=(X, y), train=5, loss="crossentropy")
    assert step_of(report).outcome == "done"
    assert len(trainer.jobs) == 1


def test_what_the_trainer_finds_of_no_use_is_no_success(use_trainer, out):
    use_trainer(done=False, steps=0)
    with pytest.raises(InputError, match="--train cannot help here: as a test says"):
        litesmith.export("m.keras", out, data=X, train="auto")
    use_trainer(done=False)
    report = litesmith.export("m.keras", out, data=X, train="auto")
    assert step_of(report).outcome == "declined"
    assert "training_no_gain" in {w.code for w in report.warnings}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"train": "auto"}, "needs examples|representative"),
        ({"data": X, "train": "often"}, "not understood"),
        ({"data": X, "train": -3}, "not understood"),
        ({"data": X, "loss": "mse"}, "--loss is of no use"),
        ({"data": X, "resume": True}, "--resume is of no use"),
        ({"data": X, "augment": False}, "--no-augment is of no use"),
        ({"data": X, "train": "auto", "loss": "mes"}, "no loss 'mes'"),
        ({"data": X, "train": "auto", "loss": "mse"}, "--loss needs labels"),
        ({"data": (X, X[:, 0]), "train": "auto", "loss": "crossentropy"}, "a class index"),
        ({"data": X, "train": "auto", "quantize": "none"}, "nothing to train"),
        ({"data": X, "train": "auto", "quantize": "float16"}, "nothing to train"),
        ({"data": X, "train": "auto", "resume": True}, "nothing to resume"),
    ],
)
def test_options_that_cannot_work(use_trainer, out, given, says):
    use_trainer()
    with pytest.raises(InputError, match=says) as caught:
        litesmith.export("m.keras", out, **given)
    assert caught.value.hint
    assert names(out.parent) == []


def test_float_graphs_can_fit_labels(use_trainer, out):
    trainer = use_trainer()
    y = labels(classifier(), X)
    report = litesmith.export(
        "m.keras", out, data=(X, y), quantize="none", train=5, loss="crossentropy"
    )
    assert len(trainer.jobs) == 1
    assert step_of(report).outcome == "done"
    assert out.read_bytes() != write(classifier())
