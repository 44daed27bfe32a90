from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from litesmith.data import load_examples, load_labelled
from litesmith.errors import InputError
from tests.data.helpers import gather, spec

RANDOM = np.random.default_rng(0)


def draw(path: Path, height: int = 6, width: int = 8, channels: int = 3) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width, channels) if channels > 1 else (height, width)
    pixels = RANDOM.integers(0, 256, shape).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_classes_are_the_sorted_folder_names(tmp_path: Path) -> None:
    pixels = [draw(tmp_path / name) for name in ("cat/2.png", "cat/1.bmp", "ant/x.PNG")]
    (tmp_path / "bee").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    labelled = load_labelled(tmp_path, [spec(None, 6, 8, 3)])
    assert labelled.class_names == ("ant", "bee", "cat")
    assert list(labelled.labels) == [0, 2, 2]
    got = gather(labelled.examples)[0]
    assert got.dtype == np.float32
    assert np.array_equal(got, np.stack([pixels[2], pixels[1], pixels[0]]))


def test_images_are_resized_as_pillow_does_and_take_the_models_channels(tmp_path: Path) -> None:
    pixels = draw(tmp_path / "a.png", 9, 7)
    draw(tmp_path / "b.jpg", 30, 20)
    image = Image.fromarray(pixels)
    rgb = gather(load_examples(tmp_path, [spec(1, 5, 4, 3, dtype="uint8")]))[0]
    assert rgb.dtype == np.uint8
    assert np.array_equal(rgb[0], np.asarray(image.resize((4, 5), Image.Resampling.BILINEAR)))
    gray = gather(load_examples(tmp_path, [spec(None, 9, 7, 1)]))[0]
    assert np.array_equal(gray[0, ..., 0], np.asarray(image.convert("L")))
    assert gather(load_examples(tmp_path, [spec(None, 9, 7)]))[0].shape == (2, 9, 7)


def test_an_input_of_any_size_takes_images_as_they_are(tmp_path: Path) -> None:
    for i, size in enumerate((4, 4, 6)):
        draw(tmp_path / f"{i}.png", size, size)
    batches = list(load_examples(tmp_path, [spec(None, None, None, 3)]).batches(8))
    assert [batch[0].shape for batch in batches] == [(2, 4, 4, 3), (1, 6, 6, 3)]


def test_palette_alpha_and_gray_files(tmp_path: Path) -> None:
    for i, mode in enumerate(("P", "RGBA", "L", "LA", "1")):
        Image.new(mode, (8, 6)).save(tmp_path / f"{i}.png")
    Image.new("CMYK", (8, 6)).save(tmp_path / "9.jpg")
    assert gather(load_examples(tmp_path, [spec(None, 6, 8, 3)]))[0].shape == (6, 6, 8, 3)


@pytest.mark.parametrize("keep", [0, 10, 100])
def test_a_broken_image_is_named(tmp_path: Path, keep: int) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.jpg", 60, 60)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "b.jpg").read_bytes()[:keep])
    with pytest.raises(InputError, match=r"b.jpg cannot be read"):
        gather(load_examples(tmp_path, [spec(None, 6, 8, 3)]))


def test_sixteen_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match="more than 8 bits"):
        load_examples(tmp_path, [spec(None, 6, 8, 1)])


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    image = [spec(None, 6, 8, 3)]
    with pytest.raises(InputError, match="holds no images"):
        load_examples(tmp_path, image)
    draw(tmp_path / "a.png")
    with pytest.raises(InputError, match="no labels") as caught:
        load_labelled(tmp_path, image)
    assert "folder of its own" in caught.value.hint
    with pytest.raises(InputError, match="no meaning"):
        load_examples(f"{tmp_path}#x", image)
    with pytest.raises(InputError, match=r"\(3, 6, 8\)"):
        load_examples(tmp_path, [spec(None, 3, 6, 8)])
    with pytest.raises(InputError, match="2 inputs"):
        load_examples(tmp_path, [*image, spec(None, 3, name="b")])
    draw(tmp_path / "cat" / "b.png")
    with pytest.raises(InputError, match="both itself and in folders"):
        load_examples(tmp_path, image)
