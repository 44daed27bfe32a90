"""Exact comparison of graphs and of what they compute."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from litesmith.graph import Graph, Op, QuantParams, Tensor


def assert_same_graph(a: Graph, b: Graph) -> None:
    """Assert that two graphs differ in identity alone."""
    assert (a.metadata, a.files) == (b.metadata, b.files)
    assert (a.description, a.version) == (b.description, b.version)
    for one, two in zip_longest(a.graphs(), b.graphs()):
        assert one is not None and two is not None
        assert (one.name, one.signatures) == (two.name, two.signatures)
        _same_tensors(one.inputs, two.inputs)
        _same_tensors(one.outputs, two.outputs)
        order = [{id(t): i for i, t in enumerate(g.tensors())} for g in (one, two)]
        for x, y in zip_longest(one.ops, two.ops):
            _same_op(x, y)
            edges = [
                [None if t is None else places[id(t)] for t in (*op.inputs, *op.outputs)]
                for op, places in zip((x, y), order, strict=True)
            ]
            assert edges[0] == edges[1]


def _same_op(a: Op, b: Op) -> None:
    assert (a.kind, a.version, a.custom_options, a.mutating) == (
        b.kind,
        b.version,
        b.custom_options,
        b.mutating,
    )
    assert (a.options is None) == (b.options is None)
    if a.options is not None and b.options is not None:
        assert a.options.table == b.options.table
        assert {k: _plain(v) for k, v in a.options.fields.items()} == {
            k: _plain(v) for k, v in b.options.fields.items()
        }
    _same_tensors(a.inputs, b.inputs)
    _same_tensors(a.outputs, b.outputs)
    _same_tensors(a.intermediates, b.intermediates)


def _plain(value: object) -> object:
    return float(np.float32(value)) if isinstance(value, float) else value


def _same_tensors(a: tuple[Tensor | None, ...], b: tuple[Tensor | None, ...]) -> None:
    for x, y in zip_longest(a, b):
        assert (x is None) == (y is None)
        if x is None or y is None:
            continue
        for name in ("name", "shape", "dtype", "shape_signature", "has_rank", "is_variable", "raw"):
            assert getattr(x, name) == getattr(y, name), name
        assert (x.data is None) == (y.data is None), x.name
        if x.data is not None and y.data is not None:
            assert x.data.dtype == y.data.dtype
            assert x.data.shape == y.data.shape
            assert x.data.tobytes() == y.data.tobytes()
        _same_quant(x.quant, y.quant)


def _same_quant(a: QuantParams | None, b: QuantParams | None) -> None:
    assert (a is None) == (b is None)
    if a is None or b is None:
        return
    assert (a.axis, a.bits) == (b.axis, b.bits)
    for name in ("scale", "zero_point", "minimum", "maximum"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None), name
        assert x is None or np.array_equal(x, y), name
    assert (a.blockwise is None) == (b.blockwise is None)
    if a.blockwise is not None and b.blockwise is not None:
        assert a.blockwise.block_size == b.blockwise.block_size
        _same_tensors((a.blockwise.scales,), (b.blockwise.scales,))
