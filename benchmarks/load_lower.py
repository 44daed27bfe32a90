"""Load + lower against the loader's and the converter's own time, in turns (A B A B …).

Keras files: families of keras.applications with random statistics, and the .h5 of the shared
models. Ours opens, repairs, names, converts and checks by value; the peer only loads and converts
(peers/bare_load_convert.py). Times are of one process each, without the import of TensorFlow,
which both need, and with it; on a busy machine the ratio of CPU seconds is the steadier one.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import add_shared, application, arguments, median, peer, report, run

FAMILIES = ("MobileNetV2", "ResNet50", "EfficientNetB0")
LIMIT = 1.3


def ours(path: Path) -> dict[str, float]:
    """Load and lower a file in this process, as the child of an export does; return seconds."""
    from litesmith.sources.detect import detect
    from litesmith.sources.loaders import LoadRequest, load
    from litesmith.sources.stored import read_stored
    from litesmith.sources.tensorflow import import_tensorflow

    started = time.perf_counter()
    form = detect(path)
    version = read_stored(path, form).keras_version or "2"
    import_tensorflow("keras" if version.startswith("3") else "tf_keras")
    imported, busy = time.perf_counter(), time.process_time()
    options: dict[str, Any] = {"signature": None, "input_shapes": {}, "custom_objects": ()}
    with tempfile.TemporaryDirectory() as work:
        request = LoadRequest(
            path, form, builder=None, work=Path(work), progress=lambda _: None, **options
        )
        size = len(load(request).lower(lambda _: None))
    done, cpu = time.perf_counter(), time.process_time() - busy
    times = {"import_s": imported - started, "seconds": done - imported, "cpu_s": cpu}
    return {**times, "bytes": size}


def measure(path: Path, rounds: int) -> dict[str, Any]:
    """Take turns on one file; return its row."""
    mine, bare = [], []
    for _ in range(rounds):
        process = run([sys.executable, "-m", "benchmarks.load_lower", "--one", path])
        mine.append(process.json)
        bare.append(peer("bare_load_convert.py", path).json)
    pairs = list(zip(mine, bare, strict=True))
    whole = [(a["import_s"] + a["seconds"]) / (b["import_s"] + b["seconds"]) for a, b in pairs]
    ratios = [a["seconds"] / b["seconds"] for a, b in pairs]
    return {
        "model": path.name,
        "ours s": median([a["seconds"] for a in mine]),
        "bare s": median([b["seconds"] for b in bare]),
        "median ratio": median(ratios),
        "each": " ".join(f"{ratio:.2f}" for ratio in ratios),
        "with import": median(whole),
        "CPU ratio": median([a["cpu_s"] / b["cpu_s"] for a, b in pairs]),
    }


def main() -> None:
    """Measure all, or time one file in this process."""
    parser = arguments(__doc__ or "")
    add_shared(parser)
    parser.add_argument("--one", type=Path, help="only time this file, in this process")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each")
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(ours(options.one)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        files = [application(family, Path(scratch), examples=2) for family in FAMILIES]
        for path in [*files, *sorted((options.shared / "models").glob("*.h*5"))]:
            rows.append(measure(path, options.rounds))
            print(rows[-1], flush=True)
    worst = max(row["median ratio"] for row in rows)
    report("Load + lower", rows, options.json, n=options.rounds, limit=LIMIT, worst_ratio=worst)


if __name__ == "__main__":
    main()
