"""`open_source`: whatever the user has, behind four verbs: info, lower, run, close."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from litesmith.children import Child, protocol
from litesmith.data import TensorSpec
from litesmith.errors import InputError
from litesmith.runtime import Port
from litesmith.sources.applies import refuse_idle
from litesmith.sources.detect import SourceFormat, detect, size_bytes
from litesmith.sources.memory import MemorySource, is_model_object
from litesmith.sources.options import LoadOptions, Sibling, SourceInfo, specs_from_json
from litesmith.sources.process import PROGRAM
from litesmith.sources.stacked import as_fed

Array = npt.NDArray[Any]


class FileSession(Protocol):
    """A .tflite ready to run, wherever it runs."""

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Its inputs."""

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Its outputs."""

    def run(self, batch: Sequence[Array]) -> list[Array]:
        """Run each example of a batch in turn (see `Session.run`)."""


@runtime_checkable
class Source(Protocol):
    """A trained model; a context manager that leaves nothing behind."""

    @property
    def info(self) -> SourceInfo:
        """What was loaded; waits for the loading to end.

        Raises:
            LoadError: the model cannot be loaded.
            InputError: an option does not fit the model.
            ConversionError: it can be loaded but never become a .tflite.
        """

    def lower(self) -> bytes:
        """Return the float .tflite: batch 1, the source's names, checked by value.

        Raises:
            ConversionError: the model cannot be converted; also what `info` raises.
        """

    def run(self, batch: Sequence[Array], key: str | None = None) -> list[Array]:
        """Return the original model's outputs; may be called from any thread.

        Args:
            batch: per input, in declared order, (k, *example_shape); for a .tflite that takes N
                examples at a time also (k, *shape[1:]), any number of single ones.
            key: of one of `info.siblings`, None for the model of `info.inputs`.

        Returns:
            Per output, in declared order, (k, *output_example_shape).

        Raises:
            InputError: the model refuses the examples.
        """

    def session(self, model: bytes) -> FileSession:
        """Return a .tflite with select-TF ops, ready to run until the source is closed.

        Raises:
            ConversionError: it cannot be run here.
        """

    def close(self) -> None:
        """Free everything; may be called twice."""

    def __enter__(self) -> Self:
        """Return the source itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""


def open_source(source: str | Path | object, options: LoadOptions | None = None) -> Source:
    """Start to load a model: a path, or a built Keras model of either Keras.

    Returns at once; errors of the loading itself are raised by `info`, `lower` or `run`.

    Raises:
        InputError: nothing is at the path, the object is no model, or an option means nothing for
            its format.
        LoadError: the path holds no model in a known format.
    """
    options = options or LoadOptions()
    if isinstance(source, str | Path):
        return FileSource(Path(source), options)
    if is_model_object(source):
        refuse_idle(SourceFormat.MEMORY, options)
        return MemorySource(source, options)
    raise InputError(
        f"A {type(source).__name__} is not a model.",
        "Give a path, or a keras.Model or tf_keras.Model that was built.",
    )


class FileSource:
    """A model file; TensorFlow runs in the child.

    Args:
        path: of the model.
        options: how to load it.
    """

    def __init__(self, path: Path, options: LoadOptions) -> None:
        self._path = path
        self._format = detect(path)
        refuse_idle(self._format, options)
        self._size = size_bytes(path)
        self._info: SourceInfo | None = None
        self._child = Child(PROGRAM, options.time_limit_s, options.on_progress)
        self._opening: Future[dict[str, Any]] = self._child.submit(
            "open", **open_arguments(path, self._format, options)
        )

    @property
    def info(self) -> SourceInfo:
        """What was loaded (see `Source`)."""
        if self._info is None:
            reply = self._child.wait("open", self._opening)
            self._info = SourceInfo(
                path=str(self._path),
                format=self._format.value,
                loader=reply["loader"],
                keras_version=reply["keras_version"],
                size_bytes=self._size,
                inputs=specs_from_json(reply["inputs"]),
                outputs=specs_from_json(reply["outputs"]),
                notes=tuple(reply["notes"]),
                states=tuple(reply.get("states", ())),
                siblings=tuple(
                    Sibling(s["key"], specs_from_json(s["inputs"]), specs_from_json(s["outputs"]))
                    for s in reply.get("siblings", ())
                ),
            )
        return self._info

    def lower(self) -> bytes:
        """Return the float .tflite (see `Source`)."""
        _ = self.info
        return Path(self._child.request("lower")["path"]).read_bytes()

    def run(self, batch: Sequence[Array], key: str | None = None) -> list[Array]:
        """Return the original model's outputs (see `Source`)."""
        siblings = {sibling.key: sibling.inputs for sibling in self.info.siblings}
        inputs = self.info.inputs if key is None else siblings[key]
        is_file = self._format is SourceFormat.TFLITE
        check_batch(batch, as_fed(batch, inputs) if is_file else inputs)
        paths = protocol.save_arrays(batch, self._child.work.path)
        return protocol.load_arrays(self._child.request("run", arrays=paths, key=key)["arrays"])

    def session(self, model: bytes) -> FileSession:
        """Return a file with select-TF ops, run in the child (see `Source`)."""
        path = self._child.work.path / f"file-{hashlib.sha256(model).hexdigest()[:16]}.tflite"
        with protocol.disk(path.parent):
            path.write_bytes(model)
        return RemoteSession(self._child, str(path))

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_arguments(path: Path, form: SourceFormat, options: LoadOptions) -> dict[str, Any]:
    """Return the arguments of the child's request `open`."""
    return {
        "path": str(path),
        "form": form.value,
        "signature": options.signature,
        "input_shapes": {name: list(shape) for name, shape in options.input_shapes.items()},
        "custom_objects": list(options.custom_objects),
        "builder": options.builder,
        "batch": options.batch,
        "inputs": list(options.inputs),
        "outputs": list(options.outputs),
        "cut": list(options.cut),
        "allow_flex": options.allow_flex,
        "trust": options.trust,
    }


class RemoteSession:
    """A .tflite that runs in the child.

    Args:
        child: the process.
        path: of the file.

    Raises:
        ConversionError: it cannot be run.
    """

    def __init__(self, child: Child, path: str) -> None:
        self._child = child
        self._path = path
        ports = child.request("open_file", path=path)
        self.inputs, self.outputs = (tuple(map(_port, ports[end])) for end in ("inputs", "outputs"))

    def run(self, batch: Sequence[Array]) -> list[Array]:
        """Run each example of a batch in turn (see `Session.run`)."""
        paths = protocol.save_arrays(batch, self._child.work.path)
        reply = self._child.request("run_file", path=self._path, arrays=paths)
        return protocol.load_arrays(reply["arrays"])


def _port(fields: dict[str, Any]) -> Port:
    given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in fields.items()}
    return Port(**given)


def check_batch(batch: Sequence[Array], inputs: Sequence[TensorSpec]) -> None:
    """Refuse a batch that does not fit the inputs.

    Raises:
        InputError: another number of inputs, other shapes, or no examples.
    """
    if len(batch) != len(inputs):
        raise InputError(f"The model has {len(inputs)} inputs; {len(batch)} were given.")
    for array, spec in zip(batch, inputs, strict=True):
        found = np.shape(array)
        wanted = spec.example_shape
        fits = len(found) == len(wanted) + 1 and all(
            w in (None, f) for w, f in zip(wanted, found[1:], strict=True)
        )
        if not fits or not found[0]:
            raise InputError(
                f"The input '{spec.name}' takes examples of shape {wanted}; "
                f"a batch of shape {found} was given."
            )
