from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.sources.detect import detect
from litesmith.sources.keras_file import load_keras_file
from litesmith.sources.keras_repaired import load_repaired
from litesmith.sources.loaded import Loaded
from litesmith.sources.loaders import LoadRequest
from litesmith.sources.stored import read_stored


@dataclass(frozen=True)
class Bench:
    """Loads files in this process and compares their models with the originals."""

    work: Path

    def request(self, path: Path, **options: Any) -> LoadRequest:
        self.work.mkdir(exist_ok=True)
        given = {"input_shapes": {}, "custom_objects": (), "builder": None, **options}
        return LoadRequest(
            path=path,
            form=detect(path),
            signature=None,
            work=self.work,
            progress=lambda _: None,
            **given,
        )

    def load(self, path: Path, **options: Any) -> Loaded:
        """Load as the child does."""
        request = self.request(path, **options)
        return load_keras_file(request, read_stored(path, request.form))

    def repaired_by(self, keras: Any, path: Path) -> Loaded:
        """Load a repaired copy with this Keras alone."""
        request = self.request(path)
        return load_repaired(keras, request, read_stored(path, request.form), {})

    def same(self, loaded: Loaded, original: Any, *, atol: float = 1e-5) -> None:
        """Assert that a loaded model answers as the one that was saved."""
        rng = np.random.default_rng(0)
        batch = [
            rng.uniform(0, 1, (3, *spec.shape[1:])).astype(spec.dtype) for spec in loaded.inputs
        ]
        found = [np.asarray(y) for _, y in loaded.call(batch)]
        wanted = original(batch if len(batch) > 1 else batch[0])
        wanted = wanted if isinstance(wanted, list | tuple) else [wanted]
        for a, b in zip(found, wanted, strict=True):
            assert np.std(a) > 1e-4
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-4, atol=atol)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "work")


Make = Callable[[Path], Any]
