"""Training in the export flow, with a trainer that is fake and fast."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import litesmith
from litesmith.errors import BudgetError, ConversionError, InputError
from litesmith.forge import export as flow
from litesmith.forge import keeper
from litesmith.forge import train as training
from litesmith.graph import DType, read, write
from litesmith.report.document import document, to_json
from litesmith.runtime import Session
from litesmith.train.learned import with_tensors
from litesmith.train.nouns import Point, State, Trained
from litesmith.train.process import Result
from litesmith.train.transport import state_to_bytes
from tests.api.fakes import FakeSource, classifier, features, labels, regressor
from tests.support.graphs import Builder, const, named

X = features(128)
STATE = state_to_bytes(State(3, {"best/0/data": np.zeros(2)}), "somebody")


class Trainer:
    """Plays `litesmith.train.process.train`: it makes the first weights a little smaller."""

    def __init__(self, interrupted=False, done=True, steps=5, error=None):
        self.jobs, self.resumed = [], []
        self.interrupted, self.done, self.steps, self.error = interrupted, done, steps, error

    def __call__(self, job, ears, resume):
        self.jobs.append(job)
        self.resumed.append(resume)
        for step in range(1, self.steps + 1):
            ears.point(Point(step, 5, 1 / step, 0.9, 1 / step, 0.1 * step, 1.0))
        if self.steps:
            ears.state(STATE)
        if self.error:
            raise self.error
        trained = Trained(
            self._graph(job.student) if self.done else job.student, self.done,
            "as a test says", self.steps, (1.0, 0.2), (0.5, 0.9), 0.5, (),
        )  # fmt: skip
        curve = tuple(Point(s, 5, 1 / s, 0.9, 1 / s, 0.1, 1.0) for s in range(1, self.steps + 1))
        return Result(trained, len(job.examples), curve, self.interrupted)

    def _graph(self, student):
        old = next(t for t in student.tensors() if t.data is not None and t.data.ndim == 2)
        return with_tensors(student, {old: old.with_(data=old.data * np.float32(0.998))})


@pytest.fixture
def use(monkeypatch):
    def put(graph=None, **how):
        fake, trainer = FakeSource(graph or classifier()), Trainer(**how)
        monkeypatch.setattr(flow, "open_source", lambda source, options: fake)
        monkeypatch.setattr(training, "in_a_child", trainer)
        monkeypatch.setattr(flow, "_latency", lambda *_: None)  # takes a second
        return trainer

    return put


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.tflite"


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def step_of(report, name="train"):
    return next(s for s in report.steps if s.name == name)


@pytest.mark.parametrize(
    "scheme", ["int8", "int4", "int16x8", "dynamic", "weights-int8", "weights-int4"]
)
def test_what_ships_is_the_trained_graph(use, out, scheme):
    trainer = use(wide())
    litesmith.export("m.keras", out, data=X, quantize=scheme)
    plain = out.read_bytes()
    assert not trainer.jobs
    trainer = use(wide())
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


def wide():
    """Return x0 float32[1, 8] → y0 float32[1, 5], with weights large enough for every scheme."""
    b = Builder(4)
    relu = {"fused_activation_function": 1}
    x = b.op("FULLY_CONNECTED", b.input((1, 8)), b.weights(256, 8), b.weights(256), **relu)
    x = b.op("FULLY_CONNECTED", x, b.weights(64, 256, scale=0.1), b.weights(64), **relu)
    return named(b.graph(b.op("FULLY_CONNECTED", x, b.weights(5, 64), b.weights(5))))


def test_the_json_tells_of_training(use, out):
    use()
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


def test_options_reach_the_trainer(use, out):
    trainer = use()
    y = labels(classifier(), X)
    litesmith.export(
        "m.keras", out, data=(X, y), train=70, seed=5, augment=False, loss="crossentropy"
    )
    settings = trainer.jobs[0].settings
    assert (settings.steps, settings.seed, settings.augment) == (70, 5, False)
    assert settings.loss == "cross_entropy"
    assert np.array_equal(settings.labels.reshape(-1), y)


def test_a_listener_is_told_of_training(use, out):
    class Listener:
        def __init__(self):
            self.stages, self.points = [], []

        def __call__(self, stage, fraction):
            self.stages.append((stage, fraction))

        def training(self, point):
            self.points.append(point.step)

    use()
    listener = Listener()
    litesmith.export("m.keras", out, data=X, train="auto", listen=listener)
    assert listener.points == [1, 2, 3, 4, 5]
    assert ("train", 0.4) in listener.stages


@pytest.mark.parametrize("scheme", ["int3", "ternary", "binary"])
def test_schemes_of_few_bits_train_unasked(use, out, scheme):
    trainer = use()
    litesmith.export("m.keras", out, data=X, quantize=scheme)
    assert len(trainer.jobs) == 1
    trainer = use()
    report = litesmith.export("m.keras", out, data=X, quantize=scheme, train="none")
    assert not trainer.jobs
    (warning,) = [w for w in report.warnings if w.code == "untrained"]
    assert "--train none" in warning.hint


def test_a_recipe_trains_as_the_run_that_it_was_saved_from(use, out, tmp_path):
    use()
    recipe = tmp_path / "r.toml"
    litesmith.export("m.keras", out, data=X, train=33, seed=2, save_recipe=recipe)
    assert '[[step]]\nname = "train"\nsteps = "33"' in recipe.read_text()
    first = out.read_bytes()
    trainer = use()
    litesmith.export("m.keras", out, data=X, recipe=recipe)
    assert out.read_bytes() == first
    assert trainer.jobs[0].settings.steps == 33
    trainer = use()
    litesmith.export("m.keras", out, data=X, recipe=recipe, train="none")
    assert not trainer.jobs


@pytest.mark.parametrize("order", ["train quantize", "train"])
def test_a_recipe_trains_what_was_quantized(use, out, tmp_path, order):
    use()
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
def test_what_cannot_be_trained_is_an_error_or_told(use, out, tmp_path, graph, given, says):
    use(graph())
    with pytest.raises(InputError, match=says):
        litesmith.export("m.keras", out, data=X, train="auto", **given)
    assert names(out.parent) == []
    recipe = tmp_path / "r.toml"
    recipe.write_text(f'[[step]]\nname = "quantize"\nscheme = "{given["quantize"]}"\n'
                      '[[step]]\nname = "train"\n')  # fmt: skip
    more = {name: value for name, value in given.items() if name != "quantize"}
    trainer = use(graph())
    report = litesmith.export("m.keras", out, data=X, recipe=recipe, **more)
    assert not trainer.jobs
    assert step_of(report).outcome == "declined"
    assert says in step_of(report).why
    assert "untrained" in {w.code for w in report.warnings}


def test_a_choice_of_the_largest_is_trained_by_its_scores(use, out):
    trainer = use(argmax())
    y = np.arange(128) % 5
    report = litesmith.export("m.keras", out, data=(X, y), train=5, loss="crossentropy")
    assert step_of(report).outcome == "done"
    assert len(trainer.jobs) == 1


def test_what_the_trainer_finds_of_no_use_is_no_success(use, out):
    use(done=False, steps=0)
    with pytest.raises(InputError, match="--train cannot help here: as a test says"):
        litesmith.export("m.keras", out, data=X, train="auto")
    use(done=False)
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
def test_options_that_cannot_work(use, out, given, says):
    use()
    with pytest.raises(InputError, match=says) as caught:
        litesmith.export("m.keras", out, **given)
    assert caught.value.hint
    assert names(out.parent) == []


def test_float_graphs_can_fit_labels(use, out):
    trainer = use()
    y = labels(classifier(), X)
    report = litesmith.export(
        "m.keras", out, data=(X, y), quantize="none", train=5, loss="crossentropy"
    )
    assert len(trainer.jobs) == 1
    assert step_of(report).outcome == "done"
    assert out.read_bytes() != write(classifier())


class TestState:
    def test_an_interrupted_run_writes_the_file_and_says_how_to_go_on(self, use, out):
        use(interrupted=True, steps=2)
        report = litesmith.export("m.keras", out, data=X, train="auto")
        assert names(out.parent) == ["out.tflite", "out.train.npz"]
        facts = step_of(report).training
        assert facts is not None
        assert facts.stopped == "interrupted"
        assert facts.state == str(out.with_name("out.train.npz"))
        (warning,) = [w for w in report.warnings if w.code == "training_stopped"]
        assert "--resume" in warning.hint
        trainer = use()
        report = litesmith.export("m.keras", out, data=X, train="auto", resume=True)
        assert trainer.resumed == [STATE]
        assert names(out.parent) == ["out.tflite"]

    def test_a_run_that_dies_leaves_the_state_and_the_old_file(self, use, out):
        out.write_bytes(b"precious")
        use(error=ConversionError("The process training the model was ended.", "Memory.", "/log"))
        with pytest.raises(ConversionError, match="was ended"):
            litesmith.export("m.keras", out, data=X, train="auto")
        assert out.read_bytes() == b"precious"
        assert names(out.parent) == ["out.tflite", "out.train.npz"]
        use(error=KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            litesmith.export("m.keras", out, data=X, train="auto")
        assert out.read_bytes() == b"precious"

    def test_a_missed_budget_keeps_the_state(self, use, out):
        use(regressor())
        with pytest.raises(BudgetError):
            litesmith.export("m.keras", out, data=X, train="auto", max_drop=0.0)
        assert "out.train.npz" in names(out.parent)

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04 something", STATE[:-40], b"x" * 999])
    @pytest.mark.parametrize("resume", [True, None])
    def test_a_damaged_or_foreign_file_is_left_alone(self, use, out, content, resume):
        use()
        path = out.with_name("out.train.npz")
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"out\.train\.npz") as caught:
            litesmith.export("m.keras", out, data=X, train="auto", resume=resume)
        assert caught.value.hint
        assert path.read_bytes() == content
        assert names(out.parent) == ["out.train.npz"]

    def test_data_of_that_name_is_not_overwritten(self, use, out):
        use()
        path = out.with_name("out.train.npz")
        np.savez(path, x=X)
        with pytest.raises(InputError, match="holds something else"):
            litesmith.export("m.keras", out, data=f"{path}#x", train="auto")

    def test_a_state_that_cannot_be_written_is_told(self, use, out, monkeypatch):
        def full(files):
            raise InputError("There is no space.")

        use()
        monkeypatch.setattr(keeper, "write_files", full)
        report = litesmith.export("m.keras", out, data=X, train="auto")
        assert "state_not_kept" in {w.code for w in report.warnings}
        assert names(out.parent) == ["out.tflite"]


def test_a_repaired_file_is_trained_anew_with_its_bits(use, out, tmp_path):
    trainer = use(wide())
    recipe = tmp_path / "r.toml"
    report = litesmith.export(
        "m.keras", out, data=X, quantize="int4", train="auto", max_drop=0.005, save_recipe=recipe,
    )  # fmt: skip
    assert report.steps[-1].name == "repair"
    assert report.steps[-1].outcome == "done"
    assert len(trainer.jobs) > 1
    assert [s.name for s in report.steps].count("train") == 1
    assert names(tmp_path) == ["out.tflite", "r.toml"]
    bits = {t.quant.bits for t in trainer.jobs[-1].student.tensors() if t.data is not None}
    assert 8 in bits
    first = out.read_bytes()
    use(wide())
    litesmith.export("m.keras", out, data=X, recipe=recipe)
    assert out.read_bytes() == first


def test_after_an_interrupt_nothing_is_trained_again(use, out):
    trainer = use(wide(), interrupted=True, steps=2)
    with pytest.raises(BudgetError) as caught:
        litesmith.export("m.keras", out, data=X, quantize="int4", train="auto", max_drop=0.0)
    assert len(trainer.jobs) == 1
    assert "stopped by an interrupt" in vars(caught.value)["report"].steps[-1].why


def test_a_file_made_to_fit_is_trained_once_more(use, out):
    trainer = use(wide())
    first = litesmith.export("m.keras", out, data=X, quantize="int8")
    assert first.artifact is not None
    trainer = use(wide())
    report = litesmith.export(
        "m.keras", out, data=X, quantize="int8", train="auto",
        max_size=int(first.artifact.size_bytes * 0.8),
    )  # fmt: skip
    assert report.steps[-1].name == "fit"
    assert len(trainer.jobs) == 2
    four = {t.quant.bits for t in trainer.jobs[-1].student.tensors() if t.data is not None}
    assert 4 in four
    assert [s.name for s in report.steps].count("train") == 1
    x = np.zeros((2, 8), np.float32)
    assert np.isfinite(Session(out.read_bytes()).run([x])[0]).all()
    assert replace(report, seconds=0.0)


def test_a_file_that_lost_much_untrained_is_told_of_training(use, out):
    y = labels(wide(), X)
    use(wide())
    bits = {"quantize": "int4", "bits": ["*=3"]}
    report = litesmith.export("m.keras", out, data=X, eval=(X, y), **bits)
    (warning,) = [w for w in report.warnings if w.code == "score_drop"]
    assert "--train auto" in warning.hint
    use(wide(), done=False)
    report = litesmith.export("m.keras", out, data=X, eval=(X, y), train="auto", **bits)
    (warning,) = [w for w in report.warnings if w.code == "score_drop"]
    assert "--train" not in warning.hint
