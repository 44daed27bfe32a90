from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from litesmith.data import load_examples, load_labelled
from litesmith.errors import InputError
from tests.data.helpers import gather, spec

TWO = [spec(None, 2)]


def write(folder: Path, text: str, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("header", ["", "a,b,label\n", "\ufeffa,b,label\r\n"])
def test_the_last_column_is_the_label_and_the_header_optional(tmp_path: Path, header: str) -> None:
    labelled = load_labelled(write(tmp_path, f"{header}1,2,0\n\n3,4.5,1\n"), TWO)
    assert np.array_equal(gather(labelled.examples)[0], [[1, 2], [3, 4.5]])
    assert list(labelled.labels) == [0, 1]
    assert labelled.labels.dtype.kind == "i"


def test_text_labels_become_sorted_indices(tmp_path: Path) -> None:
    labelled = load_labelled(write(tmp_path, "1,2,no\n3,4,yes\n5,6,no\n"), TWO)
    assert (labelled.class_names, list(labelled.labels)) == (("no", "yes"), [0, 1, 0])


def test_real_labels_stay_numbers(tmp_path: Path) -> None:
    labelled = load_labelled(write(tmp_path, "1,2,0.25\n3,4,-1\n"), TWO)
    assert list(labelled.labels) == [0.25, -1]


def test_columns_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "id,b,kind,a\n9,2,x,1\n8,4,y,3\n")
    labelled = load_labelled(f"{path}#a;b,kind", TWO)
    assert np.array_equal(gather(labelled.examples)[0], [[1, 2], [3, 4]])
    assert labelled.class_names == ("x", "y")
    with pytest.raises(InputError, match="no labels"):
        load_labelled(f"{path}#a;b", TWO)
    inputs = [spec(None, 1, name="b"), spec(None, name="first", dtype="int32")]
    got = gather(load_examples(f"{path}#b=b;first=id", inputs))
    assert np.array_equal(got[0], [[2], [4]])
    assert np.array_equal(got[1], [9, 8])


def test_inputs_named_like_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "age,height,label\n1,2,0\n3,4,1\n")
    inputs = [spec(None, 1, name="height"), spec(None, 1, name="age")]
    assert [list(v[:, 0]) for v in gather(load_examples(path, inputs))] == [[2, 4], [1, 3]]


def test_a_file_without_labels(tmp_path: Path) -> None:
    path = write(tmp_path, "1,2\n3,4\n")
    assert np.array_equal(gather(load_examples(path, TWO))[0], [[1, 2], [3, 4]])
    with pytest.raises(InputError, match="no labels"):
        load_labelled(path, TWO)


def test_many_lines_are_streamed_and_spread(tmp_path: Path) -> None:
    path = write(tmp_path, "".join(f"{i},{-i},{i % 3}\n" for i in range(3000)))
    labelled = load_labelled(path, TWO)
    assert np.array_equal(gather(labelled.examples, 500)[0][:, 0], np.arange(3000))
    some = labelled.take(50)
    assert np.array_equal(gather(some.examples)[0][:, 0] % 3, some.labels)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b,label\n", "no examples"),
        ("1,2,0\n3,,1\n", "line 2, column '2': '' is not a number"),
        ("a,b,l\n1,2,0\n3,four,1\n", "line 3, column 'b': 'four'"),
        ("1,2,0\n3,4\n", "line 2: 2 columns, but 3 before"),
        ("1,2,0\nnan,4,1\n", "NaN"),
        ("1,2,3,4,5\n", "5 columns, but .* needs 2"),
        ("1;2;0\n", "1 columns"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gather(load_labelled(write(tmp_path, text), TWO).examples)


@pytest.mark.parametrize(
    ("keys", "message", "hint"),
    [
        ("#a;c,label", "no column 'c'", "a, b, label"),
        ("#a,lable", "no column 'lable'", "Did you mean 'label'"),
        ("#a,label", "names 1 columns, but .* needs 2", ""),
        ("#a;b;label", "names 3 columns", ""),
    ],
)
def test_bad_columns(tmp_path: Path, keys: str, message: str, hint: str) -> None:
    path = write(tmp_path, "a,b,label\n1,2,0\n")
    with pytest.raises(InputError, match=message) as caught:
        load_examples(f"{path}{keys}", TWO)
    assert hint in caught.value.hint


def test_a_row_feeds_a_vector_only(tmp_path: Path) -> None:
    path = write(tmp_path, "1,2,0\n")
    with pytest.raises(InputError, match="2 axes") as caught:
        load_examples(path, [spec(None, 1, 2)])
    assert ".npz" in caught.value.hint
    with pytest.raises(InputError, match="needs 2 numbers"):
        load_examples(write(tmp_path, "image,b\n1,2\n"), [*TWO, spec(None, 1, name="b")])


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(bytes(range(128, 256)) * 9)
    with pytest.raises(InputError, match="cannot be read as CSV"):
        load_examples(tmp_path / "data.csv", TWO)
