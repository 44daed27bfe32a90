"""python run_vela.py FOLDER ethos-u55-128: where Vela places each file's op, as JSON.

"npu"; "cpu"; "fails" when it does not compile the file.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from ethosu.vela import vela
from ethosu.vela.tflite.Model import Model
from isolated import each


def _compile(file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            vela.main([str(file), "--accelerator-config", sys.argv[2], "--output-dir", folder])
        except BaseException as error:
            print("EXCEPTION", repr(error))
        # Vela's statistics can fail on files that it has compiled: what it wrote is what counts.
        made = list(Path(folder).glob("*_vela.tflite"))
        print("\nVERDICT", _placed(made[0].read_bytes()) if made else "fails", flush=True)


def _placed(model: bytes) -> str:
    root = Model.GetRootAs(model, 0)
    custom = [root.OperatorCodes(i).CustomCode() for i in range(root.OperatorCodesLength())]
    graph = root.Subgraphs(0)
    codes = [graph.Operators(i).OpcodeIndex() for i in range(graph.OperatorsLength())]
    return "npu" if all(custom[code] == b"ethos-u" for code in codes) else "cpu"


# Vela can take its process down: then there is no verdict at all.
found = {
    n: t.rpartition("VERDICT ")[2].strip() for n, t in each(_compile).items() if "VERDICT" in t
}
names = json.loads((Path(sys.argv[1]) / "names.json").read_text()).values()
print(json.dumps({name: found.get(name, "fails") for name in names}))
