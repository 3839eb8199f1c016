"""The README is true: its commands run, they print what it says, and its additions to the code work, in a scratch copy.

What is to be done with a block stands in a comment before it: `file: NAME` (it is that file), `run`, `prints` (what the block before it
does), `edit: PATH before|after|instead of: LINE` (of the one line of that file that starts so), `run in a copy` (of the project, with all
edits), `stands in: PATH` (that file has it), `run with NAME=VALUE`, `run where the data is` (that we may not ship).
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from projections.marketing import marketing
from tests.app.command import ROOT, copied, environment
from tests.e2e.test_online_shoppers import REAL, SQL
from tests.services.processes import run_whole

README = (ROOT / "README.md").read_text(encoding="utf-8")
MARKED = re.compile(r"^<!-- (?P<what>.*?) -->\n```\w+\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
EDIT = re.compile(r"edit: (?P<path>\S+) (?P<where>before|after|instead of): (?P<line>.*)")
PACKAGES = ("app", "journey", "projections", "schemas", "streams")
SECONDS_MAX = 120


class Block(NamedTuple):
    what: str
    text: str


BLOCKS = [Block(found["what"], found["text"]) for found in MARKED.finditer(README)]


def of(what: str) -> list[Block]:
    return [block for block in BLOCKS if block.what.startswith(what)]


def shell(text: str, desk: Path, project: Path = ROOT, **env: str) -> str:
    """What `text` prints, run in `desk` with the code of `project` as the command `journey`."""
    commands = desk / "commands"
    commands.mkdir(exist_ok=True)
    for name, call in (("journey", f'"{sys.executable}" -m app'), ("python", f'"{sys.executable}"')):
        (commands / name).write_text(f'#!/bin/sh\nexec {call} "$@"\n')
        (commands / name).chmod(0o755)
    ours = environment(PYTHONPATH=str(project), PYTHONDONTWRITEBYTECODE="1", JOURNEY="journey", **env)
    ours["PATH"] = f"{commands}:{ours['PATH']}"
    said = run_whole(["bash", "-euo", "pipefail", "-c", text], timeout=SECONDS_MAX, cwd=desk, env=ours)
    assert said.returncode == 0, f"{text}\n{said.stdout.decode()}{said.stderr.decode()}"
    return said.stdout.decode()


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the files that the README makes, and the examples."""
    for block in of("file: "):
        (tmp_path / block.what.removeprefix("file: ")).write_text(block.text)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def told(text: str) -> str:
    """`text` without what changes with every change of the definition that ships or of a read model, and with how it was taken in."""
    text = re.sub(r"position \d+ · definition [0-9a-f]{12}", "position N · definition D", text)
    return re.sub(r"digest [0-9a-f]{12}", "digest D", text).strip()


def test_every_block_has_a_mark_that_is_known() -> None:
    known = re.compile(r"file: \S+|stands in: \S+|run|prints|run in a copy|run with \w+=\w+|run where the data is|" + EDIT.pattern)
    assert [block.what for block in BLOCKS if not known.fullmatch(block.what)] == []
    assert len(BLOCKS) == README.count("\n<!-- ")


def test_the_commands_run_and_print_what_it_says(desk: Path) -> None:
    printed = ""
    for block in BLOCKS:
        if block.what == "run":
            printed = shell(block.text, desk)
        elif block.what == "prints":
            assert told(printed) == told(block.text)


def edited(project: Path, block: Block) -> None:
    """Do what the reader is told to."""
    found = EDIT.fullmatch(block.what)
    assert found is not None, block.what
    path = project / found["path"]
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = [number for number, line in enumerate(lines) if line.startswith(found["line"])]
    assert len(at) == 1, f"{found['path']} has {len(at)} lines that start with {found['line']!r}"
    start = at[0] + (found["where"] == "after")
    lines[start : start + (found["where"] == "instead of")] = [block.text]
    path.write_text("".join(lines), encoding="utf-8")


def test_a_rule_a_type_a_row_and_a_figure_are_added_as_it_says(desk: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    project = tmp_path_factory.mktemp("project")
    for name in PACKAGES:
        copied(name, project)
    edits = of("edit: ")
    assert len(edits) == 5
    for block in edits:
        assert block.text.count("\n") <= 10
        edited(project, block)
    printed = [shell(block.text, desk, project) for block in of("run in a copy")]
    rule, kind, row, figure = printed
    assert "definition  " in rule
    assert re.search(r"accepted +1\n", kind)
    assert "('awareness', 'first-contact', 1)" in row
    assert re.search(r"^handoff,share_accepted,share,.*,ann,2026-Q1,1,1,1,", figure, re.MULTILINE)
    assert (project / "schemas" / "touchpoints" / "webinar_rated.v1.json").exists()


def test_the_next_version_of_a_read_model_is_the_one_after_that_in_use() -> None:
    (block,) = of("edit: projections/marketing.py instead of")
    assert block.text.strip() == f"version={marketing.version + 1},"


def test_a_figure_and_its_golden_case_are_what_it_shows() -> None:
    shown = of("stands in: ")
    assert shown
    for block in shown:
        assert block.text in (ROOT / block.what.removeprefix("stands in: ")).read_text(encoding="utf-8")


def test_one_digest_can_be_seen(desk: Path) -> None:
    (block,) = of("run with ")
    name, value = block.what.removeprefix("run with ").split("=")
    printed = shell(block.text, desk, **{name: value})
    assert printed.endswith("the first four are equal; one touchpoint less, and it is another\n")
    assert printed.count("\n") == 6


@pytest.mark.skipif(not REAL.exists(), reason="the data is not ours to ship")
def test_the_real_data_give_the_figures_that_it_states(desk: Path) -> None:
    (desk / REAL.name).symlink_to(REAL)
    (block,) = of("run where the data is")
    lines = shell(block.text, desk).splitlines()
    figures = next(number for number, line in enumerate(lines) if line.startswith("people "))
    assert lines[figures - 1].split()[0] == "12,330"
    assert any("1,908" in line.split() for line in lines)
    assert SQL.strip() in README


def test_it_starts_with_one_sentence_and_the_two_commands() -> None:
    assert README.index("make demo ") < README.index("make test ") < README.index("## Your own data")
