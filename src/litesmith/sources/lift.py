"""Variables that a model changes lifted out of its graph: values in, values out.

Done on the frozen graph, so that a stateful layer, a custom streaming layer and a SavedModel are
one case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litesmith.errors import ConversionError
from litesmith.sources.graphdef import Frozen, in_order
from litesmith.sources.state import State, path_of

# How a variable is changed → the op that computes its new value from (old, given).
_UPDATES = {
    "AssignVariableOp": None,
    "AssignAddVariableOp": "AddV2",
    "AssignSubVariableOp": "Sub",
}
_RANDOM = re.compile(r"seed_generator_state|/rng_state|StateVar")


def changed_variables(function: Any) -> list[Any]:
    """Return the variables that a concrete function changes, random seeds aside.

    Raises:
        ConversionError: it changes random seeds, or a variable inside a loop or branch.
    """
    if not _changes(function.graph.as_graph_def()):
        return []
    by_placeholder = _captured(function)
    graph = _inlined(function)
    handles = _Handles(graph, by_placeholder)
    found: dict[str, Any] = {}
    for node in graph.node:
        for name in handles.of(node):
            if node.op.startswith(("Assign", "Resource")):
                found[name] = by_placeholder[name]
            elif not node.op.startswith(("Read", "Identity", "Var")):
                _refuse_hidden(graph, node, by_placeholder[name])
    for variable in found.values():
        if _RANDOM.search(path_of(variable)):
            raise ConversionError(
                f"The model draws random numbers while it runs ({path_of(variable)}).",
                "Build it without a random layer that is active at inference.",
            )
    return list(found.values())


def lift(function: Any, states: Sequence[State], feeds: int) -> tuple[Frozen, list[State]]:
    """Return the frozen graph with states as values, and the states that matter.

    Args:
        function: the concrete function; its outputs end with one read of every state.
        states: the variables to lift.
        feeds: how many of its inputs the application feeds.

    Returns:
        The graph (feeds: inputs then states; fetches: outputs then states), and those of `states`
        that an output depends on, now or later; the others are left out.

    Raises:
        ConversionError: a variable is changed in a way that has no value form.
    """
    names = {id(v.handle): name for name, v in _captured(function).items()}
    places = [names[id(state.variable.handle)] for state in states]
    graph = _frozen(function, frozenset(places))
    for place, state in zip(places, states, strict=True):
        _as_value(graph, place, state)
    _thread(graph, dict(zip(places, states, strict=True)))
    fetches = [tensor.name for tensor in function.outputs]
    count = len(fetches) - len(states)
    ends = [
        _relative(graph, fetch, state) for fetch, state in zip(fetches[count:], states, strict=True)
    ]
    kept = _that_matter(graph, fetches[:count], list(zip(places, ends, strict=True)))
    for node in graph.node:  # nothing is left to wait for: every value is where it is used
        node.input[:] = [name for name in node.input if not name.startswith("^")]
    inputs = [tensor.name for tensor in function.inputs[:feeds]]
    frozen = Frozen(
        graph,
        (*inputs, *(f"{places[i]}:0" for i in kept)),
        (*fetches[:count], *(ends[i] for i in kept)),
    )
    return frozen, [states[i] for i in kept]


class _Handles:
    """Which placeholder of a variable an op's inputs lead to."""

    def __init__(self, graph: Any, places: Iterable[str]) -> None:
        self._nodes = {node.name: node for node in graph.node}
        self._places = frozenset(places)

    def of(self, node: Any) -> list[str]:
        """Return the placeholders whose variables the op touches."""
        found = (self.resolve(name) for name in node.input if not name.startswith("^"))
        return [name for name in found if name is not None]

    def resolve(self, reference: str) -> str | None:
        """Follow identities from an input to a placeholder."""
        name = reference.split(":")[0]
        while name not in self._places:
            node = self._nodes.get(name)
            if node is None or node.op != "Identity":
                return None
            name = node.input[0].split(":")[0]
        return name


def _changes(graph: Any) -> bool:
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return any(n.op in _UPDATES or re.match(r"Resource.*(Assign|Scatter)", n.op) for n in nodes)


def _refuse_hidden(graph: Any, node: Any, variable: Any) -> None:
    """Refuse a call or loop that gets a variable which something in the library may change."""
    if any(n.op in _UPDATES for f in graph.library.function for n in f.node_def):
        raise ConversionError(
            f"The model changes its variable '{path_of(variable)}' inside a loop or a branch "
            f"({node.op}).",
            "Change it outside of them, or make the state an input and an output of the model.",
        )


def _captured(function: Any) -> dict[str, Any]:
    """Return the variables of a concrete function by the placeholder that stands for them."""
    variables = {id(v.handle): v for v in function.graph.variables}
    return {
        inner.name.split(":")[0]: variables[id(outer)]
        for outer, inner in function.graph.captures
        if id(outer) in variables
    }


def _inlined(function: Any) -> Any:
    from tensorflow.python.framework import convert_to_constants as internal

    return internal._run_inline_graph_optimization(function, False, False)


def _frozen(function: Any, kept: frozenset[str]) -> Any:
    """Return the inlined graph, all variables but those behind `kept` as constants."""
    from tensorflow.python.framework import convert_to_constants as internal

    data = internal._FunctionConverterDataInEager(
        func=function,
        lower_control_flow=False,
        aggressive_inlining=False,
        variable_names_denylist=kept,
    )
    return internal._replace_variables_by_constants(converter_data=data)[0]


def _as_value(graph: Any, place: str, state: State) -> None:
    """Turn the placeholder of a variable's handle into one of its value."""
    import tensorflow as tf

    node = next(n for n in graph.node if n.name == place)
    node.attr.clear()
    node.attr["dtype"].type = tf.dtypes.as_dtype(state.start.dtype).as_datatype_enum
    node.attr["shape"].shape.CopyFrom(tf.TensorShape(state.start.shape).as_proto())


def _thread(graph: Any, states: Mapping[str, State]) -> None:
    """Let every read take the value that the last change before it computed.

    TensorFlow orders all ops on one variable by control inputs, so any order that respects those is
    the order of the program.
    """
    handles = _Handles(graph, states)
    touched = [(n, h) for n in in_order(graph.node) if (h := handles.of(n))]
    current = {place: _absolute(graph, place, state) for place, state in states.items()}
    for node, (place, *_) in touched:
        if node.op == "ReadVariableOp":
            _become(node, "Identity", [current[place]], node.attr["dtype"].type)
        elif node.op in _UPDATES:
            kind, operation = node.attr["dtype"].type, _UPDATES[node.op]
            given = node.input[1]
            if operation is not None:
                new = graph.node.add()
                new.name = f"{node.name}/value"
                _become(new, operation, [current[place], given], kind)
                given = new.name
            current[place] = given
            _silence(node)
        elif node.op == "Identity":  # of the handle, which is gone
            _silence(node)
        else:
            raise ConversionError(
                f"The model changes its variable '{path_of(states[place].variable)}' by the op "
                f"{node.op}, which has no form without variables.",
                "Assign the whole variable, or make the state an input and an output.",
            )


def _silence(node: Any) -> None:
    """Leave of a node only what others wait for."""
    node.op = "NoOp"
    node.input[:] = [name for name in node.input if name.startswith("^")]
    node.attr.clear()


def _become(node: Any, op: str, inputs: Sequence[str], kind: int) -> None:
    node.op = op
    node.input[:] = list(inputs)
    node.attr.clear()
    node.attr["T"].type = kind


def _absolute(graph: Any, place: str, state: State) -> str:
    return _shifted(graph, place, f"{place}/absolute", "AddV2", state)


def _relative(graph: Any, fetch: str, state: State) -> str:
    name = _shifted(graph, fetch, f"{fetch.split(':')[0]}/relative", "Sub", state)
    return name if ":" in name else f"{name}:0"


def _shifted(graph: Any, source: str, name: str, op: str, state: State) -> str:
    import tensorflow as tf

    if not state.start.any():
        return source
    kind = tf.dtypes.as_dtype(state.start.dtype).as_datatype_enum
    constant = graph.node.add()
    constant.name, constant.op = f"{name}/start", "Const"
    constant.attr["dtype"].type = kind
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(state.start))
    shifted = graph.node.add()
    shifted.name = name
    _become(shifted, op, [source, constant.name], kind)
    return name


def _that_matter(
    graph: Any, outputs: Sequence[str], states: Sequence[tuple[str, str]]
) -> list[int]:
    """Return positions of the states that an output depends on, directly or through others."""
    nodes = {node.name: node for node in graph.node}
    reached: set[str] = set()
    todo = list(outputs)
    kept: set[int] = set()
    while todo:
        name = todo.pop().split(":")[0]
        if name in reached:
            continue
        reached.add(name)
        todo += [i for i in nodes[name].input if not i.startswith("^")]
        for i, (place, end) in enumerate(states):
            if place == name and i not in kept:
                kept.add(i)
                todo.append(end)
    return sorted(kept)
