"""Compile the bodies of `bodies.py` by several Pythons; writes recorded.json beside this file.

python make_recorded.py PYTHON [PYTHON …]     (paths of interpreters, 2.7 and 3.6 … 3.13)
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

# Runs in every one of them, 2.7 included.
PROGRAM = """
import base64, json, marshal, sys
dumps = lambda f: base64.b64encode(marshal.dumps(f.__code__)).decode("ascii")
found = {}
for name, source in json.load(sys.stdin).items():
    scope = {"c": 255.0}
    try:
        exec(source, scope)
    except SyntaxError:
        continue
    found[name] = dumps(scope["f"])
print(json.dumps({"version": "%d.%d" % sys.version_info[:2], "codes": found}))
"""


def main() -> None:
    """Record what each interpreter compiles."""
    here = Path(__file__).parent
    sys.path.insert(0, str(here))
    from bodies import GOOD, REFUSED  # type: ignore[import-not-found]

    sources = {name: body.source for name, body in GOOD.items()}
    sources |= {name: source for name, (source, _) in REFUSED.items()}
    recorded: dict[str, dict[str, str]] = {}
    for python in sys.argv[1:]:
        answer = subprocess.run(
            [python, "-c", PROGRAM],
            input=json.dumps(sources),
            capture_output=True,
            text=True,
            check=True,
        )
        result = json.loads(answer.stdout)
        for name, code in result["codes"].items():
            recorded.setdefault(name, {})[result["version"]] = code
    (here / "recorded.json").write_text(json.dumps(recorded, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
