"""What the verbs may be asked for, and how the written forms are read."""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from litesmith.errors import InputError

DEFAULT_TIME_LIMIT_S = 900.0

# stage ("load", "convert", "calibrate", "train", "verify", "measure"), its fraction done (None:
# unknown). A listener with a method `training` is also told of every `train.process.Point`, one
# with a method `say` of sentences for the user.
Listener = Callable[[str, "float | None"], None]


def deaf(stage: str, fraction: float | None) -> None:
    """Listener that shows nothing."""


Texts = Sequence[str] | str | None
Shapes = Mapping[str, Sequence[int | None]] | Sequence[str]


class Loading(TypedDict, total=False):
    """How a source is loaded, as a Python caller says it: keyword arguments of every verb.

    See `LoadingOptions`; `time_limit` is in seconds.
    """

    signature: str | None
    input_shape: Shapes
    custom_objects: Texts
    builder: str | None
    inputs: Texts
    outputs: Texts
    input: Texts
    allow_flex: bool | None
    trust: bool | None
    time_limit: float | None


class Converting(Loading, total=False):
    """The same for verbs that make a file."""

    batch: int | str | None


@dataclass(frozen=True)
class LoadingOptions:
    """How a source is loaded; the options that every verb shares.

    Attributes:
        signature: key of the signature to export.
        input_shape: "NAME=1x224x224x3" each.
        custom_objects: "py:file.py:Name" each.
        builder: "py:file.py:function" that builds the model.
        inputs, outputs: names of a frozen graph's ends, or of the outputs to keep, comma-separated.
        input: layers, ops or tensors to cut after.
        allow_flex: keep ops that need TensorFlow's own kernels.
        batch: examples per invocation of the file: a number, or "dynamic".
        trust: run Python code that is inside the file; said anew for every run, no recipe does.
        time_limit_s: seconds for each request to the child process.
    """

    signature: str | None = None
    input_shape: tuple[str, ...] = ()
    custom_objects: tuple[str, ...] = ()
    builder: str | None = None
    time_limit_s: float | None = None
    trust: bool | None = None
    batch: str | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    input: tuple[str, ...] = ()
    allow_flex: bool | None = None


@dataclass(frozen=True)
class ExportOptions:
    """Options of `export`; None or () means not given (a recipe or a default fills it).

    Attributes:
        loading: how the source is loaded.
        quantize: scheme.
        data: representative examples (spec, arrays, …).
        eval: labelled examples.
        metric: name or "py:…".
        max_drop: number, or text such as "0.01" or "1%".
        max_size: bytes, or text such as "60kB" or "25%".
        max_latency: milliseconds, or text such as "4ms" or "50%".
        confident: judge `max_drop` by the 95 % bound.
        preprocess: specs.
        embed_preprocess: build `preprocess` into the file, which is then fed raw values.
        input_type, output_type: "float32", "int8" or "uint8", or "NAME:int8" for one, separated by
            commas.
        target: name of a runtime.
        input_layout: "nhwc" or "nchw", or "NAME:nchw" each: what the application feeds.
        input_channels: "rgb", "bgr", "rgba" or "gray": what it feeds; "FED,READ" if the model reads
            others than rgb.
        input_size: "HxW[,nearest]": its images, which the file resizes.
        cut_before: op, layer or tensor that the file ends before.
        merge: "NAME=A,B": outputs that become one, side by side.
        head: what the application reads, for all outputs or "NAME:HEAD" each.
        nms: "boxes=A,scores=B,…": outputs that become detections.
        rename: "OLD=NEW": names of inputs and outputs.
        labels: file with the names of the classes, or the names.
        metadata: write TFLite metadata.
        task: the task of MediaPipe that opens the file, or "auto".
        score_threshold: results below are not shown by readers of the metadata.
        vocabulary: file with a text model's tokens, or the tokens.
        sample_rate: samples per second of an audio input.
        bits: "PATTERN=N": bits of ops by name, layer or kind.
        float_ops: patterns of ops that stay float.
        edge_bits: bits of the first and last ops with weights.
        pack: store weights of 3, 2 and 1 bits packed.
        no_rewrite: families of rewrites to leave out.
        train: "auto", a number of steps, or "none".
        loss: name of a loss on the labels of `data`.
        resume: go on with an interrupted training.
        augment: False: train on the examples as they are.
        seed: of generated inputs and of training.
        save_float: where to write the float .tflite too.
        c_array: where to write the file as C++ source too; a header goes beside it.
        recipe, save_recipe: TOML files to read and to write.
        explain: measure what each op's precision costs.
    """

    loading: LoadingOptions = LoadingOptions()
    quantize: str | None = None
    data: Any = None
    eval: Any = None
    metric: str | None = None
    max_drop: float | str | None = None
    max_size: int | str | None = None
    max_latency: float | str | None = None
    confident: bool | None = None
    preprocess: tuple[str, ...] = ()
    embed_preprocess: bool | None = None
    input_type: str | None = None
    output_type: str | None = None
    target: str | None = None
    input_layout: tuple[str, ...] = ()
    input_channels: tuple[str, ...] = ()
    input_size: tuple[str, ...] = ()
    cut_before: str | None = None
    merge: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    nms: str | None = None
    rename: tuple[str, ...] = ()
    labels: str | Path | tuple[str, ...] | None = None
    metadata: bool | None = None
    task: str | None = None
    score_threshold: float | None = None
    vocabulary: str | Path | tuple[str, ...] | None = None
    sample_rate: int | None = None
    bits: tuple[str, ...] = ()
    float_ops: tuple[str, ...] = ()
    edge_bits: int | None = None
    pack: bool | None = None
    no_rewrite: tuple[str, ...] = ()
    train: int | str | None = None
    loss: str | None = None
    resume: bool | None = None
    augment: bool | None = None
    seed: int | None = None
    save_float: str | Path | None = None
    c_array: str | Path | None = None
    recipe: str | Path | None = None
    save_recipe: str | Path | None = None
    explain: bool | None = None


@dataclass(frozen=True)
class MaxDrop:
    """The most that a score may get worse: `value` in its unit, or as a fraction of the score."""

    value: float
    relative: bool


def parse_max_drop(given: float | str) -> MaxDrop:
    """Return `0.01` or `"1%"` as a budget.

    Raises:
        InputError: not a number of at least 0.
    """
    text = str(given).strip()
    relative = text.endswith("%")
    try:
        value = float(text.removesuffix("%")) / (100 if relative else 1)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InputError(
            f"--max-drop {text} is not a number of at least 0.",
            "Write 0.01 for one point of accuracy, or 1% for one hundredth of the score.",
        )
    return MaxDrop(value, relative)


def parse_batch(given: str | None) -> int | None:
    """Return the examples per invocation, None for "dynamic"; 1 when nothing was said.

    Raises:
        InputError: neither "dynamic" nor a number of at least 1.
    """
    text = "1" if given is None else str(given).strip().lower()
    if text == "dynamic":
        return None
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise InputError(
        f"--batch {given} is not understood.",
        "Write a number of at least 1, or dynamic: the application then chooses at run time.",
    )


def parse_shapes(given: Sequence[str]) -> dict[str, tuple[int | None, ...]]:
    """Return {"image": (1, 224, None, 3)} for ("image=1x224x?x3",); ? keeps a dimension open.

    Raises:
        InputError: another form, or a name given twice.
    """
    shapes: dict[str, tuple[int | None, ...]] = {}
    for text in given:
        name, equals, sizes = text.rpartition("=")
        parts = sizes.lower().split("x")
        if not equals or not name or not all(map(_is_size, parts)):
            raise InputError(
                f"--input-shape {text} is not understood.",
                "Write NAME=1x224x224x3, batch included; `litesmith check` lists the names.",
            )
        if name in shapes:
            raise InputError(f"--input-shape is given twice for input '{name}'.")
        shapes[name] = tuple(None if p == "?" else int(p) for p in parts)
    return shapes


def _is_size(text: str) -> bool:
    return text == "?" or (text.isdecimal() and int(text) > 0)


def written_shapes(given: Mapping[str, Sequence[int | None]] | Sequence[str]) -> tuple[str, ...]:
    """Return shapes in the form of the command line."""
    if isinstance(given, Mapping):
        sizes = {n: ["?" if size is None else str(size) for size in s] for n, s in given.items()}
        return tuple(f"{name}={'x'.join(shape)}" for name, shape in sizes.items())
    return as_texts(given)


def loading_options(
    given: Loading, known: type[Loading], verb: Callable[..., Any]
) -> LoadingOptions:
    """Return what a Python caller said, in the form of the command line.

    Args:
        given: keyword arguments of a verb.
        known: those of loading that it has.
        verb: the function they were given to.

    Raises:
        InputError: an argument that the verb does not have.
    """
    for name in given:
        if name not in known.__annotations__:
            all_ = [*known.__annotations__, *inspect.signature(verb).parameters]
            close = difflib.get_close_matches(name, all_, 1, 0.5)
            title = f"litesmith.{verb.__name__}"
            raise InputError(
                f"{title} has no option {name}.",
                f"Did you mean {close[0]}?" if close else f"help({title}) lists them.",
            )
    words: dict[str, Any] = dict(given)
    for name in ("custom_objects", "inputs", "outputs", "input"):
        words[name] = as_texts(words.get(name))
    batch = words.get("batch")
    words["batch"] = None if batch is None else str(batch)
    words["input_shape"] = written_shapes(words.get("input_shape") or ())
    words["time_limit_s"] = words.pop("time_limit", None)
    return LoadingOptions(**words)


def as_texts(given: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return one text, several or none as a tuple."""
    return (given,) if isinstance(given, str) else tuple(given or ())


def split_names(given: Sequence[str]) -> tuple[str, ...]:
    """Return the names in texts such as "a,b"."""
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


def split_objects(given: Sequence[str]) -> tuple[str, ...]:
    """Return `py:file.py:A,B` as `py:file.py:A` and `py:file.py:B`, each with its `py:`."""
    found: list[str] = []
    for text in given:
        place = ""
        for part in filter(None, (p.strip() for p in text.split(","))):
            if ":" in part or part.endswith(".py"):
                whole = part if part.startswith("py:") else f"py:{part}"
                place = whole.rpartition(":")[0]
            else:
                whole = f"{place}:{part}" if place else part
            found.append(whole)
    return tuple(found)
