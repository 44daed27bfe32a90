"""Is a model file harmless? Asked before any loader sees it; nothing in it is followed or run.

Each function looks at one container and raises a `LoadError` of one sentence: `archive` at the zip
of a `.keras`, `hdf5` at links, sizes and datasets kept elsewhere, `config` at the classes and
functions that a Keras configuration names, `connections` at layers that wait for each other,
`tensors` at the sizes that a `.tflite` claims.
TensorFlow graphs are looked at in `sources/hostile.py`.

Add here: another danger of one of these containers, with a file in tests/sources/hostile that has
it and that would leave a trace if it worked.
"""

from litesmith.sources.vetting.config import refuse_dangerous, refuse_imports
from litesmith.sources.vetting.connections import refuse_endless, waits_for_ever
from litesmith.sources.vetting.files import vet
from litesmith.sources.vetting.tensors import refuse_huge

__all__ = [
    "refuse_dangerous",
    "refuse_endless",
    "refuse_huge",
    "refuse_imports",
    "vet",
    "waits_for_ever",
]
