"""What a model does to text, sound files and records before it computes: found, named, told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.sources.graph_model import imported
from litesmith.sources.graphdef import freeze
from litesmith.sources.loaded import Loaded, dims
from litesmith.sources.scopes import Names, plain
from litesmith.sources.traced import trace

# Op → what it does, for the person who has to write it in the application; in the order of work.
_DOES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), does)
    for pattern, does in (
        (r"ParseExample\w*|ParseSingle\w*|DecodeProto\w*|DecodeCSV", "parses the record"),
        (r"DecodeBase64|DecodeCompressed", "unpacks the bytes"),
        (r"Decode(?:AndCrop)?(?:Jpeg|Png|Image|Bmp|Gif|WebP)", "decodes the image file to pixels"),
        (r"DecodeWav", "decodes the WAV file to samples in [-1, 1]"),
        (r"DecodeRaw|DecodePaddedRaw", "reads the bytes as numbers"),
        (r"AudioSpectrogram", "computes the magnitude spectrogram"),
        (r"Mfcc", "computes the MFCC features"),
        (r"StringLower|StringUpper", "changes the text's case"),
        (r"\w*Regex\w*|StringStrip|Substr|UnicodeTranscode|NormalizeUTF8\w*", "cleans the text"),
        (r"StringSplit\w*|UnicodeDecode\w*|UnicodeScript|\w*Tokenize\w*|StringNGrams|StringJoin"
         r"|ReduceJoin|RegexSplit\w*", "splits it into tokens"),
        (r"StringToHashBucket\w*|SparseCross\w*", "hashes it into buckets"),
        (r"LookupTable\w*|\w*Vocab\w*", "looks it up in the vocabulary"),
        (r"StringToNumber|AsString|StringLength|StringFormat|EncodeBase64", "reads text as numbers"),
        (r"Ragged\w*", "pads the rows to one length"),
    )
)  # fmt: skip
_MOST_OPS = 6


@dataclass(frozen=True)
class FrontEnd:
    """The part of a model that no .tflite kernel computes.

    Attributes:
        ops: kinds of op, in the order of work.
        does: what they do, as predicates.
        cuts: what to say after --input, with the tensor there; () when nothing is behind it.
    """

    ops: tuple[str, ...]
    does: tuple[str, ...]
    cuts: tuple[tuple[str, Any], ...]


def is_front_op(op: Any) -> bool:
    """Return True for an op that handles text, files or records, and for one on strings."""
    import tensorflow as tf

    if any(pattern.fullmatch(op.type) for pattern, _ in _DOES):
        return True
    return any(t.dtype == tf.string for t in (*op.inputs, *op.outputs)) and op.type not in (
        "Const",
        "Placeholder",
    )


def has_front_end(function: Any) -> bool:
    """Return True when a concrete function holds such ops, at any depth."""
    definition = function.graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    kinds = {node.op for node in nodes if not node.op.startswith(("Ragged", "LookupTable"))}
    return any(pattern.fullmatch(kind) for kind in kinds for pattern, _ in _DOES)


def find_front_end(graph: Any, names: Names, layers: Iterable[str] = ()) -> FrontEnd:
    """Return the part of a graph up to its last op on text, sound or records."""
    unsupported = [op for op in graph.get_operations() if is_front_op(op) and op.name in names.live]
    front = _ancestors(unsupported)
    frontier = [
        tensor
        for name in front
        if name in names.live and names.ops[name].type != "Placeholder"
        for tensor in names.ops[name].outputs
        if any(r.name not in front for r in tensor.consumers()) and tensor.dtype.name != "string"
    ]
    ends = [t for t in frontier if not _only_fetched(t, names)]
    does = [w for p, w in _DOES if any(p.fullmatch(op.type) for op in unsupported)]
    cuts = _labels(ends, {op.name for op in unsupported}, names, list(layers))
    return FrontEnd(tuple(dict.fromkeys(op.type for op in unsupported)), tuple(does), cuts)


def refusal(loaded: Loaded, inputs: Sequence[TensorSpec]) -> ConversionError | None:
    """Return why a model's front end cannot be converted and where to cut; None without one."""
    function, _ = trace(loaded, inputs)
    strings = [spec.name for spec in inputs if spec.dtype == "string"]
    if not strings and not has_front_end(function):
        return None
    frozen = freeze(function)
    graph = imported(frozen.graph)
    names = Names(graph, frozen.feeds[: len(inputs)], frozen.fetches)
    layers = [layer.name for layer in getattr(loaded.owner, "_flatten_layers", list)()]
    found = find_front_end(graph, names, layers)
    if not found.ops:
        return None
    listed = ", ".join(found.ops[:_MOST_OPS]) + (", …" if len(found.ops) > _MOST_OPS else "")
    who = f"'{found.cuts[0][0]}'" if len(found.cuts) == 1 else "The model's front end"
    holds = f"The input '{strings[0]}' holds strings: " if strings else ""
    return ConversionError(
        f"{holds}{who} computes with {listed}, which .tflite kernels cannot do.", _hint(found)
    )


def _hint(found: FrontEnd) -> str:
    if not found.cuts:
        return "Nothing is computed behind it, so that nothing is left to export."
    options = " ".join(f"--input {label}" for label, _ in found.cuts)
    what = ", ".join(f"{tensor.dtype.name} {_dims(tensor)}" for _, tensor in found.cuts)
    steps = ", ".join(found.does) or "does the rest"
    return (
        f"Cut after it: {options}. The application then {steps}, and feeds the result ({what})."
    )


def _dims(tensor: Any) -> str:
    return "of any shape" if tensor.shape.rank is None else dims(tuple(tensor.shape.as_list()))


def _ancestors(ops: Iterable[Any]) -> dict[str, None]:
    """Return the names of ops and of everything they are computed from."""
    found: dict[str, None] = {}
    todo = list(ops)
    while todo:
        op = todo.pop()
        if op.name not in found:
            found[op.name] = None
            todo += [tensor.op for tensor in op.inputs]
    return found


def _only_fetched(tensor: Any, names: Names) -> bool:
    """Return True when a tensor goes nowhere but, through Identities, out of the model."""
    todo = list(tensor.consumers())
    while todo:
        op = todo.pop()
        if op.type != "Identity":
            return False
        todo += [reader for out in op.outputs for reader in out.consumers()]
    return True


def _labels(
    tensors: Sequence[Any], unsupported: set[str], names: Names, layers: Sequence[str]
) -> tuple[tuple[str, Any], ...]:
    """Return, per tensor, the layer that hands it on, else its op."""
    found: dict[str, Any] = {}
    for tensor in tensors:
        scope = _scope(tensor, tensors, unsupported, names)
        label = plain(tensor.op.name) if scope is None else _layer(scope, layers)
        if not _resolves(label, tensor, names):
            label = tensor.name if scope is None else scope
        found.setdefault(label, tensor)
    return tuple(found.items())


def _scope(
    tensor: Any, tensors: Sequence[Any], unsupported: set[str], names: Names
) -> str | None:
    """Return the scope that hands on these tensors alone and holds the most of the front end."""
    best: tuple[int, str] | None = None
    wanted = {t.name for t in tensors}
    for scope in names.scopes_of(tensor.op.name):
        handed = {t.name for t in names.handed_on(scope)}
        count = sum(plain(name).startswith(f"{scope}/") for name in unsupported)
        if handed and handed <= wanted and (best is None or count > best[0]):
            best = count, scope
    return None if best is None else best[1]


def _layer(scope: str, layers: Sequence[str]) -> str:
    last = scope.split("/")[-1]
    base = re.sub(r"_\d+$", "", last)
    return base if last not in layers and base in layers else last


def _resolves(label: str, tensor: Any, names: Names) -> bool:
    try:
        return [t.name for t in names.resolve(label)] == [tensor.name]
    except InputError:
        return False
