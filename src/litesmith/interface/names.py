"""`--rename OLD=NEW`: names under which the application addresses inputs and outputs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from litesmith.errors import InputError
from litesmith.graph import Graph, Signature
from litesmith.graph.step import Outcome, Progress, silent


@dataclass(frozen=True)
class Rename:
    """Rename inputs and outputs; the last step but metadata, so that all others know the old names.

    Attributes:
        names: "OLD=NEW" each.
    """

    names: tuple[str, ...] = ()
    name: str = "rename"

    def __call__(self, graph: Graph, data: Any = None, progress: Progress = silent) -> Outcome:
        """Return the graph with new names in its signature.

        Raises:
            InputError: no such input or output, or a name that is taken.
        """
        new = self.mapping()
        if not new:
            return Outcome(graph, False, "nothing was asked for")
        known = (*graph.input_names(), *graph.output_names())
        for old in new:
            if old not in known:
                raise InputError(
                    f"--rename: no input or output is named '{old}'.", _near(old, known)
                )
        ends = (
            _ends(graph.input_names(), new, "inputs"),
            _ends(graph.output_names(), new, "outputs"),
        )
        signatures = graph.signatures or (Signature("serving_default", (), ()),)
        first = Signature(signatures[0].key, *ends)
        renamed = graph.with_(signatures=(first, *signatures[1:]))
        return Outcome(renamed, True, ", ".join(f"{a} → {b}" for a, b in new.items()))

    def mapping(self) -> dict[str, str]:
        """Return {old: new}.

        Raises:
            InputError: another form.
        """
        found: dict[str, str] = {}
        for text in (part for given in self.names for part in given.split(",")):
            old, equals, new = (piece.strip() for piece in text.partition("="))
            if not old or not new or not equals or old in found:
                raise InputError(f"--rename {text} is not understood.", "Write OLD=NEW, each once.")
            found[old] = new
        return found


def _ends(names: Iterable[str], new: Mapping[str, str], what: str) -> tuple[tuple[str, int], ...]:
    renamed = [new.get(name, name) for name in names]
    twice = next((name for name in renamed if renamed.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--rename: two {what} would be named '{twice}'.")
    return tuple((name, i) for i, name in enumerate(renamed))


def _near(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
