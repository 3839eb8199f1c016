"""The table of commands: each is there, and is imported only when it is called."""

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from app.cli import COMMANDS
from tests.app.command import ROOT, environment, here, journey

BASH = ("bash", "-c", '"$@"; exit', "bash")
"""A shell to be called from: what is shown is for the one that asks."""

HEAVY = ("app.simulation.world", "app.engine.worker", "aiokafka", "asyncpg", "schemas.csv_map", "faust")
"""What takes long to import, and most commands do without."""


def imported_by(*arguments: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    program = f"import sys; from app.cli import run; assert run({list(arguments)}) == 0; print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


def test_each_command_is_a_module_of_its_own() -> None:
    modules = {file.stem.replace("_", "-") for file in (ROOT / "app" / "commands").glob("*.py")}
    assert modules == {"--init--", *COMMANDS}


def test_a_command_imports_no_other_and_nothing_heavy_that_it_does_not_need() -> None:
    for name in ("digest", "report", "timeline", "ingest"):
        modules = imported_by(name, "--help")
        assert {module for module in modules if module.startswith("app.commands.")} == {f"app.commands.{name}"}
        assert modules.isdisjoint(HEAVY), name


def test_the_list_of_commands_says_of_each_one_sentence_or_two_without_a_break() -> None:
    """`--help` shows the first paragraph of each, and keeps its line breaks."""
    for name in COMMANDS:
        for command in import_module(f"app.commands.{name.replace('-', '_')}").app.registered_commands:
            assert "\n" not in inspect.getdoc(command.callback).partition("\n\n")[0], name


def test_the_version_needs_no_touchpoint_read() -> None:
    assert not [module for module in imported_by("--version") if module.startswith(("app.commands.", "schemas", "streams"))]


def test_one_mistyped_is_told_which_was_meant() -> None:
    ran = here("digets", cwd=ROOT)
    assert ran.status == 2
    assert "Did you mean 'digest'" in ran.err


# --- completion


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("journey ", list(COMMANDS)),
        ("journey in", ["ingest"]),
        ("journey ingest --dr", ["--dry-run"]),
        ("journey ingest --format ", ["auto", "cloudevents", "segment", "posthog"]),
        ("journey dead-letters re", ["requeue"]),
        ("journey report ", ["marketing", "sales"]),
        ("journey report sales de", ["decided"]),
    ],
)
def test_bash_is_offered_commands_options_and_their_values(tmp_path: Path, typed: str, offered: list[str]) -> None:
    at = str(len(typed.split(" ")) - 1)
    ran = journey(cwd=tmp_path, COMP_WORDS=typed, COMP_CWORD=at, _JOURNEY_COMPLETE="complete_bash")
    assert (ran.status, ran.out.split(), ran.err) == (0, offered, "")


def test_completion_is_shown_for_the_shell_that_asks_and_installed_for_it(tmp_path: Path) -> None:
    shown = journey("--show-completion", cwd=tmp_path, before=BASH)
    assert (shown.status, shown.err) == (0, "")
    assert "complete -o default -F _journey_completion journey" in shown.out
    assert "_JOURNEY_COMPLETE=complete_bash" in shown.out
    assert journey("--install-completion", cwd=tmp_path, before=BASH, HOME=str(tmp_path)).status == 0
    (installed,) = (tmp_path / ".bash_completions").iterdir()
    assert shown.out.strip() in installed.read_text()
    assert str(installed) in (tmp_path / ".bashrc").read_text()
