"""Run every benchmark in turn; JSON goes to bench-results/. Takes a few hours on two cores."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.common import REPO, arguments

ALL = (
    "shared_scores",
    "export_walltime",
    "front_door",
    "load_lower",
    "calibration_cost",
    "variants",
    "int8_latency",
    "defaults_not_slower",
    "applications",
    "rewrites",
    "hybrid_kernels",
    "schemes",
    "random_schemes",
    "lstm_forms",
    "mediapipe_agreement",
    "heads",
    "embedded_inputs",
    "ranges",
    "random_graphs",
    "sensitivity",
)


def main() -> int:
    """Run them; a benchmark that fails does not stop the others."""
    arguments(__doc__ or "").parse_args()
    failed = []
    for name in ALL:
        out = REPO / "bench-results" / f"{name}.json"
        command = [sys.executable, "-m", f"benchmarks.{name}", "--json", str(out)]
        print(f"\n=== {name}", flush=True)
        if subprocess.run(command, cwd=REPO, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
