from __future__ import annotations

import numpy as np

from litesmith.data import Examples, TensorSpec


def spec(*shape: int | None, dtype: str = "float32", name: str = "image") -> TensorSpec:
    return TensorSpec(name, shape, dtype)


def gather(examples: Examples, size: int = 7) -> list[np.ndarray]:
    """All batches of a pass, joined per input."""
    return [np.concatenate(parts) for parts in zip(*examples.batches(size), strict=True)]
