"""What is registered is whole: names, words, SQL for both databases, fields of the vocabulary, columns that are there."""

from dataclasses import replace

import pytest

from journey.errors import Refused
from projections.figures import sections
from projections.figures.answering import answer
from projections.figures.checks import problems
from projections.figures.dimensions import PRODUCT, Dimension
from projections.figures.figure import Asked, Figure, Group, Section, Where
from projections.figures.sections import FIGURES, SECTIONS
from tests.projections.figures.cases import UNTIL
from tests.projections.figures.tables import sqlite
from tests.streams.builders import Bench, large_amounts

WIN_RATE, SPEND, LINEAR = FIGURES["win_rate"], FIGURES["spend"], FIGURES["conversions_linear"]


def test_nothing_is_wrong_with_any_figure() -> None:
    assert problems(SECTIONS) == []


@pytest.mark.parametrize(
    ("figure", "problem"),
    [
        (replace(WIN_RATE, reads=("close.whatever",)), "'close.whatever' is no touchpoint field"),
        (replace(WIN_RATE, by=(Dimension("owner", "LOWER(v.owner)"),)), "LOWER does not mean the same in both databases"),
        (replace(WIN_RATE, by=(Dimension("month", "v.owner"),)), "dimensions are named once, and not as periods are: month"),
        (replace(WIN_RATE, unit="money"), "money is a total of a column that ends in _minor"),
        (replace(WIN_RATE, formula=""), "it says something, and has a formula, a unit, a source and what it reads"),
        (replace(WIN_RATE, source=""), "it says something, and has a formula, a unit, a source and what it reads"),
        (replace(LINEAR, by=(PRODUCT,)), "a path cannot be credited by a dimension in which a row is in several groups"),
    ],
)
def test_a_figure_that_is_not_whole_is_told(figure: Figure, problem: str) -> None:
    assert problems([Section("one", "One", "sales", (figure,))]) == [f"{figure.name}: {problem}"]


@pytest.mark.parametrize("section", SECTIONS, ids=[f"{one.model} {one.name}" for one in SECTIONS])
async def test_the_tables_of_its_read_model_are_enough(bench: Bench, section: Section) -> None:
    await bench.take(*large_amounts())
    await bench.follow()
    async with {store.model.name: store for store in bench.stores}[section.model].snapshot() as ask:
        for figure in section.figures:
            for one in figure.breakdowns:
                await answer(ask, [figure], Asked(UNTIL, by=(one,), from_on="2026-06-01"))
            if figure.is_money:
                await answer(ask, [figure], Asked(UNTIL, currency="USD"))


@pytest.mark.parametrize("name", FIGURES)
async def test_it_can_be_broken_down_and_filtered_by_each_of_its_dimensions(name: str) -> None:
    figure = FIGURES[name]
    db, ask = sqlite({})
    for one in figure.breakdowns:
        found = await answer(ask, [figure], Asked(UNTIL, by=(one,), from_on="2026-06-01"))
        assert found.figures[0].by[0] == one
        assert found.figures[0].needs == figure.reads
    for one, dimension in figure.dimensions.items():
        await answer(ask, [figure], Asked(UNTIL, where=(Where(one, dimension.days or ("x", "y")),)))
    db.close()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(UNTIL, by=("colour",)), "win_rate has no dimension 'colour'; did you mean 'country'\\? It has owner, team, team_of_owner"),
        (Asked(UNTIL, by=("owner", "owner")), "a figure is broken down by each dimension once"),
        (Asked(UNTIL, by=("month", "year")), "a figure is broken down by one kind of period at most"),
        (
            Asked(UNTIL, where=(Where("month", ("2026-03",)),)),
            "month is a period, and no filter: a figure is of one where from is its first day",
        ),
        (Asked(UNTIL, where=(Where("owner", ()),)), "owner is to be one of no values"),
        (Asked(UNTIL, from_on="2026-3-1"), "'2026-3-1' is no day since 1970; write it as 2026-03-31"),
        (Asked(UNTIL, from_on="2026-03-01", to_on="2026-03-01"), "there is no day from 2026-03-01 to 2026-03-01"),
        (Asked(UNTIL, currency="EURO"), "'EURO' is no currency"),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_words(asked: Asked, says: str) -> None:
    db, ask = sqlite({})
    with pytest.raises(Refused, match=says.replace("(", r"\(")):
        await answer(ask, [WIN_RATE], asked)
    db.close()


@pytest.mark.parametrize("days", ["0", "-1", "07", "1.5", "10000", "x", ""])
async def test_only_whole_numbers_of_days_are_waited_for(days: str) -> None:
    db, ask = sqlite({})
    with pytest.raises(Refused, match=f"within {days!r} is no number of days from 1 to 9,999, nor 'ever'"):
        await answer(ask, [FIGURES["lead_conversion"]], Asked(UNTIL, where=(Where("within", ("30", days)),)))
    db.close()


@pytest.mark.parametrize(
    ("kind", "promised"),
    [
        ("content_view", {"points", "people_scored"}),
        ("lead_rejected", {"share_accepted"}),
        ("refund", set()),
        ("lead_created", {"leads", "open_leads", "lead_score", "lead_score_spread"}),
    ],
)
def test_a_type_alone_promises_no_figure_of_sales_that_it_cannot_make(kind: str, promised: set[str]) -> None:
    figures = {figure for section in SECTIONS if section.model == "sales" and section.name != "people" for figure in section.figures}
    assert {figure.name for figure in figures if kind in {read.partition(".")[0] for read in figure.reads}} == promised


def test_a_section_is_in_the_group_that_began_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [len(sections.grouped("sales")), len({group.name for group, _ in sections.grouped("marketing")})] == [1, 8]
    market = next(section for section in SECTIONS if section.name == "market")
    monkeypatch.setattr(sections, "SECTIONS", (*SECTIONS, market._replace(name="another")))
    group, members = sections.grouped("marketing")[-1]
    assert (group.name, [section.name for section in members]) == ("standing", ["experience", "brand", "market", "another"])
    in_groups = [section for model in ("marketing", "sales") for _, some in sections.grouped(model) for section in some]
    assert sorted(section.name for section in in_groups) == sorted(section.name for section in sections.SECTIONS)


def test_a_group_is_named_as_no_section_is() -> None:
    (stages,) = (section for section in SECTIONS if section.name == "stages")
    assert problems([stages, stages._replace(name="more", opens=Group("stages", "Stages"))]) == ["stages: two of this name"]
