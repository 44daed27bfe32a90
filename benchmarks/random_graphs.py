"""Rewrites thousands of random graphs: outputs stay, ops never grow, every family fires.

Each graph (tests/rewrite/generated) has 3 to 25 ops of every kind that rules look at. Outputs of
the rewritten graph may differ by 3 times what XNNPACK and the reference kernels differ by on the
unrewritten one, in the 2-norm over 3 random inputs, plus 4 ulps of the largest norm of any value on
the way; beyond 3 times, by 1e-4 of the output's own norm at most. A graph is named by its number
and made again by `--only NUMBER`.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from typing import Any

from benchmarks.common import arguments, report
from litesmith.graph import text
from litesmith.rewrite import FAMILIES
from tests.rewrite.generated.graphs import generate
from tests.rewrite.generated.judge import Verdict, judge

# Loops and LSTMs have property tests of their own; these graphs have none.
_RECURRENT = ("fuse_lstm", "unfuse_lstm")


def main() -> int:
    """Judge them; the exit code is 1 when one is wrong or a family never fired."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first graph")
    parser.add_argument("--only", type=int, help="show one graph, before and after")
    options = parser.parse_args()
    if options.only is not None:
        return _show(options.only)
    started = time.perf_counter()
    fired: Counter[str] = Counter()
    graphs: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    worst, relative, wrong = 0.0, 0.0, []
    for number in range(options.seed, options.seed + options.count):
        verdict = _judged(number)
        fired.update(verdict.fired)
        graphs.update(verdict.fired.keys())
        facts.update(
            ops_before=verdict.before,
            ops_after=verdict.after,
            changed=bool(verdict.fired),
            within_noise=verdict.within_noise,
            identical=not verdict.error,
        )
        worst = max(worst, verdict.error)
        relative = max(relative, verdict.relative)
        if verdict.problem:
            wrong.append(number)
            print(f"graph {number}: {verdict.problem}", flush=True)
    rows = [{"family": f.name, "graphs": graphs[f.name], "edits": fired[f.name]} for f in FAMILIES]
    silent = [f.name for f in FAMILIES if not fired[f.name] and f.name not in _RECURRENT]
    summary: dict[str, Any] = {"graphs": options.count, **facts, "worst part of limit": worst}
    summary["largest difference relative to its output"] = relative
    summary |= {"wrong": len(wrong), "numbers": str(wrong[:20]), "never fired": str(silent)}
    summary["seconds"] = time.perf_counter() - started
    report("random graphs", rows, options.json, **summary)
    return bool(wrong or silent)


def _judged(number: int) -> Verdict:
    try:
        return judge(generate(number), number)
    except Exception:
        return Verdict(problem=traceback.format_exc(limit=-4))


def _show(number: int) -> int:
    from litesmith.rewrite import apply

    graph = generate(number)
    print(text(graph), text(apply(graph, FAMILIES).graph), judge(graph, number), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
