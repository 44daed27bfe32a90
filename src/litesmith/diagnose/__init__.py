"""What is wrong with data, with a quantized file, and where two graphs part ways: told, not mended.

    examples.py                representative data by itself
    expected.py, first_ops.py  the same against what the model was made for
    layers.py                  two graphs, tensor by tensor
    autopsy.py                 a quantized file by its own numbers: scales.py, weights.py, forms.py
    measured.py                the same on examples
    taps.py                    every tensor of a graph on the same examples

Add here: a check of one kind of fault, as a function that yields findings with numbers and a
remedy. Right data and good files must yield none: a false alarm is a defect.
"""

from litesmith.diagnose.autopsy import autopsy
from litesmith.diagnose.findings import Finding
from litesmith.diagnose.layers import Layer, Layers, compare_layers
from litesmith.diagnose.measured import measured

__all__ = ["Finding", "Layer", "Layers", "autopsy", "compare_layers", "measured"]
