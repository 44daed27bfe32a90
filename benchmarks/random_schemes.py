"""Quantizes thousands of random graphs by every scheme: each file must load, run and be finite.

Every other graph is made around one op, so that every row of `graph/facts.py` has its turn
(tests/quantize/generated); the others are nets of 3 to 25 ops (tests/rewrite/generated). Some
schemes, a mixture of bits per kind of op among them, are drawn for each; each makes a file that
LiteRT's default kernels load and run, on the examples that were calibrated on and on others up to
twice as far from zero. NaN and infinity count only where the float graph answers neither. Work is
done in a child, so that a crash of a kernel is a finding too. A graph is named by its number and
made again by `--only`; `--log` keeps what was found, and a second run goes on behind it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import REPO, arguments, report
from litesmith.data import Examples
from litesmith.errors import InputError, LoadError
from litesmith.graph import Graph, Op, verify, write
from litesmith.graph.census import computes_in_float, op_counts
from litesmith.graph.facts import FACTS, facts
from litesmith.quantize import SCHEMES, Quantize, find_scheme
from litesmith.rewrite import INTEGER_STEPS
from litesmith.runtime import Session
from tests.quantize.generated import around, values
from tests.rewrite.generated.graphs import generate
from tests.support.graphs import examples

_CHUNK = 200
_EXAMPLES, _UNSEEN = 3, 2
_RESULTS = ("ok", "no_data", "refused", "nan", "crash")


def main() -> int:
    """Quantize them; the exit code is 1 when a file is refused, crashes or answers NaN."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--count", type=int, default=5000, help="random graphs")
    parser.add_argument("--start", type=int, default=0, help="number of the first")
    parser.add_argument("--only", type=int, help="one graph by all schemes, in this process")
    parser.add_argument("--each", type=int, default=5, help="schemes that a graph draws of all")
    parser.add_argument("--log", type=Path, help="where results are kept, to go on from")
    parser.add_argument("--child", action="store_true", help="of this program itself")
    options = parser.parse_args()
    if options.only is not None or options.child:
        first = options.start if options.only is None else options.only
        for number in range(first, first + (options.count if options.only is None else 1)):
            _tell(number, options.each if options.only is None else None)
        return 0
    found, wrong, start = _resumed(options.log, options.start)
    end = options.start + options.count
    while start < end:
        new, bad, start = _chunk(start, min(_CHUNK, end - start), options.each)
        found, wrong = found + new, [*wrong, *bad]
        if options.log is not None:
            with options.log.open("a") as log:
                log.write(json.dumps({"next": start, "found": new, "wrong": bad}) + "\n")
    names = (*SCHEMES, "mixture")
    rows = [{"scheme": n, **{what: found[f"{n} {what}"] for what in _RESULTS}} for n in names]
    print(f"{options.count} graphs")
    report("files by scheme", rows, options.json, graphs=options.count, wrong=wrong[:20])
    report("good files by kind of op and scheme", _by_kind(found, names), None)
    return 1 if wrong else 0


def _by_kind(found: Counter[str], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return a row per kind: files in which it computes (in integers, where activations are)."""
    kinds = sorted({key.split()[2] for key in found if " kind " in key} | set(FACTS))
    return [{"kind": k, **{n: found[f"{n} kind {k}"] for n in names}} for k in kinds]


def _resumed(log: Path | None, start: int) -> tuple[Counter[str], list[dict[str, Any]], int]:
    found = Counter[str]()
    wrong: list[dict[str, Any]] = []
    if log is not None and log.exists():
        for line in map(json.loads, log.read_text().splitlines()):
            found.update(line["found"])
            wrong += line["wrong"]
            start = line["next"]
    return found, wrong, start


def _chunk(start: int, count: int, each: int) -> tuple[Counter[str], list[dict[str, Any]], int]:
    """Run graphs in a child; return what was found and the number to go on with."""
    found = Counter[str]()
    wrong: list[dict[str, Any]] = []
    command = [sys.executable, "-m", "benchmarks.random_schemes", "--child"]
    command += ["--start", str(start), "--count", str(count), "--each", str(each)]
    child = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    last = start, "none"
    for line in child.stdout.splitlines():
        number, scheme, *result = line.split(maxsplit=3)
        last = int(number), scheme
        if not result:
            continue
        found[f"{scheme} {result[0]}"] += 1
        if result[0] == "ok":
            found.update(f"{scheme} kind {kind}" for kind in result[1].split(","))
        elif result[0] != "no_data":
            wrong.append({"graph": int(number), "scheme": scheme, "result": " ".join(result)})
    if not child.returncode:
        return found, wrong, start + count
    found[f"{last[1]} crash"] += 1
    wrong.append({"graph": last[0], "scheme": last[1], "result": child.stderr[-300:]})
    return found, wrong, last[0] + 1


def _tell(number: int, each: int | None) -> None:
    """Print a line before each scheme (in case it crashes) and one with its result."""
    graph = generate(number // 2) if number % 2 else around(number // 2)
    arrays = values(graph, _EXAMPLES + _UNSEEN, number)
    for array in (a for a in arrays if a.dtype == np.float32):
        array[_EXAMPLES:] *= 2
    finite = [_finite(graph, _rows(arrays, unseen)) for unseen in (False, True)]
    lowered = graph
    for step in INTEGER_STEPS:
        lowered = step(lowered).graph
    random = np.random.default_rng(number)
    steps = {name: Quantize(name, edge_bits=_edge_bits(name)) for name in SCHEMES}
    mixed = Quantize(str(random.choice(list(SCHEMES))))
    kinds = sorted(op_counts(lowered if mixed.integer_activations else graph))
    few = [1, 2, 3] if mixed.integer_activations else []
    choices = [*few, 4, 8, 16, 32]
    bits = tuple(f"{kind}={random.choice(choices)}" for kind in random.permutation(kinds))
    steps["mixture"] = replace(mixed, bits=bits)
    data = {each: examples(each, _rows(arrays, False)) for each in (graph, lowered)}
    drawn = random.permutation(list(steps))[:each]
    for name, step in ((name, steps[name]) for name in map(str, drawn)):
        print(number, name, flush=True)
        source = lowered if step.integer_activations else graph
        print(number, name, _result(step, source, data[source], arrays, finite), flush=True)


def _edge_bits(scheme: str) -> int:
    """Return the bits of all ops as those of edges: in small nets every op may be one."""
    return find_scheme(scheme).bits if find_scheme(scheme).needs_training else 0


def _rows(arrays: list[Any], unseen: bool) -> list[Any]:
    return [a[_EXAMPLES:] if unseen else a[:_EXAMPLES] for a in arrays]


def _result(
    step: Quantize, graph: Graph, data: Examples, arrays: list[Any], finite: list[bool]
) -> str:
    told = f"{step.scheme} {step.bits}"
    try:
        result = verify(step(graph, data).graph)
    except InputError as error:  # the float graph overflows, maybe only on the way
        overflows = not finite[0] or "computes NaN or infinity" in error.message
        return "no_data" if overflows else f"refused {told} {error}"
    except Exception as error:  # found while it was tried, or our own defect
        return f"refused {told} {type(error).__name__} {' '.join(str(error).split())}"
    try:
        session = Session(write(result))
        good = [_runs(session, _rows(arrays, unseen)) for unseen in (False, True)]
    except LoadError as error:
        return f"refused {told} {' '.join(str(error).split())}"
    bad = [g < f for g, f in zip(good, finite, strict=True)]
    if any(bad):
        return f"nan {told} {'calibrated' if bad[0] else 'unseen'}"
    return f"ok {','.join(_kinds(result, step)) or '-'}"


def _kinds(graph: Graph, step: Quantize) -> list[str]:
    """Return the kinds of op that compute, in integers where the scheme's activations are."""
    whole = find_scheme(step.scheme).integer
    return sorted({op.kind for op in graph.ops if not whole or _integer(op)})


def _integer(op: Op) -> bool:
    row = facts(op)
    quantized = any(t is not None and t.quant is not None for t in (*op.inputs, *op.outputs))
    return row is not None and quantized and not computes_in_float(op)


def _finite(graph: Graph, arrays: list[Any]) -> bool:
    return _runs(Session(write(graph)), arrays)


def _runs(session: Session, arrays: list[Any]) -> bool:
    shaped = [
        a.reshape(len(a), *p.example_shape) for a, p in zip(arrays, session.inputs, strict=True)
    ]
    return all(bool(np.isfinite(v).all()) for v in session.run(shaped) if v.dtype.kind == "f")


if __name__ == "__main__":
    sys.exit(main())
