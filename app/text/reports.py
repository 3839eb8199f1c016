"""Prints a report. It knows units and groupings but no figure: any figure of a section is shown. Numbers are rounded only here."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from textwrap import wrap
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from app.text.layout import (
    Orders,
    columns_of,
    has_periods,
    is_answered,
    is_narrowed,
    key_figures,
    named,
    narrowed,
    orders_of,
    table_of,
    words,
)
from app.text.printing import BAR_WIDTH, WIDTH_PIPED, at_terminal, bar, figures, not_shown, out, put, table
from app.text.printing import Cell as Shown
from journey.definition import Definition
from journey.instants import instant, last_end_of_day, moment, rfc3339
from journey.readable import readable
from projections.figures.answers import Answer, FigureAnswer
from projections.figures.figure import Group, Section
from projections.figures.measures import Credited
from projections.figures.reports import Report, SectionAnswer
from projections.figures.sections import FIGURES, grouped

ROWS_SHOWN_MAX = 12
"""How many rows a table has; one that was asked for with --by has more."""
ROWS_ASKED_MAX = 60
NAMED_MAX = 12
LABEL_WIDTH_MAX = 44
"""How many characters of a group's name a terminal shows."""
HEADING_WIDTH_MIN = 12
COLUMNS_WITH_BAR_MAX = 3
GAP = 2
"""Between columns."""


def report(answered: Report, definition: Definition, *, sections: Sequence[str] = (), by: bool = False, is_short: bool = False) -> None:
    """`sections` were asked for by name, and are shown even if they are empty; `by`: whether a grouping was asked for. `is_short`: of each
    group only the first section that has something is shown, and the others are named."""
    answers = [answer for section in answered.sections for answer in section.answers]
    asked = max(answers, key=lambda answer: answer.until)
    _title(answered, asked)
    orders = orders_of(definition)
    shown = [section for section in answered.sections if section.answers and (section.name in sections or not section.is_empty)]
    # Of a period in which nothing was at all, that is what its rows say.
    shown = shown or [section for section in answered.sections if by and has_periods(section)]
    groups = grouped(answered.model)
    is_short = is_short and len(groups) > 1
    firsts = _firsts(groups, shown)
    for section in shown:
        if not is_short or section.name in firsts:
            _section(section, asked, orders, is_asked=by, is_named=section.name in sections)
    if is_short and len(firsts) < len(shown):
        _others(answered.model, groups, shown, firsts)
    if not shown:
        put(Text(f"nothing for {answered.model} {narrowed(asked) or 'up to then'}", style="dim"), "")
    _empty_sections([section for section in answered.sections if section.answers and section not in shown], asked)
    without = [section for section in answered.sections if not section.answers]
    if left_out := [section for section in without if section.left_out]:
        lacks = dict.fromkeys(name for section in left_out for one in section.left_out.values() for name in one)
        titles = ", ".join(section.title for section in left_out)
        put(Text(f"Without {' or '.join(map(words, lacks))}, and so left out: {titles}.", style="dim"), "")
    for section in without:
        for why in dict.fromkeys(section.not_worked_out.values()):
            put(Text(f"{section.title}: {why}.", style="dim"), "")
    if answered.model == "sales":
        _unknown_stages(answers, definition)


def _firsts(groups: Iterable[tuple[Group, list[Section]]], shown: Iterable[SectionAnswer]) -> set[str]:
    """The names of those that are shown first of their group."""
    there = {section.name for section in shown}
    firsts = (next((section.name for section in members if section.name in there), None) for _, members in groups)
    return {name for name in firsts if name is not None}


def _others(model: str, groups: Iterable[tuple[Group, list[Section]]], shown: Iterable[SectionAnswer], firsts: set[str]) -> None:
    """What a short report does not show, and how to ask for it."""
    others = {section.name for section in shown} - firsts
    named = [(group.name, ", ".join(one.name for one in members if one.name in others)) for group, members in groups]
    width = max(len(name) for name, _ in named)
    put(Text("There is more", style="bold"))
    for group, names in named:
        if names:
            put(Text(f"{group:<{width}}  {names}"))
    put(Text(f"`journey report {model} NAME...` shows groups, as on the left, or sections, as on the right.", style="dim"), "")


def _title(answered: Report, asked: Answer) -> None:
    what = Text(answered.model.capitalize(), style="bold")
    what.append(" (simulated)" if answered.simulated else "", style="bold yellow")
    what.append(f" · {_until(asked)}, {asked.zone} · position {asked.position:,}", style="not bold")
    more = [f"from {asked.from_on}"] if asked.from_on else []
    more += [f"up to {asked.to_on}, which is not in it"] if asked.to_on else []
    more += [f"{words(name)} {' or '.join(named(asked, name, value) for value in values)}" for name, values in asked.where.items()]
    more += [f"in {asked.currency}"] if asked.currency else []
    more += [f"as known at {asked.known_at}"] if asked.known_at else []
    put(what, *([readable(" · ".join(more))] if more else []), Text("─" * min(out.width, WIDTH_PIPED), style="dim"))
    if lacking := _without_rate(answered):
        days = ", ".join(f"{currency} on {on}" for currency, on in lacking.items())
        put(Text(f"There is no rate for {days}, so money is shown per currency.", style="yellow"), "")


def _without_rate(answered: Report) -> dict[str, str]:
    """The currencies without a rate, and the first day on which one is missing."""
    first: dict[str, str] = {}
    for section in answered.sections:
        for answer in section.answers:
            for currency, on in answer.without_rate_on.items():
                first[currency] = min(on, first.get(currency, on))
    return dict(sorted(first.items()))


def _until(asked: Answer) -> str:
    until = instant(rfc3339(asked.until))
    if until == last_end_of_day(until, asked.zone):
        return f"as of the end of {asked.until_on}"
    local: datetime = moment(until).astimezone(ZoneInfo(asked.zone))
    return f"as of {local:%Y-%m-%d %H:%M:%S}"


def _section(section: SectionAnswer, asked: Answer, orders: Orders, *, is_asked: bool, is_named: bool) -> None:
    if section.is_empty and not (is_asked and has_periods(section)):
        why = f"nothing {narrowed(asked)}" if is_narrowed(asked) else f"nothing up to then; it is made of {', '.join(_needs(section))}"
        put(Text(section.title, style="bold"), why, "")
        return
    title = Text(section.title, style="bold")
    if asked.from_on or asked.to_on:
        title.append(_as_things_stand(section, asked), style="not bold dim")
    if (cut := section.answers[0]) and cut.until != asked.until:
        title.append(f" · {_until(cut)}, since its rows are summed by day", style="not bold dim")
    put(title)
    for answer in section.answers:
        if answer.by:
            _table(answer, orders, is_asked=is_asked)
        else:
            _key_figures(answer)
    cut_at = [answer.top for answer in section.answers if any(answer.top and len(one.cells) == answer.top for one in answer.figures)]
    if top := max(cut_at, default=0):
        put(Text(f"Only the {top:,} highest are listed.", style="dim"), "")
    alike = _not_added_up(section)
    if of_sets := [name for name in alike if _is_of_sets(name)]:
        put(Text(f"Worked out anew for each set, so rows of several do not add up: {', '.join(map(words, of_sets))}.", style="dim"), "")
    if once := [name for name in alike if name not in of_sets]:
        put(Text(f"Counted once in each row, so rows do not add up: {', '.join(map(words, once))}.", style="dim"), "")
    for line in dict.fromkeys(_stated(figure) for answer in section.answers for figure in answer.figures if figure.stated):
        put(Text(line, style="dim"), "")
    lacking: dict[tuple[str, ...], list[str]] = {}
    for name, lacks in section.left_out.items():
        lacking.setdefault(lacks, []).append(words(name))
    for lacks, names in lacking.items():
        put(Text(f"Without {' and '.join(map(words, lacks))}, and so left out: {', '.join(names)}.", style="dim"), "")
    reasons: dict[str, list[str]] = {}
    for name, why in section.not_worked_out.items():
        reasons.setdefault(why, []).append(words(name))
    for why, names in reasons.items():
        put(Text(f"Without {', '.join(names)}: {why}.", style="dim"), "")
    found = _empty(section)
    if found and is_narrowed(asked):
        told = [f"no {', no '.join(words(one.name) for one in found)} {narrowed(asked)}"] if is_named else []
    else:
        told = list(map(_counts_nothing, found)) if is_named else _lacking(found)
    if told:
        put(*(Text(line, style="dim") for line in told), "")


def _stated(figure: FigureAnswer) -> str:
    return f"{words(figure.name)}: {', '.join(f'{name} {option}' for name, option in figure.stated.items())}."


def empty(answered: Report) -> list[str]:
    """What has no value, and so no row in a table of values: in lines."""
    sections = [section for section in answered.sections if section.answers]
    found = {figure.name: figure for section in sections for figure in _empty(section)}
    by_what = next((what for section in sections for answer in section.answers if (what := narrowed(answer))), "")
    if found and by_what:
        return [f"no {', no '.join(map(words, found))} {by_what}"]
    return _lacking(found.values())


def _counts_nothing(figure: FigureAnswer) -> str:
    """That nothing counts in it, and what would. What it reads may well be there, but not as it says."""
    return f"no {words(figure.name)}: nothing up to then counts. {figure.says} It reads {_listed(figure.needs)}."


def _lacking(figures: Iterable[FigureAnswer]) -> list[str]:
    """The same in short, with those together that read the same."""
    found: dict[tuple[str, ...], list[str]] = {}
    for figure in figures:
        found.setdefault(figure.needs, []).append(words(figure.name))
    return [f"no {', no '.join(names)}: nothing up to then counts of {_listed(needs)}" for needs, names in found.items()]


def _empty_sections(sections: Sequence[SectionAnswer], asked: Answer) -> None:
    """Say which sections are left out because nothing is in them, and what they are made of."""
    if sections and is_narrowed(asked):
        put(Text(f"Nothing {narrowed(asked)}: {', '.join(section.title for section in sections)}.", style="dim"), "")
    elif sections:
        put(*(Text(f"{one.title}: nothing yet. It is made of {_listed(_needs(one))}.", style="dim") for one in sections), "")


def _needs(section: SectionAnswer) -> list[str]:
    return list(dict.fromkeys(field for answer in section.answers for figure in answer.figures for field in figure.needs))


def _listed(fields: Sequence[str]) -> str:
    more = f" and {len(fields) - NAMED_MAX:,} more" if len(fields) > NAMED_MAX else ""
    return ", ".join(fields[:NAMED_MAX]) + more


def _as_things_stand(section: SectionAnswer, asked: Answer) -> str:
    """That a period does not touch figures of how things stand: all of the section, or those that are named."""
    names = dict.fromkeys(figure.name for answer in section.answers for figure in answer.figures)
    stand = [name for name in names if FIGURES[name].dated is None]
    if not stand:
        return ""
    return f" · {_until(asked)}" + (f": {', '.join(map(words, stand))}" if len(stand) < len(names) else "")


def _empty(section: SectionAnswer) -> list[FigureAnswer]:
    empty = {figure.name: figure for answer in section.answers for figure in answer.figures if not is_answered(answer, figure)}
    return list(empty.values())


def _not_added_up(section: SectionAnswer) -> list[str]:
    return list(
        dict.fromkeys(
            column.figure.name
            for answer in section.answers
            for column in columns_of(answer)
            if answer.by and not answer.top and column.is_amount and not column.figure.adds_up and len(column.figure.cells) > 1
        )
    )


def _is_of_sets(name: str) -> bool:
    measure = FIGURES[name].measure
    return isinstance(measure, Credited) and measure.is_of_set


def _unknown_stages(answers: Iterable[Answer], definition: Definition) -> None:
    """Say which pipelines and stages of deals the definition does not know."""
    known = {(pipeline.name, stage.name) for pipeline in definition.pipelines for stage in pipeline.stages}
    found = {
        (cell.group["pipeline"], cell.group["stage"])
        for answer in answers
        for figure in answer.figures
        for cell in figure.cells
        if {"pipeline", "stage"} <= cell.group.keys() and cell.n
    }
    if unknown := sorted(found - known):
        places = "; ".join(f"{pipeline or '(no pipeline)'} / {stage or '(no stage)'}" for pipeline, stage in unknown[:NAMED_MAX])
        more = f" and {len(unknown) - NAMED_MAX:,} more" if len(unknown) > NAMED_MAX else ""
        these = "this stage" if len(unknown) == 1 else "these stages"
        put(Text(readable(
            f"The definition does not know {these}: {places}{more}. A deal there that has no probability of its own is in no weighted"
            " value; name the stages under `pipelines` in the definition."
        ), style="yellow"), "")  # fmt: skip


def _key_figures(answer: Answer) -> None:
    if found := key_figures(answer):
        figures({one.heading: Text(one.text) for one in found})


def _table(answer: Answer, orders: Orders, *, is_asked: bool) -> None:
    rows_max = max(answer.top, ROWS_ASKED_MAX if is_asked else ROWS_SHOWN_MAX)
    found = table_of(answer, orders, rows_max, is_asked=is_asked)
    if found is None:
        return
    numbers: dict[str, Sequence[Shown]] = {}
    for one in found.numbers:
        widest = max(cell_len(line) for text in one.texts for line in text.split("\n"))
        numbers[">" + _wrapped(one.heading, widest)] = [Text(text) for text in one.texts]
    bars: list[Shown] = []
    if found.has_bars and len(numbers) <= COLUMNS_WITH_BAR_MAX:
        bars = [bar(int(amount), int(max(found.amounts))) for amount in found.amounts]
    foot = f"and {found.more:,} {'before' if found.is_cut_at_start else 'more'}; --csv has all" if found.more else ""
    _put(found.labels, numbers, bars, foot)


def _put(labels: Mapping[str, Sequence[str]], numbers: Mapping[str, Sequence[Shown]], bars: Sequence[Shown], foot: str) -> None:
    """One table; on a terminal as many below each other as it takes for all columns to be seen."""
    if not at_terminal():
        table("", {**labels, **numbers, **({"": bars} if bars else {})}, foot=foot)
        return
    cut = {heading: [_cut(text) for text in texts] for heading, texts in labels.items()}
    widest = max((_width(heading, texts) for heading, texts in numbers.items()), default=0)
    left_out: list[str] = []
    while len(cut) > 1 and sum(_width(heading, texts) for heading, texts in cut.items()) + widest > out.width + GAP:
        left_out.insert(0, cut.popitem()[0])
    left = out.width - sum(_width(heading, texts) for heading, texts in cut.items())
    parts: list[dict[str, Sequence[Shown]]] = [{}]
    room = left
    for heading, texts in numbers.items():
        if parts[-1] and room < _width(heading, texts):
            parts.append({})
            room = left
        parts[-1][heading] = texts
        room -= _width(heading, texts)
    if bars and len(parts) == 1 and room >= BAR_WIDTH:
        parts[0][""] = bars
    for part in parts:
        is_last = part is parts[-1]
        remarks = "\n".join(filter(None, (foot, *map(str, not_shown(left_out))))) if is_last else ""
        table("", {**cut, **part}, foot=remarks)


def _width(heading: str, texts: Iterable[Shown]) -> int:
    lines = [line for text in (heading.removeprefix(">"), *map(str, texts)) for line in text.split("\n")]
    return max(cell_len(readable(line)) for line in lines) + GAP


def _cut(text: str) -> str:
    text = readable(text)
    return text if cell_len(text) <= LABEL_WIDTH_MAX else set_cell_size(text, LABEL_WIDTH_MAX - 1).rstrip() + "…"


def _wrapped(heading: str, width: int) -> str:
    width = max(width, HEADING_WIDTH_MIN, *map(len, heading.split()))
    return "\n".join(wrap(heading, width, break_long_words=False, break_on_hyphens=False))
