"""A folder of images: `class_name/*.jpg|png|bmp`, or flat and without labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from litesmith.data.dataset import Dataset
from litesmith.data.fit import show
from litesmith.data.keys import Keys
from litesmith.data.rows import Block, Rows
from litesmith.data.specs import Array, TensorSpec
from litesmith.errors import InputError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_DEEP = ("I", "F")


@dataclass(frozen=True)
class ImageReader:
    """Image files decoded one by one.

    Attributes:
        files: the images.
        size_hw: (height, width) to resize to; None keeps each image's own.
        mode: Pillow's name of the channels: L, RGB or RGBA.
        reverse: yield the channels in the reverse order (BGR).
    """

    files: tuple[Path, ...]
    size_hw: tuple[int, int] | None
    mode: str
    reverse: bool = False

    @property
    def size(self) -> int | None:
        """Number of images."""
        return len(self.files)

    def blocks(self, rows: Rows) -> Iterator[Block]:
        """Yield uint8[1, height, width(, channels)] per image."""
        for row in rows:
            yield (self._decode(self.files[row])[np.newaxis],)

    def _decode(self, path: Path) -> Array:
        from PIL import Image

        try:
            with Image.open(path) as file:
                if file.mode.startswith(_DEEP):
                    raise InputError(f"{path} has more than 8 bits per channel (mode {file.mode}).")
                image = file.convert(self.mode)
            if self.size_hw is not None and image.size != self.size_hw[::-1]:
                image = image.resize(self.size_hw[::-1], Image.Resampling.BILINEAR)
            values = np.asarray(image, np.uint8)
            return values[..., ::-1] if self.reverse else values
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            detail = " ".join(str(error).split())
            raise InputError(f"The image {path} cannot be read: {detail}") from error


def open_images(path: Path, keys: Keys, inputs: Sequence[TensorSpec]) -> Dataset:
    """Open a folder; the label is the index of the sorted folder names (empty folders count).

    Images are resized (bilinear, aspect ratio not kept) to the input's height and width and made
    gray or RGB by its channels. EXIF rotation is not applied, as TensorFlow's decoders do not.

    Raises:
        InputError: no images, or a model that does not read one image in height, width, channels.
    """
    if keys.text:
        raise InputError(f"{path} is a folder of images, so '#{keys.text}' has no meaning.")
    size_hw, mode = _layout(path, inputs)
    flat = _images(path)
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not _hidden(p))
    groups = [_images(folder) for folder in folders]
    files = tuple(file for group in groups for file in group)
    if flat and files:
        raise InputError(
            f"{path} holds images both itself and in folders, so the labels are not clear.",
            "Move them all into one folder per class, or all into one flat folder.",
        )
    if not flat and not files:
        raise InputError(
            f"{path} holds no images.",
            f"Looked for {', '.join(sorted(SUFFIXES))} in it and in its folders.",
        )
    hint = "Put the images of each class into a folder of its own."
    reader = ImageReader(tuple(flat) or files, size_hw, mode, inputs[0].channels == "bgr")
    if flat:
        return Dataset(reader, str(path), labels_hint=hint)
    labels = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return Dataset(reader, str(path), lambda: labels, tuple(f.name for f in folders), hint)


def class_folders(place: str | Path) -> tuple[str, ...]:
    """Return the names of the classes of a folder of images, () when it is something else."""
    path = Path(place)
    if not path.is_dir() or _images(path):
        return ()
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not _hidden(p))
    return tuple(f.name for f in folders) if any(map(_images, folders)) else ()


def _hidden(path: Path) -> bool:
    return path.name.startswith((".", "__MACOSX"))


def _images(folder: Path) -> list[Path]:
    return sorted(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in SUFFIXES and p.is_file() and not _hidden(p)
    )


def _layout(path: Path, inputs: Sequence[TensorSpec]) -> tuple[tuple[int, int] | None, str]:
    if len(inputs) != 1:
        raise InputError(
            f"{path} is a folder of images, but the model has {len(inputs)} inputs.",
            "Use an .npz with one array per input.",
        )
    shape = inputs[0].channels_last().example_shape
    channels = shape[2] if len(shape) == 3 else 1
    if len(shape) not in (2, 3) or channels not in _MODES:
        raise InputError(
            f"{path} is a folder of images, but the model's input '{inputs[0].name}' has shape "
            f"{show(shape)} and not (height, width, 1 or 3).",
            "Use an .npz with the values as the model reads them.",
        )
    height, width = shape[:2]
    mode = _MODES[channels]
    return (None if height is None or width is None else (height, width)), mode
