"""The documentation's commands are found, run, and fail where they should."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import run_docs

TEXT = """# Title

<!-- runs -->
```console
$ echo one \\
    two > out.txt
printed, not run
$ test -s out.txt
```

```console
$ exit 9
```

<!-- runs exit=5 -->
```bash
exit 5
```
"""


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run_docs, "REPO", tmp_path)
    path = tmp_path / "page.md"
    path.write_text(TEXT)
    return path


def test_only_marked_blocks(document: Path) -> None:
    first, second = run_docs.blocks(document)
    assert first.script == "echo one \\\n    two > out.txt\ntest -s out.txt\n"
    assert (first.line, first.exit_code, second.exit_code) == (3, 0, 5)


def test_all_run_outside_the_checkout(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_docs.main(["page.md"]) == 0
    assert "2 passed, 0 failed" in capsys.readouterr().out
    assert not (document.parent / "out.txt").exists()


def test_a_failing_command_fails(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document.write_text(TEXT.replace("test -s out.txt", "test -s missing.txt"))
    assert run_docs.main(["page.md"]) == 1
    assert "1 passed, 1 failed" in capsys.readouterr().out


def test_nothing_marked_is_a_failure(document: Path) -> None:
    document.write_text("# Title\n")
    assert run_docs.main(["page.md"]) == 1
