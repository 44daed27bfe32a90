"""`export --train` with nothing faked: the digits model, and the shared ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import litesmith
from litesmith.errors import InputError
from litesmith.train.nouns import State
from litesmith.train.transport import state_from_bytes, state_to_bytes

UNIT = "scale=0.0625,offset=0"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.tflite"


def export(digits, out, **options):
    given = {
        "data": f"{digits / 'digits.npz'}#x_train",
        "eval": f"{digits / 'digits.npz'}#x_test,y_test",
        "preprocess": UNIT,
        "quantize": "int3",
    }
    return litesmith.export(str(digits / "digits.keras"), out, **(given | options))


def facts_of(report):
    step = next(s for s in report.steps if s.name == "train")
    assert step.training is not None
    return step.training


def test_digits_are_trained_and_their_process_has_no_tensorflow(digits, tmp_path):
    program = (
        "import sys, json, litesmith\n"
        "from tests.train.test_export import export, facts_of\n"
        "from pathlib import Path\n"
        "r = export(Path(sys.argv[1]), sys.argv[2], train=12, quantize='int3')\n"
        "f = facts_of(r)\n"
        "assert not {'tensorflow', 'keras', 'tf_keras'} & set(sys.modules)\n"
        "assert (f.steps, f.stopped) == (12, 'finished'), f\n"
        "assert f.loss_after < 0.9 * f.loss_before, f\n"
        "assert f.agreement_after >= 0.95, f\n"
        "assert r.score.drop < 0.03, r.score\n"
    )
    words = [sys.executable, "-c", program, str(digits), str(tmp_path / "d.tflite")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["d.tflite"]


@pytest.mark.slow
def test_a_state_of_another_model_is_refused_and_kept(digits, out, tmp_path):
    state = out.with_name("out.train.npz")
    state.write_bytes(state_to_bytes(State(3, {"best_vector": np.zeros(3)}), "somebody"))
    before = state.read_bytes()
    with pytest.raises(InputError, match="belongs to another model"):
        export(digits, out, train=5, resume=True)
    assert state.read_bytes() == before
    assert state_from_bytes(before)[1] == "somebody"


@pytest.mark.slow
def test_float_graphs_fit_labels(digits, out):
    labelled = f"{digits / 'digits.npz'}#x_train,y_train"
    report = export(
        digits, out, train=20, loss="crossentropy", data=labelled, quantize="none", augment=False
    )
    assert facts_of(report).steps == 20
    assert report.score is not None
    assert report.score.drop < 0.02


@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [{"head": "argmax"}, {"quantize": "dynamic-int4"}, {"quantize": "binary", "pack": True}]
)
def test_other_forms_are_trained_too(digits, out, more):
    plain = export(digits, out, train="none", **more)
    report = export(digits, out, train=60, **more)
    assert facts_of(report).loss_after < facts_of(report).loss_before
    assert report.score is not None
    assert plain.score is not None
    assert report.score.artifact >= plain.score.artifact - 0.005


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"data": np.full((64, 8, 8, 1), 7, np.float32)}, "same|alike"),
        ({"data": np.zeros((3, 8, 8, 1), np.float32)}, "too few|same"),
    ],
)
def test_examples_that_teach_nothing(digits, out, given, says):
    with pytest.raises(InputError, match=says):
        export(digits, out, train="auto", eval=None, quantize="int8", **given)
    assert list(out.parent.iterdir()) == []


@pytest.mark.slow
def test_a_budget_is_kept_by_training_with_more_bits(shared, out, tmp_path):
    data, recipe = shared / "data" / "hand_keypoint.npz", tmp_path / "r.toml"
    given = {"data": f"{data}#x_train", "eval": f"{data}#x_test,y_test"}
    model = str(shared / "models" / "hand_keypoint.hdf5")
    report = litesmith.export(
        model, out, quantize="binary", train=40, max_drop=0.006, save_recipe=recipe, **given
    )
    assert report.score is not None
    assert report.score.drop <= 0.006
    assert (report.steps[-1].name, report.steps[-1].outcome) == ("repair", "done")
    assert [s.name for s in report.steps].count("train") == 1
    first = out.read_bytes()
    litesmith.export(model, out, recipe=recipe)
    assert out.read_bytes() == first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "data"),
    [("hand_keypoint.hdf5", "hand_keypoint.npz"), ("ds_cnn_kws", "kws_mfcc.npz")],
)
def test_int4_on_real_models_is_within_a_point_of_float(shared, out, model, data):
    folder: Path = shared
    report = litesmith.export(
        str(folder / "models" / model), out, quantize="int4", train="auto",
        data=f"{folder / 'data' / data}#x_train", eval=f"{folder / 'data' / data}#x_test,y_test",
    )  # fmt: skip
    assert report.score is not None
    assert report.score.drop <= 0.01
