"""Run the commands that the documentation shows: every block marked <!-- runs -->.

    python tests/project/run_docs.py README.md docs

A block is a ```console or ```bash fence right under a comment `<!-- runs -->` (or `<!-- runs
exit=5 -->` where the command is meant to fail that way). In a console block the lines after `$ `
are commands and the rest is what they printed. The blocks of one file run in order in one scratch
folder in which the checkout's files are found, so nothing is written into the checkout.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"^<!-- runs(?: exit=(?P<exit>\d+))? -->\n+```(?P<kind>console|bash)\n(?P<body>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
TIMEOUT_S = 900


@dataclass(frozen=True)
class Block:
    """One block: where it stands, the shell script it amounts to, the exit code it should have."""

    file: Path
    line: int
    script: str
    exit_code: int


def blocks(file: Path) -> Iterator[Block]:
    """Yield the marked blocks of a Markdown file."""
    text = file.read_text()
    for match in BLOCK.finditer(text):
        body = match["body"]
        script = console_commands(body) if match["kind"] == "console" else body
        line = text[: match.start()].count("\n") + 1
        yield Block(file, line, script, int(match["exit"] or 0))


def console_commands(body: str) -> str:
    """Keep the lines after `$ ` and what they continue on."""
    commands = []
    continued = False
    for line in body.splitlines():
        if line.startswith("$ ") or continued:
            commands.append(line.removeprefix("$ "))
            continued = line.endswith("\\")
    return "\n".join(commands) + "\n"


def run_block(block: Block, folder: Path) -> bool:
    """Run one block; say how it went."""
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    started = time.monotonic()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.script],
        cwd=folder,
        env={**os.environ, "PATH": search},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    fine = done.returncode == block.exit_code
    where = f"{block.file.relative_to(REPO)}:{block.line}"
    verdict = "ok" if fine else f"exit {done.returncode}, not {block.exit_code}"
    print(f"{where}: {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
    if not fine:
        print(block.script, done.stdout[-3000:], done.stderr[-3000:], sep="\n")
    return fine


def scratch_checkout(folder: Path) -> None:
    """Link the checkout's own top-level files into a scratch folder."""
    for entry in REPO.iterdir():
        if entry.name != ".git":
            (folder / entry.name).symlink_to(entry)


def markdown_files(names: list[str]) -> Iterator[Path]:
    """Yield the Markdown files named, and those below the folders named."""
    for name in names:
        path = REPO / name
        yield from sorted(path.rglob("*.md")) if path.is_dir() else [path]


def main(names: list[str]) -> int:
    """Run all blocks; count in the last line."""
    outcomes = []
    for file in markdown_files(names):
        with tempfile.TemporaryDirectory() as scratch:
            scratch_checkout(Path(scratch))
            outcomes += [run_block(block, Path(scratch)) for block in blocks(file)]
    if not outcomes:
        print("no block is marked <!-- runs -->")
        return 1
    print(f"{sum(outcomes)} passed, {len(outcomes) - sum(outcomes)} failed")
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
