"""The rows of XNNPACK against the delegate of the installed LiteRT, op by op."""

from __future__ import annotations

from ai_edge_litert.interpreter import Interpreter

from litesmith.graph import write
from litesmith.targets import find_target
from litesmith.targets.rules import objection
from tests.targets.cases import cases, int2_cases


def _delegated(model: bytes) -> bool | None:
    """Return whether XNNPACK takes the file's op, None for a file that LiteRT refuses."""
    try:
        interpreter = Interpreter(model_content=model)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError):
        return None
    return any(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details())


def test_what_the_table_says_is_what_the_delegate_takes():
    table = find_target("cpu").table
    wrong, compared = [], 0
    for case in (*cases(), *int2_cases()):
        taken = _delegated(write(case.graph))
        if taken is None:
            continue
        compared += 1
        against = objection(case.op, table)
        if taken != (against is None):
            wrong.append((case.name, "taken" if taken else "left", against and against.reason))
    assert wrong == []
    assert compared > 1500
