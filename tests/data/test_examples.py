from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litesmith.data import load_examples, load_labelled
from litesmith.errors import InputError
from tests.data.helpers import gather, spec

X = np.arange(60, dtype=np.float32).reshape(20, 3)
Y = np.arange(20) % 4


@given(st.integers(1, 25), st.one_of(st.none(), st.integers(0, 25)), st.integers(0, 25))
def test_batches_are_slices(size: int, limit: int | None, offset: int) -> None:
    examples = load_examples(X, [spec(None, 3)])
    stop = None if limit is None else offset + limit
    got = [batch[0] for batch in examples.batches(size, limit, offset)]
    assert np.array_equal(np.concatenate([X[:0], *got]), X[offset:stop])
    assert all(len(batch) == size for batch in got[:-1])


def test_take_is_evenly_spread_and_can_be_repeated() -> None:
    examples = load_examples(X, [spec(None, 3)])
    assert len(examples.take(7)) == 7
    assert len(examples.take(100)) == 20
    again = examples.take(10).take(5)
    assert len(again) == len(gather(again)[0]) == 5
    rows = gather(examples.take(5))[0][:, 0] // 3
    assert [int(row) // 4 for row in rows] == [0, 1, 2, 3, 4]


def test_labelled_batches_and_subsets_stay_paired() -> None:
    labelled = load_labelled((X, Y), [spec(None, 3)]).take(9)
    assert len(labelled) == 9
    for (x,), y in labelled.batches(4):
        assert np.array_equal((x[:, 0] // 3).astype(int) % 4, y)


def test_a_stream_has_no_length_and_takes_its_first_examples() -> None:
    examples = load_examples([X[:7], X[7:9], X[9:]], [spec(None, 3)])
    assert examples.size is None
    with pytest.raises(TypeError):
        len(examples)
    assert np.array_equal(gather(examples)[0], X)
    assert np.array_equal(gather(examples.take(8))[0], X[:8])
    assert np.array_equal(gather(examples.take(8).take(3))[0], X[:3])
    assert np.array_equal(next(examples.batches(4, limit=4, offset=6))[0], X[6:10])


def test_missing_data_and_unknown_kinds(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", X)
    with pytest.raises(InputError, match="no data at") as caught:
        load_examples(tmp_path / "trian.npy", [spec(None, 3)])
    assert "train.npy" in caught.value.hint
    with pytest.raises(InputError, match="no data at") as caught:
        load_examples(tmp_path / "no" / "x.npy", [spec(None, 3)])
    assert "no folder" in caught.value.hint
    (tmp_path / "x.txt").write_text("1")
    with pytest.raises(InputError, match="not a kind of data") as caught:
        load_examples(tmp_path / "x.txt", [spec(None, 3)])
    assert ".npz, .npy, .csv" in caught.value.hint
    with pytest.raises(InputError, match="no inputs"):
        load_examples(X, [])


def test_a_path_may_hold_a_hash(tmp_path: Path) -> None:
    folder = tmp_path / "run#3"
    folder.mkdir()
    np.save(folder / "x.npy", X)
    np.savez(folder / "x.npz", a=X)
    assert len(load_examples(str(folder / "x.npy"), [spec(None, 3)])) == 20
    assert len(load_examples(f"{folder / 'x.npz'}#a", [spec(None, 3)])) == 20


@pytest.mark.parametrize(
    ("name", "shape", "train", "classes"),
    [
        ("cifar10_jpeg_7k", (None, 32, 32, 3), 5000, 10),
        ("kws_mfcc", (None, 49, 10, 1), 407, None),
        ("hand_keypoint", (None, 42), 2225, None),
    ],
)
def test_real_arrays(
    shared: Path, name: str, shape: tuple[int | None, ...], train: int, classes: int | None
) -> None:
    path = shared / "data" / f"{name}.npz"
    labelled = load_labelled(f"{path}#x_train,y_train", [spec(*shape)])
    with np.load(path) as arrays:
        assert np.array_equal(gather(labelled.examples, 100)[0], arrays["x_train"])
        assert np.array_equal(labelled.labels, arrays["y_train"])
    assert len(labelled) == train
    assert classes is None or len(labelled.class_names or ()) == classes
    with pytest.raises(InputError, match="no array 'x'") as caught:
        load_labelled(path, [spec(*shape)])
    assert "#x_test,y_test" in caught.value.hint
