"""One-op float graphs for every row of the fact table that claims an int8 kernel.

Add a sample with every row in `graph/facts.py`; the shapes, options and broadcasts are those that
kernels are known to treat differently (ranks, paddings, strides, depth 1, odd sizes).
"""

from __future__ import annotations

from tests.conformance.computing_samples import COMPUTING
from tests.conformance.moving_samples import MOVING
from tests.conformance.sample import Sample

SAMPLES: tuple[Sample, ...] = (*COMPUTING, *MOVING)

__all__ = ["SAMPLES", "Sample"]
