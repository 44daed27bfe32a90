"""The options of `litesmith export`, in the order and the panels of its help.

Each name is a keyword argument of `litesmith.export`, and None means that it was not given. A new
option is a row here and a field of `forge.options.ExportOptions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from litesmith.cli import options as opt

_PROOF = "Proof"
_FILES = "Files"
_METADATA = "Metadata"
_TRAINING = "Training"
_ENDS = "What the application feeds and reads"

_PLAIN: Mapping[str, Any] = {
    "quantize": Annotated[
        str | None,
        typer.Option(
            metavar="SCHEME",
            help="none, float16, dynamic, dynamic-int4, weights-int8, weights-int4 (float "
            "activations), int8, int4 or int16x8 (integer ones).",
            show_default="int8 with --data, else dynamic",
        ),
    ],
    "data": opt.Data,
    "preprocess": opt.Preprocess,
    "input_type": Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE",
            help="What the application feeds: float32, int8, uint8; NAME:uint8 for one input.",
        ),
    ],
    "output_type": Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE",
            help="What the application reads: float32, int8, uint8; NAME:uint8 for one output.",
        ),
    ],
    "target": opt.Target,
    "bits": Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN=N",
            help="1 to 4, 8, 16 or 32 bits for ops by name, layer or kind; may be repeated.",
        ),
    ],
    "float_ops": Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Ops that stay float; may be repeated."),
    ],
    "edge_bits": Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Bits of the first and last ops with weights.",
            show_default="8 for int4 (where they hold few weights), int3, ternary and binary",
        ),
    ],
    "pack": Annotated[
        bool | None,
        typer.Option(
            "--pack",
            help="Store weights of 3, 2 and 1 bits packed, unpacked by the file itself: smaller, "
            "slower.",
        ),
    ],
    "no_rewrite": Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", help="Leave a family of rewrites out; may be repeated."),
    ],
    "explain": Annotated[
        bool | None,
        typer.Option(
            "--explain", help="Say what was rewritten, what was not, why, and what ops cost."
        ),
    ],
    "seed": opt.Seed,
}
_AT_THE_ENDS: Mapping[str, Any] = {
    "embed_preprocess": Annotated[
        bool | None,
        typer.Option(
            "--embed-preprocess",
            help="Build --preprocess into the file: the application feeds raw values.",
            rich_help_panel=_ENDS,
        ),
    ],
    "input_layout": Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYOUT",
            help="nhwc or nchw: what the application feeds; NAME:nchw for one input.",
            rich_help_panel=_ENDS,
        ),
    ],
    "input_channels": Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHANNELS",
            help="rgb, bgr, rgba or gray: what the application feeds; FED,READ if the model reads "
            "others than rgb; NAME:gray for one input.",
            rich_help_panel=_ENDS,
        ),
    ],
    "input_size": Annotated[
        list[str] | None,
        typer.Option(
            metavar="HxW",
            help="The size of the application's images, which the file resizes: 480x640, or "
            "480x640,nearest; NAME:480x640 for one input.",
            rich_help_panel=_ENDS,
        ),
    ],
    "cut_before": Annotated[
        str | None,
        typer.Option(
            metavar="OP",
            help="End before this op, layer or tensor, or the only op of a kind (SOFTMAX).",
            rich_help_panel=_ENDS,
        ),
    ],
    "merge": Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B",
            help="Outputs that become one, side by side along the last axis.",
            rich_help_panel=_ENDS,
        ),
    ],
    "head": Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEAD",
            help="What the application reads: keep, logits, probabilities, sigmoid, argmax, "
            "topk=K, threshold=T; NAME:argmax for one output.",
            rich_help_panel=_ENDS,
        ),
    ],
    "nms": Annotated[
        str | None,
        typer.Option(
            metavar="boxes=A,scores=B",
            help="Make detections of two outputs; also anchors=FILE.npy, form=yxyx|xyxy|yxhw|xywh, "
            "scales=10;10;5;5, max=100, iou=0.5, score=0.25, background=yes, fast=yes.",
            rich_help_panel=_ENDS,
        ),
    ],
    "rename": Annotated[
        list[str] | None,
        typer.Option(
            metavar="OLD=NEW",
            help="Name an input or output anew; other options use the old name.",
            rich_help_panel=_ENDS,
        ),
    ],
}
_OF_METADATA: Mapping[str, Any] = {
    "labels": Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Names of the classes, one per line; writes metadata.",
            rich_help_panel=_METADATA,
        ),
    ],
    "metadata": Annotated[
        bool | None,
        typer.Option(
            "--metadata",
            help="Write TFLite metadata, so that MediaPipe Tasks and others know the ends.",
            rich_help_panel=_METADATA,
        ),
    ],
    "task": Annotated[
        str | None,
        typer.Option(
            metavar="TASK",
            help="What opens the file: image-classifier, object-detector, image-segmenter, "
            "audio-classifier, text-classifier, general.",
            show_default="what the ends look like",
            rich_help_panel=_METADATA,
        ),
    ],
    "score_threshold": Annotated[
        float | None,
        typer.Option(metavar="T", help="Results below are not shown.", rich_help_panel=_METADATA),
    ],
    "vocabulary": Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A text model's tokens, one per line, in the order of their numbers.",
            rich_help_panel=_METADATA,
        ),
    ],
    "sample_rate": Annotated[
        int | None,
        typer.Option(
            metavar="HZ",
            help="Samples per second of an audio input.",
            rich_help_panel=_METADATA,
        ),
    ],
}
_OF_PROOF: Mapping[str, Any] = {
    "eval": Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Labelled examples to score source and file on, e.g. a.npz#x,y.",
            rich_help_panel=_PROOF,
        ),
    ],
    "metric": Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="accuracy, top5, mae, mse, auc, iou, py:file.py:function.",
            show_default="accuracy for class labels, else mae",
            rich_help_panel=_PROOF,
        ),
    ],
    "max_drop": Annotated[
        str | None,
        typer.Option(
            metavar="D",
            help="The most the score may get worse: 0.01 in its own unit, or 1% of it. Without "
            "--eval: of top-1 agreement. Ops that cost most get more bits until it is kept; a file "
            "that misses it is kept as NAME.rejected.tflite.",
            rich_help_panel=_PROOF,
        ),
    ],
    "max_size": Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="The most bytes: 60kB, 1.5MB, or 25% of the float .tflite. Weights that cost "
            "least get 4 bits until it is kept.",
            rich_help_panel=_PROOF,
        ),
    ],
    "max_latency": Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The most one invocation may take on this machine: 4ms, or 50% of the float "
            ".tflite's time. Ops get the bits that cost least and are fast enough.",
            rich_help_panel=_PROOF,
        ),
    ],
    "confident": Annotated[
        bool | None,
        typer.Option(
            "--confident",
            help="Hold the 95 % bound of the drop against --max-drop.",
            rich_help_panel=_PROOF,
        ),
    ],
}
_OF_TRAINING: Mapping[str, Any] = {
    "train": Annotated[
        str | None,
        typer.Option(
            metavar="auto|STEPS",
            help="Teach the quantized graph what the float one answers, on --data, without "
            "labels. Ctrl-C keeps the best so far. none: not even where the scheme implies it.",
            show_default="auto for int3, ternary and binary, else none",
            rich_help_panel=_TRAINING,
        ),
    ],
    "loss": Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Also fit the labels of --data: crossentropy, mse, mae, …, py:file.py:function.",
            rich_help_panel=_TRAINING,
        ),
    ],
    "resume": Annotated[
        bool | None,
        typer.Option(
            "--resume",
            help="Go on with a training that was interrupted (NAME.train.npz).",
            rich_help_panel=_TRAINING,
        ),
    ],
    "augment": Annotated[
        bool | None,
        typer.Option(
            " /--no-augment",
            help="Train on the examples as they are, not on variations of them.",
            rich_help_panel=_TRAINING,
        ),
    ],
}
_OF_FILES: Mapping[str, Any] = {
    "save_float": Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the float .tflite.", rich_help_panel=_FILES),
    ],
    "c_array": Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.cc",
            help="Also write the file as a C++ array; OUT.h goes beside it.",
            rich_help_panel=_FILES,
        ),
    ],
    "recipe": Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Steps and options from a file; the command line wins.",
            rich_help_panel=_FILES,
        ),
    ],
    "save_recipe": Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml", help="Write this run as a recipe.", rich_help_panel=_FILES
        ),
    ],
}

TABLES = (_PLAIN, _AT_THE_ENDS, _OF_METADATA, _OF_PROOF, _OF_TRAINING, _OF_FILES)
