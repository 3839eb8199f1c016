"""What docs/asking.md shows runs: its commands are understood, its Python prints."""

import re
import shlex
from pathlib import Path

import pytest

from tests.app.command import ROOT, here, put, touch
from tests.test_readme import shell

PAGE = (ROOT / "docs" / "asking.md").read_text(encoding="utf-8")
DEAL = {"deal": "12", "owner": "anna", "campaign": "spring"}
MONEY = {"amount": "900.00", "currency": "EUR"}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    lines = (
        touch(id="v", campaign="spring"),
        touch("deal_opened", id="o", subject="deal:12", at="2026-03-06T10:00:00Z", **DEAL, **MONEY),
        touch("deal_opened", id="p", subject="deal:13", at="2026-03-06T10:00:00Z", **{**DEAL, "deal": "13", "owner": "ben"}, **MONEY),
        touch("close", id="c", subject="deal:12", at="2026-03-09T10:00:00Z", deal="12", outcome="won", **MONEY),
        *(touch(id=f"{number}") for number in range(20)),
    )
    for line in lines:
        assert here("ingest", put(tmp_path / "in.jsonl", line), "--strict", cwd=tmp_path).status == 0
    return tmp_path


def test_the_python_prints(desk: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (desk / "ask.py").write_text(code)
    assert shell("python ask.py", desk) == "anna 1 of 1\n"


def test_the_commands_are_understood(desk: Path) -> None:
    (lines,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in lines.splitlines():
        _, *arguments = shlex.split(line.partition(" > ")[0], comments=True)
        ran = here(*arguments, cwd=desk)
        assert (ran.status, ran.err) == (0, ""), line
        assert ran.out
