"""A SavedModel of any origin → `Loaded`: one of its signatures, or of its functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import InputError, LoadError
from litesmith.sources.graph_model import from_graph
from litesmith.sources.graphdef import Frozen, freeze
from litesmith.sources.hostile import refuse_hostile_meta_graph
from litesmith.sources.loaded import Loaded, NamedTensors, batch_note
from litesmith.sources.options import Shape
from litesmith.sources.reasons import reason
from litesmith.sources.saved_functions import Endpoint, choose, endpoints
from litesmith.sources.tables import has_tables, table_handles
from litesmith.sources.widen import has_halves, wide, widened

# What a tf.function cannot call inside another one, or what only freezing gets rid of.
_TF1 = frozenset({"Switch", "Merge", "Enter", "RefSwitch", "VariableV2", "Variable"})

_WIDENED = "The model computes in 16-bit precision; it is computed in float32."


def open_saved_model(path: Path, tf: Any) -> dict[str, Endpoint]:
    """Load a SavedModel directory and return what can be called in it, by key.

    Raises:
        LoadError: TensorFlow cannot load it, nothing in it can be called, or it holds ops that
            reach outside of the model (nothing is run then).
    """
    tags = _checked_tags(path)
    try:
        model = tf.saved_model.load(str(path), tags)
        found = endpoints(model, path)
    except Exception as error:
        raise LoadError(
            f"{path} cannot be loaded as a SavedModel: {reason(error)}.",
            "Check that saved_model.pb and variables/ are complete.",
        ) from error
    if not found:
        raise LoadError(
            f"The SavedModel {path} has no signature to export, and no function that was traced.",
            "Save it with signatures=…, or export the Keras model it came from.",
        )
    return found


def from_saved_model(
    path: Path, key: str | None, tf: Any, shapes: Mapping[str, Shape] | None = None
) -> Loaded:
    """Load one signature or function of a SavedModel directory.

    Args:
        path: the directory.
        key: of the signature, or the name of a function; None for the serving one.
        tf: the module.
        shapes: by input name; gives inputs of unknown rank theirs.

    Raises:
        InputError: there is no such signature, or an input's rank is unknown.
        LoadError: as `open_saved_model`.
    """
    loaded = from_endpoint(choose(open_saved_model(path, tf), key, path), tf, shapes or {})
    return loaded if key is None else replace(loaded, key=key)


def several_of_saved_model(
    path: Path, keys: Sequence[str], tf: Any, shapes: Mapping[str, Shape]
) -> dict[str, Loaded]:
    """Load several signatures or functions of a SavedModel directory, by key.

    Raises:
        InputError, LoadError: as `from_saved_model`.
    """
    found = open_saved_model(path, tf)
    chosen = {key: choose(found, key, path) for key in keys}
    return {k: replace(from_endpoint(e, tf, shapes), key=k) for k, e in chosen.items()}


def from_endpoint(endpoint: Endpoint, tf: Any, shapes: Mapping[str, Shape]) -> Loaded:
    """Return one signature or function as a model.

    Raises:
        InputError: an input's rank is unknown and `shapes` does not say it.
    """
    inputs = tuple(_spec(name, spec, shapes) for name, spec in endpoint.inputs)
    loader = f"TensorFlow {tf.__version__}"
    halves = has_halves(endpoint.function.graph.as_graph_def())
    if halves or _must_be_frozen(endpoint.function):
        return _frozen(endpoint, loader, inputs, widen=halves)

    def call(tensors: Sequence[Any]) -> NamedTensors:
        return list(zip(endpoint.outputs, endpoint.call(tensors), strict=True))

    return Loaded(loader, inputs, call, endpoint.owner, batch_note(inputs))


def _checked_tags(path: Path) -> list[str] | None:
    """Return the tags to load, None for the only ones; refuse what must not be run.

    Raises:
        LoadError: damaged, or it holds ops that reach outside.
    """
    metas = _parsed(path).meta_graphs
    if not metas:
        raise LoadError(f"{path} holds a SavedModel without graphs.", "Save it again.")
    objects = len(metas) == 1 and metas[0].HasField("object_graph_def")
    for meta in metas:
        refuse_hostile_meta_graph(meta, str(path), objects=objects)
    if len(metas) == 1:
        return None
    tags = [list(meta.meta_info_def.tags) for meta in metas]
    serving = (t for t in tags if "serve" in t)
    inference = (t for t in tags if "train" not in t)
    return next(serving, None) or next(inference, tags[0])


def _parsed(path: Path) -> Any:
    from google.protobuf import message, text_format
    from tensorflow.core.protobuf import saved_model_pb2

    binary, text = path / "saved_model.pb", path / "saved_model.pbtxt"
    try:
        if binary.is_file():
            return saved_model_pb2.SavedModel.FromString(binary.read_bytes())
        return text_format.Parse(text.read_text(), saved_model_pb2.SavedModel())
    except (OSError, ValueError, message.DecodeError, text_format.ParseError) as error:
        raise LoadError(
            f"{path} cannot be loaded as a SavedModel: {reason(error)}.",
            "Check that saved_model.pb and variables/ are complete.",
        ) from error


def _spec(name: str, spec: Any, shapes: Mapping[str, Shape]) -> TensorSpec:
    if spec.shape.rank is not None:
        return TensorSpec(name, tuple(spec.shape.as_list()), spec.dtype.name)
    if name not in shapes:
        raise InputError(
            f"The input '{name}' has no known number of dimensions.",
            f"Say its shape, batch included: --input-shape {name}=1x224x224x3",
        )
    wanted = shapes[name]
    batch = (None,) if wanted[:1] == (1,) else wanted[:1]
    return TensorSpec(name, (*batch, *wanted[1:]), spec.dtype.name)


def _must_be_frozen(function: Any) -> bool:
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return has_tables(graph) or any(node.op in _TF1 for node in nodes)


def _frozen(
    endpoint: Endpoint, loader: str, inputs: tuple[TensorSpec, ...], *, widen: bool
) -> Loaded:
    """Return the function's graph as a model; the function itself stays the original.

    A graph of half precision computes in float32 instead, the original too.
    """
    function = endpoint.function
    # Freezing looks for the initializers of tables, which ran when the model was loaded.
    function.graph.clear_collection("table_initializer")
    try:
        frozen = freeze(function)
    except Exception as error:  # the adapter of TensorFlow's freezing
        raise LoadError(
            f"The variables of '{endpoint.key}' cannot be made constants: {reason(error)}."
        ) from error
    handles = table_handles(function)
    left = {feed: handles[feed] for feed in frozen.feeds if feed in handles}
    fetches = tuple(frozen.fetches[i] for i in endpoint.places)
    graph = Frozen(frozen.graph, endpoint.feeds, fetches)
    if widen:
        graph, inputs = widened(graph), tuple(map(wide, inputs))
    return from_graph(
        loader,
        graph,
        inputs,
        endpoint.outputs,
        owner=endpoint.owner,
        resources=left,
        original=None if widen else lambda *tensors: endpoint.call(tensors),
        notes=(*batch_note(inputs), *((_WIDENED,) if widen else ())),
    )
