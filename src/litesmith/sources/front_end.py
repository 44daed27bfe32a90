"""What a model does to text, sound files and records before it computes: found, named, told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.sources.cut import with_outputs
from litesmith.sources.graph_model import imported
from litesmith.sources.graphdef import freeze
from litesmith.sources.loaded import Loaded, dims
from litesmith.sources.scopes import Names, plain
from litesmith.sources.tracing import trace

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
        (r"StringToNumber|AsString|StringLength|StringFormat", "reads text as numbers"),
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
        cuts: what to say after --input, with the tensors there; () when nothing is behind it.
    """

    ops: tuple[str, ...]
    does: tuple[str, ...]
    cuts: tuple[tuple[str, tuple[Any, ...]], ...]


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
    ends = [t for t in frontier if not names.only_fetched(t)]
    does = [w for p, w in _DOES if any(p.fullmatch(op.type) for op in unsupported)]
    cuts = _labels(ends, {op.name for op in unsupported}, names, list(layers))
    kinds = dict.fromkeys(op.type for op in unsupported)
    telling = [k for k in kinds if any(pattern.fullmatch(k) for pattern, _ in _DOES)]
    return FrontEnd(tuple(telling or kinds), tuple(does), cuts)


def refusal(loaded: Loaded, inputs: Sequence[TensorSpec]) -> ConversionError | None:
    """Return why a model's front end cannot be converted and where to cut; None without one."""
    function, outputs = trace(loaded, inputs)
    strings = [spec.name for spec in inputs if spec.dtype == "string"]
    if not strings and not has_front_end(function):
        return None
    kinds = [tensor.dtype.name for tensor in function.outputs]
    numbers = [name for name, kind in zip(outputs, kinds, strict=True) if kind != "string"]
    dropped = f" --outputs {','.join(numbers)}" if 0 < len(numbers) < len(outputs) else ""
    if dropped:
        function, _ = trace(with_outputs(loaded, numbers), inputs)
    frozen = freeze(function)
    graph = imported(frozen.graph)
    names = Names(graph, frozen.feeds[: len(inputs)], frozen.fetches)
    layers = [layer.name for layer in getattr(loaded.owner, "_flatten_layers", list)()]
    found = find_front_end(graph, names, layers)
    if not found.ops:
        return None
    listed = ", ".join(found.ops[:_MOST_OPS]) + (", …" if len(found.ops) > _MOST_OPS else "")
    who = f"'{found.cuts[0][0]}'" if len(found.cuts) == 1 else "its front end"
    holds = f"The input '{strings[0]}' holds strings" if strings else "The model has a front end"
    return ConversionError(
        f"{holds}: {who} computes with {listed}, which .tflite kernels cannot do.",
        _hint(found, dropped),
    )


def refuse_front_end(loaded: Loaded, inputs: Sequence[TensorSpec], function: Any) -> None:
    """Refuse a model whose trace holds a front end.

    Raises:
        ConversionError: saying where to cut.
    """
    error = refusal(loaded, inputs) if has_front_end(function) else None
    if error is not None:
        raise error


def _hint(found: FrontEnd, more: str) -> str:
    if not found.cuts:
        return "Nothing is computed behind it, so that nothing is left to export."
    options = " ".join(f"--input {label}" for label, _ in found.cuts) + more
    tensors = [tensor for _, group in found.cuts for tensor in group]
    what = ", ".join(f"{tensor.dtype.name} {_dims(tensor)}" for tensor in tensors)
    steps = ", ".join(found.does) or "does the rest"
    return f"Cut after it: {options}. The application then {steps}, and feeds the result ({what})."


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


def _labels(
    tensors: Sequence[Any], unsupported: set[str], names: Names, layers: Sequence[str]
) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """Return what to cut after: the layer that holds a tensor, else a scope, else the op."""
    found: dict[str, tuple[Any, ...]] = {}
    done: set[str] = set()
    for tensor in tensors:
        if tensor.name in done:
            continue
        label, group = _layer(tensor, names, layers) or _scope(tensor, tensors, unsupported, names)
        found[label] = group
        done |= {one.name for one in group}
    return tuple(found.items())


def _layer(tensor: Any, names: Names, layers: Sequence[str]) -> tuple[str, tuple[Any, ...]] | None:
    """Return the innermost Keras layer that an op is in, with what it hands on."""
    for scope in names.scopes_of(tensor.op.name):
        last = scope.split("/")[-1]
        base = re.sub(r"_\d+$", "", last)  # Keras 3 numbers its scopes once more
        label = last if last in layers else base
        group = _resolved(label, names) if label in layers else ()
        if group and not any(names.only_fetched(one) for one in group):
            return label, group
    return None


def _scope(
    tensor: Any, tensors: Sequence[Any], unsupported: set[str], names: Names
) -> tuple[str, tuple[Any, ...]]:
    """Return the scope that hands on such tensors alone and holds the most of the front end."""
    best: tuple[int, str, tuple[Any, ...]] | None = None
    wanted = {t.name for t in tensors}
    for scope in names.scopes_of(tensor.op.name):
        last = scope.split("/")[-1]
        label = last if _names(_resolved(last, names)) == _names(names.handed_on(scope)) else scope
        group = _resolved(label, names)
        count = sum(plain(name).startswith(f"{scope}/") for name in unsupported)
        if _names(group) <= wanted and group and (best is None or count > best[0]):
            best = count, label, group
    if best is not None:
        return best[1], best[2]
    for label in (plain(tensor.op.name), tensor.op.name):
        group = _resolved(label, names)
        if tensor.name in _names(group) and _names(group) <= wanted:
            return label, group
    return tensor.name, (tensor,)


def _names(tensors: Iterable[Any]) -> set[str]:
    return {tensor.name for tensor in tensors}


def _resolved(label: str, names: Names) -> tuple[Any, ...]:
    try:
        return tuple(names.resolve(label))
    except InputError:
        return ()
