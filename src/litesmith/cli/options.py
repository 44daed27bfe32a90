"""Options that several verbs have, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

_LOADING = "Loading"
_OUTPUT = "Output"

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="A .keras, .h5, SavedModel folder, frozen .pb or .tflite."
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="Representative examples, raw: images/, a.npz#x, a.npy, a.csv, py:file.py:function.",
    ),
]
Preprocess = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SPEC",
        help="What the model expects of raw x: none, unit, tf, torch, caffe, scale=A,offset=B, "
        "mean=a;b;c,std=d;e;f, py:file.py:function. Repeat as NAME:SPEC per input.",
    ),
]
Signature = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        help="Which signature to use; a,b puts several into one file.",
        rich_help_panel=_LOADING,
    ),
]
InputShape = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=1x224x224x3",
        help="The shape of an input that the model leaves open; ? keeps a dimension open.",
        rich_help_panel=_LOADING,
    ),
]
CustomObjects = Annotated[
    list[str] | None,
    typer.Option(
        metavar="py:FILE.py:NAME",
        help="Classes or functions that the file names but does not carry.",
        rich_help_panel=_LOADING,
    ),
]
Builder = Annotated[
    str | None,
    typer.Option(
        metavar="py:FILE.py:NAME",
        help="A function that builds the model whose weights the file holds.",
        rich_help_panel=_LOADING,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B",
        help="What the application feeds into a frozen graph: op or tensor names.",
        show_default="guessed",
        rich_help_panel=_LOADING,
    ),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        metavar="A,B",
        help="The outputs to keep, in this order; of a frozen graph, op or tensor names.",
        show_default="all",
        rich_help_panel=_LOADING,
    ),
]
Input = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LAYER",
        help="Cut after this layer (or op, or tensor): the application feeds what it computes.",
        rich_help_panel=_LOADING,
    ),
]
Trust = Annotated[
    bool | None,
    typer.Option(
        "--trust",
        help="Run Python code that is inside the file (Lambda layers). Only for files you trust.",
        rich_help_panel=_LOADING,
    ),
]
AllowFlex = Annotated[
    bool | None,
    typer.Option(
        "--allow-flex",
        help="Keep ops that need TensorFlow's own kernels (the select-TF runtime).",
        rich_help_panel=_LOADING,
    ),
]
Batch = Annotated[
    str | None,
    typer.Option(
        metavar="N|dynamic",
        help="Examples per invocation of the file, or dynamic: the application says.",
        show_default="1",
        rich_help_panel=_LOADING,
    ),
]
TimeLimit = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="For loading, converting or running the source, each.",
        show_default="900",
        rich_help_panel=_LOADING,
    ),
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Of generated inputs and of training.")]
Target = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The runtime: cpu, micro, ethos-u55-128, edgetpu, …"),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document.", rich_help_panel=_OUTPUT)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=_OUTPUT)]
OptionalPath = Path | None

LOADING = {
    "signature": Signature,
    "input_shape": InputShape,
    "custom_objects": CustomObjects,
    "builder": Builder,
    "batch": Batch,
    "inputs": Inputs,
    "outputs": Outputs,
    "input": Input,
    "allow_flex": AllowFlex,
    "trust": Trust,
    "time_limit": TimeLimit,
}


def loads(*without: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a verb the options of loading a source, in the place of its `**loading`.

    Args:
        without: names of those that it does not have.
    """
    return takes({name: option for name, option in LOADING.items() if name not in without})


def takes(*tables: Mapping[str, Any]) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a verb options in the place of its `**…`, None where they are not given.

    Args:
        tables: name → annotation, in the order of help, which shows them before `--json`.
    """
    kind = inspect.Parameter.KEYWORD_ONLY
    options = [
        inspect.Parameter(name, kind, default=None, annotation=option)
        for table in tables
        for name, option in table.items()
    ]

    def change(verb: Callable[..., int]) -> Callable[..., int]:
        own = inspect.signature(verb, eval_str=True).parameters.values()
        named = [p.replace(kind=kind) for p in own if p.kind is not p.VAR_KEYWORD]
        place = next(i for i, p in enumerate(named) if p.name == "as_json")
        named[place:place] = options  # help shows groups in this order
        with_options: Any = verb
        with_options.__signature__ = inspect.Signature(named)  # what typer reads
        return verb

    return change
