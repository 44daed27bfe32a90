from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litesmith.data import load_examples, load_labelled
from litesmith.data.keys import Keys
from litesmith.data.numpy_files import NpzReader, open_npz, read_header
from litesmith.errors import InputError
from tests.data.helpers import gather, spec

quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(
    n=st.integers(1, 60),
    tail=st.lists(st.integers(1, 5), max_size=3),
    dtype=st.sampled_from(["uint8", "<f4", ">f4", "<f8", "<i8", ">i2", "<f2"]),
    fortran=st.booleans(),
    compressed=st.booleans(),
    batch=st.integers(1, 70),
)
def test_streaming_an_npz_equals_np_load(
    tmp_path: Path,
    n: int,
    tail: list[int],
    dtype: str,
    fortran: bool,
    compressed: bool,
    batch: int,
) -> None:
    x = (np.random.default_rng(n).random((n, *tail)) * 100).astype(dtype)
    x = np.asfortranarray(x) if fortran else x
    path = tmp_path / "data.npz"
    (np.savez_compressed if compressed else np.savez)(path, x=x, y=np.arange(n))
    examples = load_examples(f"{path}", [spec(None, *tail)])
    assert len(examples) == n
    for _ in range(2):
        assert np.array_equal(gather(examples, batch)[0], np.load(path)["x"].astype("float32"))
    some = examples.take(5)
    assert np.array_equal(gather(some, batch)[0], x[np.array(some.rows)].astype("float32"))


def test_blocks_smaller_than_the_file_are_joined(tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((50, 300, 300)).astype(np.float32)
    path = tmp_path / "big.npz"
    np.savez(path, x=x)
    dataset = open_npz(path, Keys(), [spec(None, 300, 300)])
    assert isinstance(dataset.reader, NpzReader)
    assert len(list(dataset.reader.blocks(range(50)))) > 1
    assert np.array_equal(gather(load_examples(path, [spec(None, 300, 300)]), 9)[0], x)


@pytest.mark.parametrize("fortran", [False, True])
def test_memory_does_not_grow_with_the_number_of_examples(tmp_path: Path, fortran: bool) -> None:
    x = np.zeros((400, 128, 128), np.float32, order="F" if fortran else "C")  # 26 MB
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=x)
    del x
    examples = load_examples(path, [spec(None, 128, 128)])
    tracemalloc.start()
    for _ in examples.batches(8):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


@pytest.mark.parametrize("fortran", [False, True])
def test_npy_is_read_in_any_order(tmp_path: Path, fortran: bool) -> None:
    x = np.random.default_rng(0).random((31, 6, 2)).astype(np.float32)
    path = tmp_path / "x.npy"
    np.save(path, np.asfortranarray(x) if fortran else x)
    examples = load_examples(path, [spec(None, 6, 2)])
    assert np.array_equal(gather(examples)[0], x)
    taken = examples.take(4).take(2)
    assert np.array_equal(gather(taken)[0], x[np.array(taken.rows)])


def test_several_inputs_by_name_by_mapping_and_by_order(tmp_path: Path) -> None:
    a, b = np.arange(12.0).reshape(6, 2), np.arange(6)
    path = tmp_path / "two.npz"
    np.savez(path, a=a, b=b, y=np.arange(6) % 2)
    inputs = [spec(None, 2, name="a"), spec(None, name="b", dtype="int32")]
    for text in (f"{path}", f"{path}#a=a;b=b", f"{path}#b=b;a=a,y", f"{path}#a;b"):
        got = gather(load_examples(text, inputs), 4)
        assert np.array_equal(got[0], a)
        assert np.array_equal(got[1], b)
        assert got[1].dtype == np.int32
    assert list(load_labelled(f"{path}#a=a;b=b,y", inputs).labels) == [0, 1, 0, 1, 0, 1]


def test_labels_class_names_and_text_labels(tmp_path: Path) -> None:
    path = tmp_path / "named.npz"
    x = np.zeros((4, 3), np.float32)
    np.savez(path, x=x, y=[2, 0, 1, 1], z=["b", "a", "b", "c"], classes=["p", "q", "r"])
    labelled = load_labelled(f"{path}", [spec(None, 3)])
    assert labelled.class_names == ("p", "q", "r")
    texts = load_labelled(f"{path}#x,z", [spec(None, 3)])
    assert (texts.class_names, list(texts.labels)) == (("a", "b", "c"), [1, 0, 1, 2])


def test_a_single_array_is_used_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "one.npz"
    np.savez(path, pictures=np.ones((3, 2)))
    assert len(load_examples(path, [spec(None, 2)])) == 3


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


X = np.zeros((4, 3), np.float32)


@pytest.mark.parametrize(
    ("arrays", "keys", "message", "hint"),
    [
        ({"x_train": X, "y_train": X}, "", "no array 'x'; it holds x_train", "#x_train,y_train"),
        ({"x": X}, "#xs", "no array 'xs'", "Did you mean 'x'"),
        ({"x": X, "y": X}, "#x,labels", "no array 'labels'", "x, y"),
        ({"x": X, "y": X[:2]}, "", "holds 4 examples, but 'y' holds 2", ""),
        ({"x": X}, "#x,", "not understood", "#x_key,y_key"),
        ({"x": X, "b": X}, "#x;b", "names 2 arrays, but the model has 1", ""),
        ({"x": X}, "#imge=x", "unknown input 'imge'", "Did you mean 'image'"),
        ({"x": X[:0]}, "", "holds no examples", ""),
        ({"x": np.float32(3)}, "", "single number", ""),
        ({"x": np.array(["a", "b"])}, "", "holds text", ""),
        ({"x": np.array([[1], [1, 2]], dtype=object)}, "", "Python objects", "np.stack"),
        ({"x": np.zeros(3, [("a", "f4")])}, "", "records", ""),
        ({"x": X + np.nan}, "", "NaN", "Clean"),
        ({"x": X - np.inf}, "", "infinity", "Clean"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_sentence(
    tmp_path: Path, arrays: dict[str, object], keys: str, message: str, hint: str
) -> None:
    path = save(tmp_path / "data.npz", **arrays)
    with pytest.raises(InputError, match=message) as caught:
        load_examples(f"{path}{keys}", [spec(None, 3)])
    assert hint in caught.value.hint


def test_missing_labels_say_what_to_type(tmp_path: Path) -> None:
    path = save(tmp_path / "data.npz", x_test=X, y_test=np.arange(4))
    with pytest.raises(InputError, match="no labels") as caught:
        load_labelled(f"{path}#x_test", [spec(None, 3)])
    assert "#x_test,y_test" in caught.value.hint


@pytest.mark.parametrize("kind", ["npz", "npy"])
@pytest.mark.parametrize("keep", [0, 3, 60, 200, 0.5, 0.98])
def test_truncated_files(tmp_path: Path, kind: str, keep: float) -> None:
    whole = io.BytesIO()
    x = np.random.default_rng(0).random((40, 30))
    np.savez_compressed(whole, x=x) if kind == "npz" else np.save(whole, x)
    data = whole.getvalue()
    path = tmp_path / f"data.{kind}"
    path.write_bytes(data[: int(keep if keep > 1 or keep == 0 else keep * len(data))])
    with pytest.raises(InputError, match=str(path.name)):
        gather(load_examples(path, [spec(None, 30)]))


@pytest.mark.parametrize("kind", ["npz", "npy"])
@quick
@given(noise=st.binary(max_size=200))
def test_random_bytes(tmp_path: Path, kind: str, noise: bytes) -> None:
    path = tmp_path / f"data.{kind}"
    path.write_bytes(noise)
    with pytest.raises(InputError):
        load_examples(path, [spec(None, 30)])


@quick
@given(position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_a_damaged_byte_is_an_error_or_harmless(
    tmp_path: Path, position: float, value: int
) -> None:
    path = tmp_path / "data.npz"
    x = np.random.default_rng(0).random((40, 30)).astype(np.float32)
    np.savez_compressed(path, x=x)
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] = value
    path.write_bytes(bytes(data))
    try:
        got = gather(load_examples(path, [spec(None, 30)]))[0]
    except InputError:
        return
    assert np.array_equal(got, x)


def test_npy_takes_no_keys_and_feeds_one_input(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(InputError, match="no meaning"):
        load_examples(f"{tmp_path / 'x.npy'}#x", [spec(None, 3)])
    with pytest.raises(InputError, match="2 inputs"):
        load_examples(tmp_path / "x.npy", [spec(None, 3), spec(None, 3, name="b")])
    with pytest.raises(InputError, match="no labels"):
        load_labelled(tmp_path / "x.npy", [spec(None, 3)])
    np.save(tmp_path / "empty.npy", X[:0])
    with pytest.raises(InputError, match="no examples"):
        load_examples(tmp_path / "empty.npy", [spec(None, 3)])


def test_a_header_leaves_the_stream_at_the_first_value() -> None:
    stream = io.BytesIO()
    np.save(stream, np.arange(5, dtype=np.uint8))
    stream.seek(0)
    header = read_header(stream, "x")
    assert (header.shape, header.fortran, header.row_bytes) == ((5,), False, 1)
    assert stream.read() == bytes(range(5))
