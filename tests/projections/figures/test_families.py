"""What a company looks at its numbers by: every figure has it, or says why its rows cannot."""

import pytest

from projections.figures.families import FAMILIES, NOT_TOLD, has, lacking
from projections.figures.figure import Figure
from projections.figures.sections import FIGURES, SECTIONS

OF_SALES = {figure.name for section in SECTIONS if section.model == "sales" for figure in section.figures}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_a_figure_has_each_family_of_dimensions_or_says_why_not(figure: Figure) -> None:
    unsaid = [family for family in FAMILIES if not has(figure, family) and not lacking(figure).get(family)]
    assert unsaid == [], "projections/figures/families.py says why not"


def test_only_marketing_is_not_told_who_sells() -> None:
    untold = {figure.name for figure in FIGURES.values() if NOT_TOLD in lacking(figure).values()}
    assert not untold & OF_SALES


def test_who_has_part_of_a_family_has_all_of_it() -> None:
    parts = [
        (figure.name, family)
        for figure in FIGURES.values()
        for family, names in FAMILIES.items()
        if not has(figure, family) and any(name in figure.dimensions for name in names)
    ]
    assert parts == []
