"""Quantizes thousands of random graphs by every scheme: each file must load, run and be finite.

Each graph (tests/rewrite/generated) has 3 to 25 ops of every kind. Every scheme, and a mixture of
bits per kind of op drawn for the graph, makes a file that LiteRT's default kernels load and run on
three examples; NaN counts only where the float graph answers none. Work is done in a child, so that
a crash of a kernel is a finding too. A graph is named by its number and made again by `--only`.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.common import REPO, arguments, report
from litesmith.errors import InputError, LoadError
from litesmith.graph import Graph, verify, write
from litesmith.graph.census import op_counts
from litesmith.quantize import SCHEMES, Quantize
from litesmith.rewrite import INTEGER_STEPS
from litesmith.runtime import Session
from tests.rewrite.generated.graphs import generate
from tests.support.graphs import draw, examples

_CHUNK = 50
_EXAMPLES = 3


def main() -> int:
    """Quantize them; the exit code is 1 when a file is refused, crashes or answers NaN."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--count", type=int, default=5000, help="random graphs")
    parser.add_argument("--start", type=int, default=0, help="number of the first")
    parser.add_argument("--only", type=int, help="one graph, in this process")
    parser.add_argument("--child", action="store_true", help="of this program itself")
    options = parser.parse_args()
    if options.only is not None or options.child:
        first = options.start if options.only is None else options.only
        for number in range(first, first + (options.count if options.only is None else 1)):
            _tell(number)
        return 0
    found = Counter[str]()
    wrong: list[dict[str, Any]] = []
    end = options.start + options.count
    start = options.start
    while start < end:
        start = _chunk(start, min(_CHUNK, end - start), found, wrong)
    rows = [{"scheme": name, **_counts(found, name)} for name in (*SCHEMES, "mixture")]
    report("random graphs by scheme", rows, options.json, graphs=options.count, wrong=wrong[:20])
    return 1 if wrong else 0


def _counts(found: Counter[str], name: str) -> dict[str, int]:
    return {what: found[f"{name} {what}"] for what in ("ok", "no_data", "refused", "nan", "crash")}


def _chunk(start: int, count: int, found: Counter[str], wrong: list[dict[str, Any]]) -> int:
    """Run graphs in a child; return the number to go on with."""
    command = [sys.executable, "-m", "benchmarks.random_schemes", "--child"]
    command += ["--start", str(start), "--count", str(count)]
    child = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    last = start, "none"
    for line in child.stdout.splitlines():
        number, scheme, *result = line.split(maxsplit=3)
        last = int(number), scheme
        if not result:
            continue
        found[f"{scheme} {result[0]}"] += 1
        if result[0] not in ("ok", "no_data"):
            wrong.append({"graph": int(number), "scheme": scheme, "result": " ".join(result)})
    if child.returncode:
        found[f"{last[1]} crash"] += 1
        wrong.append({"graph": last[0], "scheme": last[1], "result": child.stderr[-300:]})
        return last[0] + 1
    return start + count


def _tell(number: int) -> None:
    """Print a line before each scheme (in case it crashes) and one with its result."""
    graph = generate(number)
    arrays = draw(graph, _EXAMPLES, number)
    finite = _finite(graph, arrays)
    lowered = graph
    for step in INTEGER_STEPS:
        lowered = step(lowered).graph
    random = np.random.default_rng(number)
    steps = {name: Quantize(name) for name in SCHEMES}
    mixed = Quantize(str(random.choice(list(SCHEMES))))
    kinds = sorted(op_counts(lowered if mixed.integer_activations else graph))
    bits = tuple(f"{kind}={random.choice([4, 8, 16, 32])}" for kind in random.permutation(kinds))
    steps["mixture"] = replace(mixed, bits=bits)
    for name, step in steps.items():
        print(number, name, flush=True)
        source = lowered if step.integer_activations else graph
        print(number, name, _result(step, source, arrays, finite), flush=True)


def _result(step: Quantize, graph: Graph, arrays: list[Any], finite: bool) -> str:
    try:
        result = verify(step(graph, examples(graph, arrays)).graph)
    except InputError as error:
        return "no_data" if not finite else f"refused {step.scheme} {error}"
    except LoadError as error:  # found while it was tried
        return f"refused {step.scheme} {step.bits} {error}"
    try:
        return "ok" if _finite(result, arrays) or not finite else f"nan {step.scheme} {step.bits}"
    except Exception as error:
        return f"refused {step.scheme} {step.bits} {' '.join(str(error).split())}"


def _finite(graph: Graph, arrays: list[Any]) -> bool:
    session = Session(write(graph))
    shaped = [
        a.reshape(len(a), *p.example_shape) for a, p in zip(arrays, session.inputs, strict=True)
    ]
    return all(bool(np.isfinite(v).all()) for v in session.run(shaped) if v.dtype.kind == "f")


if __name__ == "__main__":
    sys.exit(main())
