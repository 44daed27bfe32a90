from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.data import load_examples, load_labelled
from litesmith.errors import InputError
from tests.data.helpers import gather, spec

X = np.arange(24, dtype=np.float32).reshape(8, 3)
Y = np.arange(8) % 2
ONE = [spec(None, 3)]
A, B = np.arange(8.0).reshape(8, 1), np.arange(16.0).reshape(8, 2)
PAIR = [spec(None, 1, name="a"), spec(None, 2, name="b")]


def pieces(size: int = 3) -> Iterator[np.ndarray]:
    return (X[i : i + size] for i in range(0, 8, size))


def labelled_pieces() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return ((X[i : i + 3], Y[i : i + 3]) for i in range(0, 8, 3))


class Cardinal:
    """As much of a tf.data.Dataset as is used."""

    def __init__(self, elements: list[Any], cardinality: int) -> None:
        self.elements, self._cardinality = elements, cardinality

    def as_numpy_iterator(self) -> Iterator[Any]:
        return iter(self.elements)

    def cardinality(self) -> int:
        return self._cardinality


FORMS = {
    "array": X,
    "one in a tuple": (X,),
    "x and y": (X, Y),
    "dict x y": {"x": X, "y": Y},
    "dict by name": {"image": X},
    "list of rows": X.tolist(),
    "list of batches": [X[:5], X[5:]],
    "list of pairs": [(X[:5], Y[:5]), (X[5:], Y[5:])],
    "list of lists, as PyTorch's loaders give": [[X[:5], Y[:5]], [X[5:], Y[5:]]],
    "list of dicts": [{"image": X[:5]}, {"image": X[5:]}],
    "generator function": pieces,
    "representative data set": lambda: ([row[np.newaxis]] for row in X),
    "function giving an array": lambda: X,
    "function giving x and y": lambda: (X, Y),
    "function giving pairs": labelled_pieces,
    "dataset": Cardinal([X[:5], X[5:]], 2),
    "function giving a dataset": lambda: Cardinal([(X[:5], Y[:5]), (X[5:], Y[5:])], 2),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_examples_in_every_pass(form: str) -> None:
    examples = load_examples(FORMS[form], ONE)
    for size in (1, 4, 20):
        assert np.array_equal(gather(examples, size)[0], X)
    with_labels = any(word in form for word in (" y", "pairs", "PyTorch", "giving a dataset"))
    if with_labels:
        labelled = load_labelled(FORMS[form], ONE)
        assert np.array_equal(labelled.labels, Y)
        assert np.array_equal(
            gather(labelled.take(4).examples)[0][:, 0] // 3 % 2, labelled.take(4).labels
        )
    else:
        with pytest.raises(InputError, match=r"without labels|no labels"):
            load_labelled(FORMS[form], ONE)


@pytest.mark.parametrize(
    "value",
    [
        (A, B),
        [A, B],
        {"b": B, "a": A},
        ((A, B), Y),
        ({"a": A, "b": B}, Y),
        [((A[:3], B[:3]), Y[:3]), ((A[3:], B[3:]), Y[3:])],
        [[A[:3], B[:3]], [A[3:], B[3:]]],
        [{"a": A[:3], "b": B[:3], "y": Y[:3]}, {"a": A[3:], "b": B[3:], "y": Y[3:]}],
    ],
)
def test_several_inputs(value: Any) -> None:
    got = gather(load_examples(value, PAIR))
    assert np.array_equal(got[0], A)
    assert np.array_equal(got[1], B)


def ragged() -> Iterator[Any]:
    yield [X[0], X[1, :2]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (pieces(), "iterator, which can be read only once"),
        (None, "NoneType, which is no data"),
        (3, "int, which is no data"),
        (lambda: None, "returned NoneType"),
        (lambda: iter(()), "gave no batches"),
        ([], "holds no examples|single number|no data"),
        (X[:0], "no examples"),
        ((X, Y[:3]), "different numbers of examples: 8, 3"),
        ((X, Y, Y), "3 arrays per batch"),
        ({"picture": X, "y": Y, "z": Y}, "no array 'x'"),
        (lambda: iter(["text"]), "str where a batch"),
        (lambda: iter([X[0]]), r"shape \(\)"),
        (lambda: iter([np.float32(1)]), "single number"),
        ([[1, 2], [3]], "rows of different lengths|failed"),
        (ragged, "different numbers|rows of different"),
        (np.array([X, None], dtype=object), "Python objects"),
    ],
)
def test_what_is_no_data_is_told(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        gather(load_examples(value, ONE))


def test_a_generator_that_is_reused_is_told() -> None:
    same = pieces()
    with pytest.raises(InputError, match="same iterator"):
        load_examples(lambda: same, ONE)


def test_shuffled_data_cannot_be_scored() -> None:
    random = np.random.default_rng(0)

    def shuffled() -> Iterator[Any]:
        order = random.permutation(8)
        yield X[order], order

    with pytest.raises(InputError, match="another order"):
        load_labelled(shuffled, ONE)


def test_a_data_set_that_repeats_cannot_be_scored() -> None:
    with pytest.raises(InputError, match="repeats without end"):
        load_labelled(Cardinal([(X, Y)], -1), ONE)


def test_errors_in_a_users_generator_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "feed.py"
    path.write_text("def f():\n    yield [[1.0, 2.0, 3.0]] * 2\n    raise KeyError('k')\n")
    with pytest.raises(InputError, match=r"feed\.py"):
        gather(load_examples(f"py:{path}:f", ONE))


def test_a_users_prints_do_not_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    def chatty() -> Iterator[np.ndarray]:
        print("hello")
        yield X

    gather(load_examples(chatty, ONE))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


def test_data_from_a_file_or_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my_feed_module.py"
    path.write_text(
        "import numpy as np\n"
        "def batches():\n"
        "    for i in range(3):\n"
        "        yield np.full((2, 3), i), np.array([i, i])\n"
        "table = np.ones((4, 3))\n"
    )
    labelled = load_labelled(f"py:{path}:batches", ONE)
    assert list(labelled.labels) == [0, 0, 1, 1, 2, 2]
    assert len(load_examples(f"py:{path}:table", ONE)) == 4
    monkeypatch.chdir(tmp_path)
    assert load_examples("py:my_feed_module:batches", ONE).size is None


def test_a_real_tf_data_set() -> None:
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(3)
    assert np.array_equal(gather(load_examples(dataset, ONE))[0], X)
    labelled = load_labelled(lambda: dataset, ONE)
    assert np.array_equal(labelled.labels, Y)
    with pytest.raises(InputError, match="repeats without end"):
        load_labelled(dataset.repeat(), ONE)
    with pytest.raises(InputError):
        load_examples(tf.data.Dataset.from_tensor_slices(X), ONE)
    shuffled = tf.data.Dataset.from_tensor_slices((X, np.arange(8))).shuffle(8).batch(3)
    with pytest.raises(InputError, match="another order"):
        for _ in range(5):
            gather(load_labelled(shuffled, ONE).examples)


def endless() -> Iterator[Any]:
    while True:
        yield X, Y


@pytest.mark.parametrize(
    ("limit", "value"), [("LABELLED", 100), ("LABEL_BYTES", 1000), ("SECONDS", 0.05)]
)
def test_an_endless_generator_cannot_be_scored(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    monkeypatch.setattr(f"litesmith.data.batches._MOST_{limit}", value)
    with pytest.raises(
        InputError, match=r"endless has no end in sight: it gave [\d,]+ labelled"
    ) as e:
        load_labelled(endless, ONE)
    assert "islice" in e.value.hint


def test_an_endless_generator_is_read_as_far_as_needed() -> None:
    assert len(gather(load_examples(endless, ONE).take(20))[0]) == 20
