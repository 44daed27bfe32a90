"""Opens thousands of damaged files of each format: one sentence or the right answer, always.

Counts outcomes by format and prints every defect: a traceback, a hang, a crash of the parent, an
error without an exit code of its own, or an answer that differs from what the loader gives. Each
file is named by (format, seed, index) and made again by `--only FORMAT:INDEX`.
"""

from __future__ import annotations

import os

os.environ.update(
    KERAS_BACKEND="tensorflow",
    TF_USE_LEGACY_KERAS="0",
    CUDA_VISIBLE_DEVICES="-1",
    TF_CPP_MIN_LOG_LEVEL="3",
    TF_NUM_INTRAOP_THREADS="1",
    TF_NUM_INTEROP_THREADS="1",
    OMP_NUM_THREADS="1",
)

import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from benchmarks.common import arguments
from tests.sources.fuzz.harness import Result, fuzz
from tests.sources.fuzz.originals import FORMATS


def main() -> int:
    """Fuzz; the exit code is 1 when there was a defect."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--count", type=int, default=3000, help="files of each format")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--formats", default=",".join(FORMATS), help="comma-separated")
    parser.add_argument("--only", help="FORMAT:INDEX, one file")
    options = parser.parse_args()
    formats, indices = (
        options.formats.split(","),
        range(options.first, options.first + options.count),
    )
    if options.only:
        form, _, index = options.only.partition(":")
        formats, indices = [form], range(int(index), int(index) + 1)
    import keras  # noqa: F401 - before the first fork
    import tensorflow  # noqa: F401
    import tf_keras  # noqa: F401

    defects: list[Result] = []
    counts: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        tempfile.tempdir = scratch
        os.environ["XDG_STATE_HOME"] = f"{scratch}/state"
        for form in formats:
            counts[form] = Counter()
            started = time.monotonic()
            for result in fuzz(form, indices, options.seed, Path(scratch)):
                counts[form][_class(result)] += 1
                if result.defect:
                    defects.append(result)
                    print(f"DEFECT {result}", flush=True)
                elif options.only or result.outcome.startswith("died"):
                    print(result, flush=True)
            print(f"{form}: {dict(counts[form])} in {time.monotonic() - started:.0f} s", flush=True)
        if options.only:
            print(Path(scratch, "log").read_text()[-4000:])
    if options.json:
        document = {"counts": counts, "defects": [asdict(d) for d in defects]}
        Path(options.json).write_text(json.dumps(document, indent=1))
    print(f"{sum(c.total() for c in counts.values())} files, {len(defects)} defects")
    return bool(defects)


def _class(result: Result) -> str:
    if result.outcome == "ok":
        return "ok, same answers" if result.same else "ok, other weights or graph"
    return result.outcome


if __name__ == "__main__":
    sys.exit(main())
