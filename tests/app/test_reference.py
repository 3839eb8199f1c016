"""The pages that are made from the code say what the code says, and the pages that people write name files that there are."""

import json
import re
import sys
from pathlib import Path
from types import FrameType

import pytest

from app.engine.embedded import opened
from app.engine.json_files import json_files, read_files
from app.reference.__main__ import PAGES
from app.reference.source import classes_of
from journey import definition, facts
from journey import touchpoints as vocabulary
from journey.definition import Model
from journey.facts import KINDS, NEVER
from journey.touchpoints import TYPES
from projections.figures.answering import answer
from projections.figures.audience import touchpoints
from projections.figures.figure import Asked
from schemas.definition_files import default_definition
from schemas.json_formats import Format
from schemas.noticed import Noticed
from tests.app.command import ROOT
from tests.examples import example

ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STEP = re.compile(r"^\| \d \| `([\w/.]+)`, `(\w+)` \|", re.MULTILINE)
TABLE = re.compile(r"^\| `(?P<folder>\w+/)` \|.*\n\|---.*\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE)
FILE = re.compile(r"`([\w/.]+)`")


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_the_one_that_the_code_makes(page: str) -> None:
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == PAGES[page](), "run: make reference"


def test_every_type_says_what_it_is() -> None:
    assert [name for name, kind in TYPES.items() if not classes_of(vocabulary)[kind.__name__].says] == []


def test_every_setting_of_a_definition_says_what_it_does() -> None:
    kinds = [kind for kind in vars(definition).values() if isinstance(kind, type) and issubclass(kind, Model) and kind is not Model]
    silent = [
        f"{kind.__name__}.{name}"
        for kind in kinds
        for name in kind.model_fields
        if not classes_of(definition)[kind.__name__].fields[name].says
    ]
    assert silent == []


def test_every_kind_of_fact_says_what_it_is() -> None:
    assert [name for name, kind in KINDS.items() if not classes_of(facts)[kind.__name__].says] == []


def test_the_files_in_the_tables_of_what_is_where_exist() -> None:
    tables = list(TABLE.finditer(ARCHITECTURE))
    assert [table["folder"] for table in tables] == ["journey/", "schemas/", "streams/", "projections/", "app/"]
    for table in tables:
        first_cells = " ".join(line.split("|")[1] for line in table["rows"].splitlines())
        assert [path for path in FILE.findall(first_cells) if not (ROOT / table["folder"] / path).exists()] == []


async def test_one_touchpoint_goes_through_the_eight_files_that_are_named_in_their_order(tmp_path: Path) -> None:
    steps = STEP.findall(ARCHITECTURE)
    assert len(steps) == len({path for path, _ in steps}) == 8
    functions = [step for step in steps if step[1] not in ("marketing", "touchpoints")]
    assert {step for step in steps if step not in functions} == {
        ("projections/marketing.py", "marketing"), ("projections/figures/audience.py", "touchpoints")
    }  # fmt: skip
    (tmp_path / "events.jsonl").write_text(json.dumps(example("ad_click")))
    called: dict[tuple[str, str], None] = {}

    def noted(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(ROOT)):
            called[Path(code.co_filename).relative_to(ROOT).as_posix(), code.co_name] = None

    with opened(tmp_path / "data") as engine:
        await engine.start()
        sys.setprofile(noted)
        try:
            await engine.ingest(read_files(json_files([tmp_path / "events.jsonl"], Format.auto), default_definition(), Noticed()))
            async with engine.marketing.snapshot() as ask:
                told = await answer(ask, [touchpoints], Asked(until=NEVER))
        finally:
            sys.setprofile(None)
    assert [step for step in called if step in functions] == functions
    assert [cell.value for cell in told.figures[0].cells] == [1]
