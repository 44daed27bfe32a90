from __future__ import annotations

import gzip
import hashlib

from hypothesis import given
from hypothesis import strategies as st

from litesmith.measure import measure_size


@given(st.binary(max_size=500))
def test_sizes_and_digest_depend_on_the_bytes_alone(data: bytes) -> None:
    size = measure_size(data)
    assert size == measure_size(data)
    assert size.raw_bytes == len(data)
    assert size.gzip_bytes == len(gzip.compress(data, 9))
    assert size.sha256 == hashlib.sha256(data).hexdigest()


def test_what_repeats_is_small() -> None:
    assert measure_size(bytes(100_000)).gzip_bytes < 200
