"""How a job of training travels to the child, and its result back, in a private folder.

Graphs are pickled: the two processes are ours and the folder is closed to others, and no file form
of a graph keeps annotations of 1 to 4 bits. What comes back are a state's arrays, by position in
the graph (`learned`), so that the parent's tensors stay its own.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from litesmith.children import protocol
from litesmith.data import Examples
from litesmith.data.rows import Block
from litesmith.errors import InputError
from litesmith.graph import Array, Graph, Tensor
from litesmith.train.nouns import Settings, State

MOST_EXAMPLES = 20_000
MOST_BYTES = 1 << 30
_BATCH = 256
_OWNER = "belongs_to"


class _Pickler(pickle.Pickler):
    """Knows the read-only mappings that nouns hold."""

    def reducer_override(self, value: Any) -> Any:
        """Return how a mapping proxy is made anew; the rest is as usual."""
        if isinstance(value, MappingProxyType):
            return _read_only, (dict(value),)
        return NotImplemented


def _read_only(values: dict[Any, Any]) -> Mapping[Any, Any]:
    return MappingProxyType(values)


def save_graphs(graphs: Sequence[Graph], path: Path) -> None:
    """Write graphs; tensors that they share stay shared.

    Raises:
        InputError: the disk is full.
    """
    with protocol.disk(path.parent), path.open("wb") as file:
        _Pickler(file, pickle.HIGHEST_PROTOCOL).dump(tuple(graphs))


def load_graphs(path: Path) -> tuple[Graph, ...]:
    """Return what `save_graphs` of this program's other process wrote."""
    with path.open("rb") as file:
        found: tuple[Graph, ...] = pickle.load(file)
    return found


@dataclass(frozen=True)
class Stored:
    """Examples in files of plain values, one per input, so that neither side holds them whole.

    Attributes:
        paths: of the files.
        shapes: (n, *example shape) each; (n / N, N, *example shape) for a graph that takes N at a
            time.
        dtypes: NumPy's names.
        examples: how many there are.
    """

    paths: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[str, ...]
    examples: int

    def arrays(self) -> list[Array]:
        """Return the examples, read as they are needed."""
        parts = zip(self.paths, self.dtypes, self.shapes, strict=True)
        return [np.memmap(path, dtype, "r", 0, shape) for path, dtype, shape in parts]


def at_most(inputs: Sequence[Tensor]) -> int:
    """Return how many examples of a graph are trained on: bounded by what a disk holds."""
    one = sum(tensor.memory_bytes for tensor in inputs)
    return max(1, min(MOST_EXAMPLES, MOST_BYTES // max(one, 1)))


def save_examples(examples: Examples, inputs: Sequence[Tensor], folder: Path) -> Stored:
    """Write examples as the graph reads them.

    Args:
        examples: at most `at_most` of them are taken.
        inputs: of the graph; all take the same number of examples at a time.
        folder: private.

    Raises:
        InputError: their shapes differ, or the disk is full.
    """
    paths = [folder / f"input-{i}.values" for i in range(len(inputs))]
    shapes: list[tuple[int, ...]] = []
    count = 0
    with protocol.disk(folder):
        files = [path.open("wb") for path in paths]
        try:
            for block in _whole(examples, at_most(inputs)):
                shapes = _agreed(shapes, block)
                count += len(block[0])
                for values, tensor, file in zip(block, inputs, files, strict=True):
                    file.write(np.ascontiguousarray(values, tensor.dtype.numpy).data)
        finally:
            for file in files:
                file.close()
    together = inputs[0].shape[0]
    lead = (count,) if together == 1 else (count // together, together)
    if not lead[0]:
        raise InputError(
            f"The file takes {together} examples at a time, and --data holds {count}.",
            "Give more examples, or export with --batch 1.",
        )
    return Stored(
        tuple(map(str, paths)),
        tuple((*lead, *shape) for shape in shapes),
        tuple(str(np.dtype(tensor.dtype.numpy)) for tensor in inputs),
        count,
    )


def _whole(examples: Examples, limit: int) -> Iterable[Block]:
    sized = examples if examples.size is None else examples.take(limit)
    return sized.batches(_BATCH, limit)


def _agreed(known: list[tuple[int, ...]], block: Block) -> list[tuple[int, ...]]:
    found = [values.shape[1:] for values in block]
    if known and found != known:
        raise InputError(
            "The examples have different shapes, and training needs one.",
            "Bring them to one shape, or leave --train out.",
        )
    return found


def settings_to_json(settings: Settings, folder: Path) -> dict[str, Any]:
    """Return settings as JSON; labels become a file."""
    given = {f.name: getattr(settings, f.name) for f in fields(settings) if f.name != "labels"}
    labels = [] if settings.labels is None else protocol.save_arrays([settings.labels], folder)
    return {**given, "labels": labels}


def settings_from_json(given: Mapping[str, Any]) -> Settings:
    """Return what `settings_to_json` told."""
    labels = protocol.load_arrays(given["labels"])
    return Settings(**{**given, "labels": labels[0] if labels else None})


def stored_to_json(stored: Stored) -> dict[str, Any]:
    """Return the places of examples as JSON."""
    return asdict(stored)


def stored_from_json(given: Mapping[str, Any]) -> Stored:
    """Return what `stored_to_json` told."""
    shapes = tuple(tuple(shape) for shape in given["shapes"])
    return Stored(tuple(given["paths"]), shapes, tuple(given["dtypes"]), given["examples"])


def fingerprint(teacher: Graph, student: Graph, settings: Settings, stored: Stored) -> str:
    """Return what tells one job from another: its networks, its examples and how it trains.

    The student's scales are left out: sums over examples may differ in their last bits.
    """
    digest = hashlib.sha256()
    for tensor in _tensors(teacher):
        digest.update(f"{tensor.shape} {tensor.dtype}\n".encode())
        if tensor.data is not None:
            digest.update(np.ascontiguousarray(tensor.data).data)
    for tensor in _tensors(student):
        form = None if tensor.quant is None else (tensor.quant.bits, tensor.quant.axis)
        digest.update(f"{tensor.shape} {tensor.dtype} {form}\n".encode())
    for values in (*stored.arrays(), *([] if settings.labels is None else [settings.labels])):
        digest.update(np.ascontiguousarray(values).data)
    plain = asdict(replace(settings, labels=None, loss=None)) | {"loss": settings.loss}
    digest.update(json.dumps(plain, sort_keys=True).encode())
    return digest.hexdigest()


def _tensors(graph: Graph) -> Iterator[Tensor]:
    for part in graph.graphs():
        yield from part.tensors()


def state_to_bytes(state: State, owner: str) -> bytes:
    """Return a state as an .npz file that says which job it belongs to."""
    return State(state.step, {**state.arrays, _OWNER: np.array(owner)}).to_bytes()


def state_from_bytes(content: bytes) -> tuple[State, str]:
    """Return a state and the job it belongs to.

    Raises:
        InputError: it is something else, or damaged.
    """
    try:
        state = State.from_bytes(content)
    except zipfile.BadZipFile as error:
        raise InputError("The saved state of training cannot be read.") from error
    arrays = dict(state.arrays)
    owner = arrays.pop(_OWNER, None)
    if owner is None or owner.dtype.kind != "U" or owner.ndim:
        raise InputError("The file holds no state of training.")
    return State(state.step, MappingProxyType(arrays)), str(owner)


def is_state(path: Path) -> bool:
    """Return True for a file that `state_to_bytes` made, by its list of contents alone."""
    try:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            return f"{_OWNER}.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError):
        return False
