"""A new figure is one value and one golden case, and nothing else: what the README shows of it. So two that are there are taken out of a
copy, value and case, and nothing there knows of them; then they are put in again, by the same two edits."""

import re
import sys
from pathlib import Path

from tests.app.command import ROOT, copied, environment
from tests.services.processes import run_whole

VALUES, CASES = Path("projections/figures/lead_cycles.py"), Path("tests/projections/figures/cases_sales.py")
NAMES = ("share_accepted", "time_to_accept")
KNOWN = "from projections.figures.sections import FIGURES; print(*FIGURES)"
GOLDEN = ("-m", "pytest", "-rA", "-p", "no:cacheprovider", "tests/projections/figures/test_golden.py", "-k", "not postgresql")


def test_a_figure_is_one_value_and_one_case(tmp_path: Path) -> None:
    for part in ("journey", "projections", "schemas", "streams", "tests", "pyproject.toml"):
        copied(part, tmp_path)
    values, cases = (elements(path) for path in (VALUES, CASES))
    added = {
        tmp_path / VALUES: ("HANDOFF = (\n", [one(values, f'name="{name}"') for name in NAMES]),
        tmp_path / CASES: ("CASES = (\n", [one(cases, f'"{name}"') for name in NAMES]),
    }
    for path, (_, texts) in added.items():
        for text in texts:
            replace(path, text, "")
    assert not set(ran(tmp_path, "-c", KNOWN).split()) & {*NAMES}
    for path, (start, texts) in added.items():
        replace(path, start, start + "".join(texts))
    golden = ran(tmp_path, *GOLDEN)
    assert all(f"::test_a_figure_comes_to[{name}: " in golden for name in NAMES)
    assert "::test_every_figure_has_its_case" in golden


def elements(path: Path) -> list[str]:
    """The values of several lines in a tuple of that file."""
    return re.findall(r"^    (?:Figure|Case)\(\n.*?^    \),\n", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def one(elements: list[str], what: str) -> str:
    """The one in which `what` stands on a line of its own."""
    (found,) = [element for element in elements if f"        {what},\n" in element]
    return found


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")


def ran(project: Path, *arguments: str) -> str:
    said = run_whole([sys.executable, *arguments], timeout=120, cwd=project, env=environment(PYTHONPATH=str(project)))
    assert said.returncode == 0, f"{said.stdout.decode()}{said.stderr.decode()}"
    return said.stdout.decode()
