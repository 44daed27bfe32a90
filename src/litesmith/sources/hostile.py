"""Ops of a TensorFlow graph that reach outside of it: found before anything is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from litesmith.errors import LoadError

# Files, sockets, Python, other processes.
_OUTSIDE = re.compile(
    r"(?:Eager)?PyFunc(?:Stateless)?|(?:Read|Write|Rename|Delete|Copy)File|MatchingFiles"
    r"|FileSystem\w*|\w*Reader(?:V2)?|ImmutableConst|(?:Create|Write|Import)\w*Summary\w*"
    r"|\w*Rpc\w*|Remote\w*|Debug\w*|Dump\w*|LoadAndRemapMatrix|GenerateVocabRemapping"
    r"|(?:Load|Save|Snapshot|Sql|LMDB|Cache|TextLine|FixedLengthRecord|Generator|BigQuery|Kafka)"
    r"\w*Dataset\w*|\w*TFRecord\w*|\w*DataService\w*|Gcs\w*|BigQuery\w*"
    r"|_(?:Host)?(?:Send|Recv)\w*|DistributedSave|CheckpointHas\w*|DeleteOldCheckpoints"
)
# Legal where a SavedModel keeps its own variables, nowhere else.
_SAVING = re.compile(r"Save(?:V2|Slices)?|Restore(?:V2|Slice)?|MergeV2Checkpoints")
_INIT_KEYS = ("saved_model_main_op", "legacy_init_op")


def refuse_hostile(nodes: Iterable[Any], what: str, *, saving: bool = True) -> None:
    """Refuse `NodeDef`s that reach files, the network or Python.

    Args:
        nodes: what would be run.
        what: the path, for the sentence.
        saving: refuse ops that save and restore variables, too.

    Raises:
        LoadError: naming the op.
    """
    for node in nodes:
        to_file = node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:")
        restores = saving and _SAVING.fullmatch(node.op)
        if to_file or restores or _OUTSIDE.fullmatch(node.op):
            raise LoadError(
                f"{what} holds the op {node.op} ('{node.name}'), which reaches outside of the "
                "model (files, network or Python): it is not run.",
                "Save the model again without it.",
            )


def refuse_hostile_meta_graph(meta: Any, what: str, *, objects: bool) -> None:
    """Refuse a `MetaGraphDef` of which anything that loading or running starts reaches outside.

    Args:
        meta: the graph with its functions.
        what: the path, for the sentence.
        objects: it is loaded as TF2 objects, whose functions alone are run.

    Raises:
        LoadError: naming the op, or an asset outside of the folder.
    """
    for asset in meta.asset_file_def:
        if asset.filename.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", asset.filename):
            raise LoadError(f"{what} names a file outside of its folder: {asset.filename}.")
    functions = {f.signature.name: f.node_def for f in meta.graph_def.library.function}
    if objects:
        keys = meta.object_graph_def.concrete_functions
        roots = [node for key in keys for node in functions.get(key, ())]
        refuse_hostile(_with_called(roots, functions), what)
        return
    named = {node.name: node for node in meta.graph_def.node}
    refuse_hostile(_with_called(_reached(_started(meta), named), functions), what)
    restoring = _reached([meta.saver_def.restore_op_name], named)
    refuse_hostile(_with_called(restoring, functions), what, saving=False)


def _started(meta: Any) -> list[str]:
    """Return the tensors and ops of a TF1 graph that loading and running ask for."""
    found = [
        name
        for signature in meta.signature_def.values()
        for info in (*signature.outputs.values(), *signature.inputs.values())
        for name in (info.name, *(part.name for part in info.composite_tensor.components))
    ]
    for key in _INIT_KEYS:
        found += meta.collection_def[key].node_list.value if key in meta.collection_def else []
    return found


def _reached(names: Iterable[str], named: Mapping[str, Any]) -> list[Any]:
    found: dict[str, Any] = {}
    todo = [_node(name) for name in names]
    while todo:
        name = todo.pop()
        if name in named and name not in found:
            found[name] = named[name]
            todo += [_node(source) for source in named[name].input]
    return list(found.values())


def _node(tensor: str) -> str:
    return tensor.lstrip("^").split(":")[0]


def _with_called(nodes: Iterable[Any], functions: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the nodes and those of all functions that they call, directly or not."""
    seen: set[str] = set()
    todo = list(nodes)
    while todo:
        node = todo.pop()
        yield node
        names = [node.op]
        for value in node.attr.values():
            names += [value.func.name, *(f.name for f in value.list.func)]
        for name in names:
            if name in functions and name not in seen:
                seen.add(name)
                todo += functions[name]
