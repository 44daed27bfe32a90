"""The differentiable meaning of each op, in TensorFlow.

What may be added here: a kernel — one function `(Call) -> tuple[Value, ...]` in the file of its
family and one row in that file's `KERNELS`; a family — one file, and one line in `table.FAMILIES`.
The tests in tests/kernels then hold it against LiteRT unasked, on the samples of tests/conformance:
add one there. A kernel computes what the float op computes, fused activation included, for one
example or for a batch of them (see `value.Value`): all operands without an example axis give a
result without. Where it cannot, for this very op, it raises `DeclinedError`, and LiteRT runs the op
without a gradient (`frozen.py`).

Modules here import TensorFlow when they are imported, so rooms above import them inside functions,
and nothing is imported by the package itself.
"""
