"""Metadata of a run: the step that writes it, and what of a source's own still holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from litesmith.data.image_folder import class_folders
from litesmith.errors import InputError
from litesmith.forge.ledger import Ledger
from litesmith.forge.options import ExportOptions
from litesmith.graph import Graph
from litesmith.graph.step import Notice
from litesmith.interface.metadata import (
    KINDS,
    Describe,
    fits,
    read_labels,
    read_metadata,
    read_vocabulary,
    summarize,
    without_metadata,
)

Names = str | Path | tuple[str, ...] | None


def with_metadata(steps: tuple[Any, ...], options: ExportOptions) -> tuple[Any, ...]:
    """Return the steps with the one that writes metadata, last, when the options ask for it.

    Raises:
        InputError: labels or a vocabulary that cannot be read, or an unknown task.
    """
    own = next((s for s in steps if isinstance(s, Describe)), None)
    given = _given(options)
    if own is None and not given and not options.metadata:
        return steps
    own = replace(own or _first(options), **given)
    return (*(s for s in steps if not isinstance(s, Describe)), own)


def described(graph: Graph, ledger: Ledger) -> Graph:
    """Return the graph without metadata that another step has made untrue; both are told."""
    metadata = read_metadata(graph)
    if metadata is None:
        return graph
    if not fits(graph, metadata):
        message = "The source's metadata speaks of other inputs or outputs and was left out."
        ledger.warn((Notice("metadata_left_out", message, "Write new metadata with --metadata."),))
        return without_metadata(graph)
    said = summarize(graph)
    if said is not None and said.missing:
        names = ", ".join(said.missing)
        message = (
            f"The source's metadata names files that it does not hold or that are damaged: {names}."
        )
        ledger.warn((Notice("files_missing", message, "Give them again with --labels."),))
    return graph


def _first(options: ExportOptions) -> Describe:
    """Return the step with what the run knows anyway: preprocessing, and names of folders."""
    places = [p for p in (options.data, options.eval) if isinstance(p, (str, Path))]
    folders = next((f for f in map(class_folders, places) if f), ())
    built_in = bool(options.embed_preprocess)
    return Describe(
        preprocess=() if built_in else options.preprocess,
        colors=_colors(options),
        raw=built_in,
        folders=folders,
    )


def _colors(options: ExportOptions) -> str:
    """Return the order of colors that the application feeds: of "FED,READ", the first."""
    fed = [text.rpartition(":")[2].partition(",")[0].strip() for text in options.input_channels]
    return "bgr" if "bgr" in fed else "rgb"


def _given(options: ExportOptions) -> dict[str, Any]:
    if options.task is not None and options.task not in KINDS:
        raise InputError(f"--task {options.task} is not known.", f"Known: {', '.join(KINDS)}.")
    if options.sample_rate is not None and options.sample_rate < 1:
        raise InputError(f"--sample-rate {options.sample_rate} is not a number of at least 1.")
    given = {
        "kind": options.task,
        "labels": _names(options.labels, read_labels),
        "score_threshold": options.score_threshold,
        "vocabulary": _names(options.vocabulary, read_vocabulary),
        "sample_rate": options.sample_rate,
    }
    return {name: value for name, value in given.items() if value is not None}


def _names(given: Names, read: Any) -> tuple[str, ...] | None:
    if given is None or isinstance(given, tuple):
        return given
    found: tuple[str, ...] = read(Path(given))
    return found
