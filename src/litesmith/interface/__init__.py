"""What the application feeds and reads: steps that shape the ends of a float graph.

Add here: a way of feeding (a field of `ShapeInputs`, its ops in a file of its own), a head (one
file and one row of the table in `heads/`), a kind of metadata. Every change comes twice and
independently: as ops of the graph and, in its `Translation`, as NumPy on whole batches of the
original's values; the file is proved against the original through the latter. These steps run on
the float graph, before quantization, since heads and inputs decide ranges and parity.
"""

from litesmith.interface.inputs import ShapeInputs
from litesmith.interface.names import Rename
from litesmith.interface.outputs import ShapeOutputs
from litesmith.interface.translation import Shaped, Translation, unchanged

__all__ = ["Rename", "ShapeInputs", "ShapeOutputs", "Shaped", "Translation", "unchanged"]
