"""Where a model begins and ends, as the user says it: chosen outputs, a cut, no text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError
from litesmith.sources.loaded import Loaded, with_shapes
from litesmith.sources.options import Shape

_NO_FLEX = " --allow-flex keeps no text: no runtime here could prove such a file."


def with_ends(
    loaded: Loaded, outputs: Sequence[str], after: Sequence[str], shapes: Mapping[str, Shape],
    *, allow_flex: bool = False,
) -> tuple[Loaded, dict[str, Shape]]:  # fmt: skip
    """Return the model between the ends that the user chose, and the shapes of its inputs.

    Args:
        loaded: the whole model.
        outputs: names of outputs, () for all.
        after: layers to cut after.
        shapes: by name, of the model's inputs and of those that a cut makes.
        allow_flex: was said, and does not help with text.

    Raises:
        InputError: an unknown name.
        ConversionError: what is left still begins with text.
    """
    from litesmith.sources.cut import cut, with_outputs

    if outputs:
        loaded = with_outputs(loaded, outputs)
    before = {spec.name for spec in loaded.inputs}
    if after:
        loaded = cut(loaded, after, shapes)
    gone = before - {spec.name for spec in loaded.inputs}
    shapes = {name: shape for name, shape in shapes.items() if name not in gone}
    _refuse_text(loaded, shapes, _NO_FLEX if allow_flex else "")
    return loaded, shapes


def refuse_text_outputs(outputs: Sequence[TensorSpec]) -> None:
    """Refuse outputs of text.

    Raises:
        ConversionError: naming them and those to keep.
    """
    text = [spec.name for spec in outputs if spec.dtype == "string"]
    if not text:
        return
    rest = [spec.name for spec in outputs if spec.dtype != "string"]
    raise ConversionError(
        f"The output '{text[0]}' holds strings, which .tflite kernels cannot make.",
        f"Keep the others: --outputs {','.join(rest)}. The application looks the text up itself."
        if rest
        else "The model has no other output; export one that outputs numbers.",
    )


def _refuse_text(loaded: Loaded, shapes: Mapping[str, Shape], more: str) -> None:
    from litesmith.sources.front_end import refusal

    text = [spec.name for spec in loaded.inputs if spec.dtype == "string"]
    if not text:
        return
    inputs = with_shapes(loaded.inputs, shapes)
    error = refusal(loaded, inputs) or ConversionError(
        f"The input '{text[0]}' holds strings, which .tflite kernels cannot read.",
        "Export the part of the model behind the text processing: --input LAYER.",
    )
    raise ConversionError(error.message, error.hint + more)
