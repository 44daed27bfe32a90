"""`check` on a quantized file: what is wrong with it, and what examples show."""

from __future__ import annotations

from litesmith import diagnose
from litesmith.data import Examples
from litesmith.diagnose import Finding
from litesmith.diagnose.findings import sort
from litesmith.diagnose.measured import EXAMPLES
from litesmith.errors import LoadError
from litesmith.graph import Graph
from litesmith.graph.step import Notice

_BATCH = 16


def run(graph: Graph, examples: Examples | None) -> tuple[tuple[Finding, ...], tuple[Notice, ...]]:
    """Return the findings, the most severe first, and why something could not be measured.

    Args:
        graph: of the quantized file.
        examples: what it is fed, up to 200 of which are used; None: nothing is run.

    Raises:
        InputError: data that cannot be read or does not fit the model.
    """
    found = diagnose.autopsy(graph)
    if examples is None:
        return found, ()
    some = examples.take(EXAMPLES).batches(_BATCH, limit=EXAMPLES)
    try:
        return sort((*found, *diagnose.measured(graph, some))), ()
    except LoadError as error:
        message = f"Nothing was measured on the examples: {error}"
        return found, (Notice("not_measured", message, error.hint or ""),)
