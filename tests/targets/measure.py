"""Write `measured/`: what the targets' own tools do with every case.

    python -m tests.targets.measure PYTHON

PYTHON is an interpreter that has ethos-u-vela and tflite-micro; litesmith does not need them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from litesmith.graph import write
from tests.targets.cases import cases

_HERE = Path(__file__).parent
_RUNS = {
    "vela_ethos_u55": ("run_vela.py", ("ethos-u55-128",), "ethos-u-vela"),
    "vela_ethos_u85": ("run_vela.py", ("ethos-u85-256",), "ethos-u-vela"),
    "tflite_micro": ("run_tflm.py", (), "tflite-micro"),
}


def main(python: str) -> None:
    """Measure all cases with the tools that `python` has."""
    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for number, case in enumerate(cases()):
            stem = f"{number:05d}"
            names[stem] = case.name
            (Path(folder) / f"{stem}.tflite").write_bytes(write(case.graph))
        (Path(folder) / "names.json").write_text(json.dumps(names))
        for name, (script, arguments, package) in _RUNS.items():
            found = _measured(python, script, folder, *arguments)
            version = _output(python, "-c", _VERSION.format(package))
            _save(name, {"tool": package, "version": version, "found": found})
            print(name, len(found), "files")


_VERSION = "import importlib.metadata as m; print(m.version('{}'))"


def _measured(python: str, script: str, folder: str, *arguments: str) -> dict[str, str]:
    """Return verdict → the names of its cases, packed to one line each."""
    text = _output(python, str(_HERE / "tools" / script), folder, *arguments)
    found: dict[str, str] = json.loads(text.splitlines()[-1])
    return found


def _output(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _save(name: str, facts: dict[str, Any]) -> None:
    text = json.dumps(facts, indent=0, sort_keys=True)
    (_HERE / "measured" / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
