"""HDF5 files that reach for other files, or declare what they do not hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.sources.hostile.conftest import Refused
from tests.sources.hostile.files import dense, entries, write

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


def _external_link(file: Any, group: str, secret: Path) -> None:
    file.require_group(group)["kernel"] = h5py.ExternalLink(str(secret), "/secret")


def _external_data(file: Any, group: str, secret: Path) -> None:
    external = [(str(secret), 0, h5py.h5f.UNLIMITED)]
    file.require_group(group).create_dataset("kernel", (4, 3), "float32", external=external)


def _virtual(file: Any, group: str, secret: Path) -> None:
    layout = h5py.VirtualLayout((4, 3), "float32")
    layout[...] = h5py.VirtualSource(str(secret), "secret", (4, 3))
    file.require_group(group).create_virtual_dataset("kernel", layout)


def _huge(file: Any, group: str, secret: Path) -> None:
    file.require_group(group).create_dataset("kernel", (1 << 21, 1 << 20), "float32")


def _huge_chunked(file: Any, group: str, secret: Path) -> None:
    options: dict[str, Any] = {"chunks": (1024, 1024), "compression": "gzip"}
    data = file.require_group(group).create_dataset("k", (1 << 15, 1 << 15), "float32", **options)
    data[0, 0] = 1


def _laughs(file: Any, group: str, secret: Path) -> None:
    """Each group holds the one before under many names."""
    below = file.require_group(group)
    for i in range(40):
        above = file.create_group(f"g{i}")
        for j in range(10):
            above[str(j)] = below
        below = above
    below["external"] = h5py.ExternalLink(str(secret), "/")


def _circle(file: Any, group: str, secret: Path) -> None:
    file.require_group(group)["again"] = file
    file[group]["external"] = h5py.ExternalLink(str(secret), "/")


DANGERS: dict[str, tuple[Callable[..., None], str]] = {
    "external link": (_external_link, "link to the file"),
    "external data": (_external_data, "keeps its data in the file"),
    "virtual": (_virtual, "put together"),
    "huge": (_huge, "says it is"),
    "huge chunked": (_huge_chunked, "says it is"),
    "laughs": (_laughs, "link to the file"),
    "circle": (_circle, "link to the file"),
}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["secret"] = np.full((4, 3), 7, "float32")
    return path


@pytest.mark.parametrize("danger", DANGERS)
def test_whole_file(tmp_path: Path, secret: Path, refused: Refused, danger: str) -> None:
    damage, says = DANGERS[danger]
    path = dense(tmp_path / "m.h5", "tf_keras")
    with h5py.File(path, "r+") as file:
        del file["model_weights/d/d"]
        damage(file, "model_weights/d/d", secret)
    accessed = secret.stat().st_atime_ns
    assert says in refused(path)
    assert secret.stat().st_atime_ns == accessed


@pytest.mark.parametrize("danger", ["external link", "external data", "virtual", "huge"])
@pytest.mark.parametrize("method", [0, 8])
def test_inside_an_archive(
    tmp_path: Path, secret: Path, refused: Refused, danger: str, method: int
) -> None:
    damage, says = DANGERS[danger]
    path = dense(tmp_path / "m.keras")
    parts = entries(path)
    inner = tmp_path / "inner.h5"
    inner.write_bytes(parts["model.weights.h5"])
    with h5py.File(inner, "r+") as file:
        del file["layers/dense/vars"]
        damage(file, "layers/dense/vars", secret)
    parts["model.weights.h5"] = inner.read_bytes()
    write(path, parts, method)
    assert says in refused(path)


def test_soft_link_stays_inside(tmp_path: Path, refused: Refused) -> None:
    """A soft link leads nowhere but inside; a dangling one is a missing weight."""
    path = dense(tmp_path / "m.h5", "tf_keras")
    with h5py.File(path, "r+") as file:
        del file["model_weights/d"]
        file["model_weights/d"] = h5py.SoftLink("/../../secret.h5/secret")
    assert str(path) in refused(path)
