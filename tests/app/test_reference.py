"""The pages that are made from the code say what the code says, and the pages that people write name files that there are."""

import re

import pytest

from app.reference.__main__ import PAGES
from app.reference.source import classes_of
from journey import definition, facts, touchpoints
from journey.definition import Model
from journey.facts import KINDS
from journey.touchpoints import TYPES
from tests.app.command import ROOT

PATH = re.compile(r"`((?:app|journey|schemas|streams|projections|tests|docs|examples|benchmarks)/[\w/.-]*)`")


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_the_one_that_the_code_makes(page: str) -> None:
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == PAGES[page](), "run: make reference"


def test_every_type_says_what_it_is() -> None:
    assert [name for name, kind in TYPES.items() if not classes_of(touchpoints)[kind.__name__].says] == []


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


@pytest.mark.parametrize("page", ["docs/architecture.md", "DEVELOPERS.md"])
def test_the_files_that_it_names_exist(page: str) -> None:
    named = PATH.findall((ROOT / page).read_text(encoding="utf-8"))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
