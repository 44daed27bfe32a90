from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litesmith.data import load_examples, parse_preprocess
from litesmith.data.preprocess import Affine, parse_one
from litesmith.errors import InputError
from tests.data.helpers import gather, spec

X = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3)).astype(np.uint8)
F = X.astype(np.float64)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

EXPECTED = {
    "none": F,
    "unit": F / 255,
    "tf": F / 127.5 - 1,
    "torch": (F / 255 - MEAN) / STD,
    "caffe": F[..., ::-1] - np.array([103.939, 116.779, 123.68]),
    "scale=2,offset=-3": 2 * F - 3,
    "scale=0.5": F / 2,
    "offset=1;2;3": F + np.array([1, 2, 3]),
    "mean=10,std=4": (F - 10) / 4,
    "mean=1;2;3,std=4;5;6": (F - np.array([1, 2, 3])) / np.array([4, 5, 6]),
    "mean=1;2;3,std=2": (F - np.array([1, 2, 3])) / 2,
    "std=2": F / 2,
}


@pytest.mark.parametrize("text", EXPECTED)
def test_each_kind_is_what_the_contract_says(text: str) -> None:
    got = gather(load_examples(X, [spec(None, 4, 5, 3)], text))[0]
    np.testing.assert_allclose(got, EXPECTED[text], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("text", EXPECTED)
def test_the_affine_form_says_all(text: str) -> None:
    kind = parse_one(text)
    assert isinstance(kind, Affine)
    ordered = F[..., ::-1] if kind.reverse_channels else F
    np.testing.assert_allclose(
        ordered * np.array(kind.scale) + np.array(kind.offset), EXPECTED[text], atol=1e-12
    )


def test_one_per_input_and_a_default_for_the_others() -> None:
    inputs = [spec(None, 3, name=name) for name in ("a", "b", "c:0")]
    kinds = parse_preprocess(["b:unit", "tf", "c:0:none"], inputs)
    assert [kind.spec for kind in kinds] == ["tf", "unit", "none"]
    assert [kind.spec for kind in parse_preprocess(None, inputs)] == ["none"] * 3


@pytest.mark.parametrize(
    ("specs", "message", "hint"),
    [
        ("torhc", "not known", "torch"),
        ("whatever", "not known", "unit"),
        ("imge:unit", "no input 'imge'", "image"),
        (["unit", "tf"], "twice for all", ""),
        (["image:unit", "image:tf"], "twice for input 'image'", ""),
        ("scale=a", "not name=number", ""),
        ("scale=1,std=2", "mixes", "scale=A"),
        ("scal=1", "misspells", ""),
        ("mean=1,std=0", "must not be 0", ""),
        ("mean=1;2,std=1;2;3", "differ in length", ""),
        ("scale=inf", "finite", ""),
        ("mean=1;2,std=1;2", "2 channels", ""),
    ],
)
def test_mistakes_are_named(specs: str | list[str], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_examples(X, [spec(None, 4, 5, 3)], specs)
    assert hint in caught.value.hint


def test_channel_means_need_channels() -> None:
    with pytest.raises(InputError, match=r"torch is for 3 channels.*\(4, 5, 1\)"):
        load_examples(X[..., :1], [spec(None, 4, 5, 1)], "torch")


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_users_function_may_change_the_shape(tmp_path: Path) -> None:
    path = write(tmp_path / "prep.py", "def half(x):\n    return x[:, ::2, ::2] / 2.0\n")
    got = gather(load_examples(X, [spec(None, 2, 3, 3)], f"py:{path}:half"))[0]
    np.testing.assert_allclose(got, F[:, ::2, ::2] / 2)


def test_a_users_function_that_fails_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "bad.py", "def f(x):\n    a = 1\n    return x + unknown\nvalue = 3\n")
    with pytest.raises(InputError, match=r"bad.py:3: NameError: name 'unknown'"):
        load_examples(X, [spec(None, 4, 5, 3)], f"py:{path}:f")
    with pytest.raises(InputError, match="not a function"):
        load_examples(X, [spec(None, 4, 5, 3)], f"py:{path}:value")


def test_a_users_function_must_keep_the_examples(tmp_path: Path) -> None:
    path = write(tmp_path / "sum.py", "def f(x):\n    return x.sum()\n")
    with pytest.raises(InputError, match="turned 1 examples"):
        load_examples(X, [spec(None, 4, 5, 3)], f"py:{path}:f")
