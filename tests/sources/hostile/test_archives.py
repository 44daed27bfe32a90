"""Archives that lead out of themselves, or unpack to far more than they are."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.sources.hostile.conftest import Refused
from tests.sources.hostile.files import dense, entries, write

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


@pytest.mark.parametrize(
    "name",
    [
        "../outside/sentinel",
        "/tmp/litesmith-sentinel",
        "assets/../../outside/sentinel",
        "..\\outside\\sentinel",
        "C:\\sentinel",
        "\\sentinel",
    ],
)
def test_names_that_lead_out(tmp_path: Path, refused: Refused, sentinel: Path, name: str) -> None:
    path = dense(tmp_path / "m.keras")
    write(path, entries(path) | {name: b"owned"})
    assert "leads out of it" in refused(path)
    assert not Path("/tmp/litesmith-sentinel").exists()


def test_link(tmp_path: Path, refused: Refused, sentinel: Path) -> None:
    path = dense(tmp_path / "m.keras")
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, str(sentinel))
    assert "has the link" in refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice(tmp_path: Path, refused: Refused, sentinel: Path) -> None:
    path = dense(tmp_path / "m.keras")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("config.json", b"{}")
    assert "twice" in refused(path)


def test_bomb(tmp_path: Path, refused: Refused, sentinel: Path) -> None:
    path = dense(tmp_path / "m.keras")
    noise = np.random.default_rng(0).bytes(1 << 20)
    write(path, entries(path) | {"assets/a": noise, "assets/b": noise})
    for name in ("assets/a", "assets/b"):
        _forge(path, name, size=1000 << 20)
    assert "unpacks to 2 GB" in refused(path)


def _forge(path: Path, name: str, **fields: int) -> None:
    """Overwrite fields of an entry in the central directory."""
    data = bytearray(path.read_bytes())
    offsets = {"method": (10, "<H"), "packed": (20, "<I"), "size": (24, "<I"), "flags": (8, "<H")}
    offsets["header"] = (42, "<I")
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        length = struct.unpack_from("<H", data, at + 28)[0]
        if data[at + 46 : at + 46 + length] == name.encode():
            for field, value in fields.items():
                offset, form = offsets[field]
                struct.pack_into(form, data, at + offset, value)
        at = data.find(b"PK\x01\x02", at + 1)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"size": 0xFFFFFFF0}, "unpacks to 4 GB"),
        ({"method": 12}, "packed in a way"),
        ({"flags": 1}, "packed in a way"),
        ({"packed": 0x7FFFFFFF, "size": 0x7FFFFFFF}, "unpacks to|overlap"),
        ({"header": 0x7FFFFFF0}, "damaged"),
    ],
)
def test_forged_entry(
    tmp_path: Path, refused: Refused, sentinel: Path, fields: dict[str, int], says: str
) -> None:
    import re

    path = dense(tmp_path / "m.keras")
    _forge(path, "model.weights.h5", **fields)
    assert re.search(says, refused(path))


class _Payload:
    """Unpickling it leaves a trace."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (open, (str(self.path), "w"))


def test_pickled_weights(tmp_path: Path, refused: Refused, sentinel: Path) -> None:
    path = dense(tmp_path / "m.keras")
    parts = entries(path)
    del parts["model.weights.h5"]
    buffer = io.BytesIO()
    payload = np.empty(1, object)
    payload[0] = _Payload(sentinel)
    np.savez(buffer, __root__=payload, allow_pickle=True)
    parts["model.weights.npz"] = buffer.getvalue()
    assert "pickled Python objects" in refused(write(path, parts))


def test_pickles_as_models(tmp_path: Path, refused: Refused, sentinel: Path) -> None:
    import pickle

    payload = pickle.dumps(_Payload(sentinel))
    for name in ("m.keras", "m.h5", "m.pkl", "m.tflite", "m.npy", "m.pb"):
        (tmp_path / name).write_bytes(payload)
        assert refused(tmp_path / name)
    array = np.empty(1, object)
    array[0] = _Payload(sentinel)
    np.save(tmp_path / "objects.npy", array, allow_pickle=True)
    np.savez(tmp_path / "objects.npz", x=array)
    for name in ("objects.npy", "objects.npz"):
        assert "known format" in refused(tmp_path / name) or "without a Keras" in refused(
            tmp_path / name
        )
