"""A report is data: sections of figures, each in the groupings that it is shown by."""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic import Field

from journey.errors import NotThere, Refused
from journey.problems import meant
from projections.figures import sections as registered
from projections.figures.analysis import NotWorkedOut
from projections.figures.answering import answer, check_filters, listed
from projections.figures.answers import Answer, FigureAnswer, Value, figure_named, table
from projections.figures.credit import full_path
from projections.figures.figure import Asked, Figure, Model, Section, Where
from projections.figures.measures import Credited, count
from projections.read_model import Ask

NAMED_MAX = 12
"""How many of the values that there are a refusal names."""

By = tuple[str, ...]


GoesOn = Callable[[], bool]
"""Whether there is time for one more section."""


class SectionAnswer(Value):
    """One answer for each grouping. `left_out` are the figures that lack dimensions that are asked for, each with these;
    `not_worked_out` those that cannot be worked out here, each with the reason."""

    name: str
    title: str
    answers: tuple[Answer, ...]
    left_out: dict[str, tuple[str, ...]]
    not_worked_out: dict[str, str] = Field(default={}, exclude_if=operator.not_)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing up to then in any of its figures."""
        return all(figure.needs for answer in self.answers for figure in answer.figures)

    @property
    def empty(self) -> tuple[FigureAnswer, ...]:
        """The figures of which there is nothing, in a grouping at least."""
        return tuple(figure for answer in self.answers for figure in answer.figures if figure.needs)

    @property
    def is_by_day(self) -> bool:
        """Whether rows of it are summed by day, so that it stands at an end of a day."""
        return any(answer.grain == "day" for answer in self.answers)


class OneFigure(Answer):
    """The answer of one figure. `simulated`: some of the data is simulated."""

    model: Model
    simulated: bool


class Report(Value):
    """`simulated`: some of the data is simulated."""

    model: Model
    simulated: bool
    sections: tuple[SectionAnswer, ...]

    def figure(self, name: str) -> FigureAnswer:
        """The first answer of that figure. Raises Refused where there is none."""
        return figure_named((figure for section in self.sections for answer in section.answers for figure in answer.figures), name)

    def to_csv(self) -> str:
        """A row for each value. `by` names the columns that a row's value is grouped by."""
        return table((section.name, answer) for section in self.sections for answer in section.answers)


def sections_of(model: Model, names: Sequence[str] = ()) -> tuple[Section, ...]:
    """Those of these names, in their order; all where none is named. Raises Refused."""
    there = {section.name: section for section in registered.SECTIONS if section.model == model}
    for name in names:
        if name not in there:
            if found := next((one for one in registered.SECTIONS if any(figure.name == name for figure in one.figures)), None):
                raise NotThere(f"{model} has no section {name!r}; {name} is a figure of the section {found.name} of {found.model}")
            raise NotThere(f"{model} has no section {name!r}{_instead(name, there)}")
    return tuple(there[name] for name in dict.fromkeys(names)) or tuple(there.values())


async def report(
    ask: Ask, model: Model, names: Sequence[str], asked: Asked, by: By | None, *, simulated: bool = False, goes_on: GoesOn = lambda: True
) -> Report:
    """What the sections of these names come to, broken down `by`, or by what each is shown by where that is None: then only
    its lists are of the highest cells. Where it no longer `goes_on`, further sections are left out. Raises Refused."""
    asked = replace(asked, by=by or ())
    sections = sections_of(model, names)
    check_dimensions(model, names, asked)
    asked = replace(asked, where=await values_asked(ask, [figure for section in sections for figure in section.figures], asked))
    if by is None and asked.top and not any(listed(section.figures, grouping) for section in sections for grouping in section.shown_by):
        raise Refused(f"no section that is asked for lists the highest; say by what, of which it is to be the {asked.top:,} highest")
    found: list[SectionAnswer] = []
    for section in sections:
        if found and not goes_on():
            break
        left_out = {figure.name: lacks for figure in section.figures if (lacks := figure.lacks(asked))}
        figures = [figure for figure in section.figures if figure.name not in left_out]
        groupings = _shown(section, figures) if by is None else [(by, figures)]
        answers, without = [], dict[str, str]()
        for grouping, some in groupings:
            if some:
                of_grouping = replace(asked, by=grouping, top=asked.top if by or listed(some, grouping) else 0)
                if (answered := await _answer_of_those_that_can(ask, some, of_grouping, without)) is not None:
                    answers.append(answered)
        found.append(
            SectionAnswer(name=section.name, title=section.title, answers=tuple(answers), left_out=left_out, not_worked_out=without)
        )
    return Report(model=model, simulated=simulated, sections=tuple(found))


async def _answer_of_those_that_can(ask: Ask, figures: Sequence[Figure], asked: Asked, without: dict[str, str]) -> Answer | None:
    """What `figures` come to, but those that cannot be worked out here, which are put into `without`; None where that is all of them."""
    left = list(figures)
    while left:
        try:
            return await answer(ask, left, asked)
        except NotWorkedOut as error:
            left = [figure for figure in left if figure.name != error.figure]
            without[error.figure] = error.why
    return None


def _shown(section: Section, figures: Sequence[Figure]) -> Iterator[tuple[By, list[Figure]]]:
    """By each grouping the figures that have all of its dimensions; as a whole first those that have those of no grouping."""
    grouped = {by: [figure for figure in figures if set(by) <= {*figure.breakdowns}] for by in section.shown_by}
    shown = {figure.name for some in grouped.values() for figure in some}
    whole = [figure for figure in figures if figure.name not in shown]
    yield (), [figure for figure in figures if figure in whole or figure in grouped.get((), ())]
    yield from ((by, some) for by, some in grouped.items() if by)


def check_dimensions(model: Model, names: Sequence[str], asked: Asked) -> None:
    """Raises Refused where the sections of these names cannot be asked by what `asked` is broken down and filtered by."""
    sections = sections_of(model, names)
    # Who names sections has a reason to expect something of each.
    for some in ([section] for section in sections) if names else (sections,):
        _check_dimensions(model, some, asked)


def _check_dimensions(model: Model, sections: Sequence[Section], asked: Asked) -> None:
    check_filters(asked.where)
    figures = [figure for section in sections for figure in section.figures]
    whose = sections[0].name if len(sections) == 1 else f"the {model} report"
    for named, there in (
        (asked.by, list(dict.fromkeys(name for figure in figures for name in figure.breakdowns))),
        (tuple(where.dimension for where in asked.where), list(dict.fromkeys(name for figure in figures for name in figure.dimensions))),
    ):
        for name in named:
            if name not in there:
                raise Refused(f"no figure of {whose} has a dimension {name!r}{_instead(name, there)}")
    if all(figure.lacks(asked) for figure in figures):
        raise Refused(f"no figure of {whose} has all of {', '.join(dict.fromkeys((*asked.by, *(one.dimension for one in asked.where))))}")


async def values_asked(ask: Ask, figures: Sequence[Figure], asked: Asked, *, refusing: bool = True) -> tuple[Where, ...]:
    """What `asked.where` asks for, by the values that there are up to `until`: campaigns may be asked for by their names."""
    found = []
    for where in asked.where:
        dimensions = [figure.dimensions[where.dimension] for figure in figures if where.dimension in figure.dimensions]
        stated = next((names for one in dimensions if isinstance(names := asked.options.get(one.option), tuple)), None)
        if stated is not None:
            if refusing:
                _check_listed(where, [name for name in stated if isinstance(name, str)])
            found.append(where)
            continue
        if any(one.days for one in dimensions):
            found.append(where)  # Any number of days may be asked for.
            continue
        there, called = await _there_are(ask, where, figures, asked)
        known = {**{name: value for value, name in called.items()}, **{value: value for value in there}}
        for value in where.values:
            if refusing and there and value not in known:
                raise Refused(f"there is no {where.dimension} {value!r}{_instead(value, known, [*called.values(), *there])}")
        found.append(where._replace(values=tuple(known.get(value, value) for value in where.values)))
    return tuple(found)


def _check_listed(where: Where, names: Sequence[str]) -> None:
    """Raises Refused where one is none of `names`, which the definition has."""
    for value in where.values:
        if value and value not in names:
            raise Refused(
                f"there is no {where.dimension} {value!r}{_instead(value, names) if names else ': the definition in use has none'}"
            )


async def _there_are(ask: Ask, where: Where, figures: Sequence[Figure], asked: Asked) -> tuple[list[str], dict[str, str]]:
    """The values of a dimension, the most frequent first, and what they are called. Rows of a view have the same ones for all its figures;
    no further view is asked where all that are wanted were found."""
    views = {(figure.of, figure.dated): figure for figure in figures if where.dimension in figure.dimensions}
    numbers: dict[str, float] = {}
    called: dict[str, str] = {}
    for figure in sorted(views.values(), key=lambda figure: isinstance(figure.measure, Credited)):
        all_values = replace(asked, by=(where.dimension,), where=(), from_on="", to_on="", currency="", own_currency="", top=0)
        # All rows count: one of which nothing counts in this figure is there all the same.
        counted = replace(figure, measure=count())
        counts = not isinstance(figure.measure, Credited) and where.dimension in counted.dimensions
        if isinstance(figure.measure, Credited) and figure.measure.is_of_set:
            # Whatever the model, the touches are the same, and this one knows what none of them is as well.
            counted, counts = replace(figure, measure=replace(figure.measure, model=full_path)), True
        told = await answer(ask, [counted if counts else figure], all_values)
        for cell in told.figures[0].cells:
            value = cell.group[where.dimension]
            numbers[value] = numbers.get(value, 0) + float(cell.n)
        called |= told.names.get(where.dimension, {})
        if set(where.values) <= {*numbers, *called.values()}:
            break
    return sorted(numbers, key=lambda value: (-numbers[value], value)), called


def _instead(word: str, there: Iterable[str], listed: Iterable[str] = ()) -> str:
    """What may have been meant, and what there is."""
    there = tuple(there)
    listed = [name for name in dict.fromkeys(listed or there) if name]
    near = meant(word, there)
    more = f" and {len(listed) - NAMED_MAX:,} more" if len(listed) > NAMED_MAX else ""
    return f"{near}{' There' if near else '; there'} are {', '.join(listed[:NAMED_MAX])}{more}" if listed else near
