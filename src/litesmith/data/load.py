"""From what the user names as data to `Examples` or `Labelled`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from litesmith.data.batches import BatchStream, open_value
from litesmith.data.csv_file import open_csv
from litesmith.data.dataset import Dataset, clean_labels
from litesmith.data.examples import Examples, Labelled
from litesmith.data.image_folder import open_images
from litesmith.data.keys import Keys, split_location
from litesmith.data.numpy_files import open_npy, open_npz
from litesmith.data.preprocess import parse_preprocess
from litesmith.data.python_object import PREFIX, load_python
from litesmith.data.rows import ENDLESS, Reader
from litesmith.data.specs import TensorSpec
from litesmith.errors import InputError

Opener = Callable[[Path, Keys, Sequence[TensorSpec]], Dataset]

OPENERS: Mapping[str, Opener] = {".npz": open_npz, ".npy": open_npy, ".csv": open_csv}


def load_examples(
    data: Any, inputs: Sequence[TensorSpec], preprocess: Sequence[str] | str | None = None
) -> Examples:
    """Return the examples that `data` names or is; labels are ignored.

    Args:
        data: a spec (`PATH[#x_key[,y_key]]` or `py:…`), a Path, an array, (x, y),
            {input name: array}, an iterable of batches, a `tf.data.Dataset`, or a function that
            returns one of these.
        inputs: the model's inputs, in its order.
        preprocess: `--preprocess` specs.

    Raises:
        InputError: data that is missing, damaged, empty or does not fit the model.
    """
    dataset = _open(data, inputs)
    return _examples(dataset, dataset.reader, inputs, preprocess)


def load_labelled(
    data: Any, inputs: Sequence[TensorSpec], preprocess: Sequence[str] | str | None = None
) -> Labelled:
    """Return the examples that `data` names or is, with their labels; see `load_examples`.

    Raises:
        InputError: as `load_examples`, or there are no labels.
    """
    dataset = _open(data, inputs)
    if dataset.labels is None:
        raise InputError(f"{dataset.description} has no labels.", dataset.labels_hint)
    _examples(dataset, dataset.reader, inputs, preprocess)  # a misfit is told before a long pass
    raw = dataset.labels()
    reader = dataset.reader
    if isinstance(reader, BatchStream):
        reader = reader.with_labels(raw)
    labels, names = clean_labels(raw, dataset.description)
    if len(labels) != reader.size:
        raise InputError(
            f"{dataset.description} has {reader.size} examples but {len(labels)} labels."
        )
    examples = _examples(dataset, reader, inputs, preprocess)
    return Labelled(examples, labels, names or dataset.class_names)


def _examples(
    dataset: Dataset,
    reader: Reader,
    inputs: Sequence[TensorSpec],
    preprocess: Sequence[str] | str | None,
) -> Examples:
    rows = ENDLESS if reader.size is None else range(reader.size)
    steps = parse_preprocess(preprocess, inputs)
    examples = Examples(tuple(inputs), dataset.description, reader, steps, rows)
    if next(examples.batches(1, limit=1), None) is None:
        raise InputError(f"{dataset.description} holds no examples.")
    return examples


def _open(data: Any, inputs: Sequence[TensorSpec]) -> Dataset:
    if not inputs:
        raise InputError("The model has no inputs, so there is nothing to feed data to.")
    if isinstance(data, str) and data.startswith(PREFIX):
        return open_value(load_python(data), inputs, data)
    if not isinstance(data, (str, Path)):
        return open_value(data, inputs, _name(data))
    path, keys = split_location(str(data))
    if not path.exists():
        raise InputError(f"There is no data at {path}.", _nearby(path))
    if path.is_dir():
        return open_images(path, keys, inputs)
    opener = OPENERS.get(path.suffix.lower())
    if opener is None:
        raise InputError(
            f"{path} is not a kind of data that is known.",
            f"Known: {', '.join(OPENERS)}, a folder of images, py:file.py:function.",
        )
    return opener(path, keys, inputs)


def _name(data: Any) -> str:
    name = getattr(data, "__name__", None)
    return f"the function {name}" if callable(data) and name else "the given data"


def _nearby(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"There is no folder {folder} either."
    close = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()], 1)
    return f"Did you mean {folder / close[0]}?" if close else ""
