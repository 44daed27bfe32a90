"""Each fault of representative data is found in data made up to have it, and in no other."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.data import load_examples
from litesmith.data.specs import TensorSpec
from litesmith.diagnose import examples as looks
from litesmith.diagnose.examples import Sample, sample

IMAGE = (1, 8, 8, 3)


def images(count: int = 100, seed: int = 0, shape: tuple[int, ...] = (8, 8, 3)) -> np.ndarray:
    """Return raw images 0 to 255 whose brightness varies."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 255, (count, *shape)) * random.uniform(0.5, 1, (count, *[1] * len(shape)))
    return np.rint(x).astype(np.float32)


def seen(x: np.ndarray, shape: tuple[int, ...] = IMAGE) -> Sample:
    found = sample(load_examples(x, [TensorSpec("in", shape, "float32")]))
    assert found is not None
    return found


def codes(x: np.ndarray, shape: tuple[int, ...] = IMAGE) -> list[str]:
    data = seen(x, shape)
    return [n.code for n in (*looks.too_few(data), *looks.of_values(data))]


@pytest.mark.parametrize("seed", range(5))
def test_right_data_yields_nothing(seed: int) -> None:
    x = images(120, seed)
    assert codes(x) == codes(x / 255) == codes(x / 127.5 - 1) == []
    x[3] = 0  # one blank image
    x[7] = x[8]  # one copy
    assert codes(x) == []


@pytest.mark.parametrize(("count", "told"), [(49, True), (50, False), (300, False)])
def test_too_few(count: int, told: bool) -> None:
    assert ("few_examples" in codes(images(count))) is told


def test_too_few_of_a_stream() -> None:
    x = images(120)
    spec = [TensorSpec("in", IMAGE, "float32")]
    for count, told in ((20, True), (120, False)):
        stream = load_examples(lambda n=count: (x[i : i + 10] for i in range(0, n, 10)), spec)
        data = sample(stream)
        assert data is not None
        assert bool(list(looks.too_few(data))) is told


def test_copies() -> None:
    x = images(120)
    assert codes(np.concatenate([x[:30]] * 4)) == ["duplicates"]
    frames = np.concatenate([x[:30] + 0.01 * i for i in range(4)])
    assert codes(frames) == ["near_duplicates"]


def test_few_columns_may_repeat() -> None:
    x = np.tile(np.arange(12, dtype=np.float32).reshape(4, 3), (30, 1))
    assert codes(x, (1, 3)) == []


def test_constant_examples() -> None:
    x = images(100)
    blank = x.copy()
    blank[::5] = 0
    assert codes(blank) == ["constant_examples"]
    grays = x.copy()
    grays[::5] = np.arange(20).reshape(-1, 1, 1, 1)
    assert codes(grays) == ["constant_examples"]


def test_masks_and_kinds_of_tokens_may_be_constant() -> None:
    specs = [TensorSpec("image", IMAGE, "float32"), TensorSpec("mask", (1, 16), "float32"),
             TensorSpec("kinds", (1, 16), "int32")]  # fmt: skip
    given = {"image": images(100), "mask": np.ones((100, 16), np.float32),
             "kinds": np.zeros((100, 16), np.int32)}  # fmt: skip
    data = sample(load_examples(given, specs))
    assert data is not None
    assert list(looks.of_values(data)) == []


def test_tables_of_few_values_may_repeat() -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 2, (200, 9)).astype(np.float32)
    x[:, 0] = 5000 + 10 * random.integers(0, 3, 200)
    assert codes(x, (1, 9)) == []
    assert codes(np.concatenate([x[:20]] * 5), (1, 9)) == ["duplicates"]


def test_mixed_scales() -> None:
    x = images(100)
    x[::4] /= 255
    assert codes(x) == ["mixed_scales"]


def test_two_sets_of_different_scale() -> None:
    x = images(100)
    assert [n.code for n in looks.against(seen(x), seen(x / 255))] == ["scales_differ"]
    assert [n.code for n in looks.against(seen(x), seen(images(100, 1)))] == []


def test_classes_without_an_example() -> None:
    labels = np.arange(100) % 8
    found = list(looks.classes(labels, 10, "--data"))
    assert [n.code for n in found] == ["classes_missing"]
    assert "8, 9" in found[0].message
    assert not list(looks.classes(np.arange(100) % 10, 10, "--data"))
    assert not list(looks.classes(np.arange(8), 10, "--data"))  # too few to say
    assert not list(looks.classes(labels * 0.5, 10, "--data"))
    assert not list(looks.classes(labels + 5, 10, "--data"))  # not the model's classes


def test_a_sample_is_bounded_in_bytes_and_of_one_shape() -> None:
    big = np.zeros((40, 512, 1024, 1), np.float32)
    data = seen(big, (1, 512, 1024, 1))
    assert len(data) < 40
    spec = [TensorSpec("in", (None, None), "float32")]
    ragged = load_examples(lambda: iter([np.zeros((2, 3)), np.zeros((2, 4))]), spec)
    assert sample(ragged) is None
