"""Funnels come to what trying everything comes to, over small histories; and a definition says which there are."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from journey.definition import Funnel
from journey.instants import DAY
from projections.figures.answering import answer
from projections.figures.defined import options, options_of
from projections.figures.figure import Asked
from projections.figures.funnels import FUNNEL_FIGURES
from schemas.definition_files import default_definition
from tests.projections.figures.tables import Rows, at, sqlite

NAMES = {"milestone": ("signed-up", "trial", "demo"), "stage": ("decision",), "lead": ("mql",), "conversion": ("lead", "order")}
TOUCH, PROPOSAL = "touch", "proposal"
"""A touch and a milestone that are no steps of any funnel."""
START, DAYS = at("2026-06-01"), 40
"""Some of what happens lies beyond the instant that is asked until."""


class Took(NamedTuple):
    day: int
    step: str


def rows(histories: Sequence[Sequence[Took]]) -> Rows:
    tables: dict[str, list[dict[str, Any]]] = {"milestones": [], "stages": [], "leads": [], "conversions": [], "touches": []}
    of_kind = {
        "milestone": ("milestones", "name"),
        "stage": ("stages", "stage"),
        "lead": ("leads", "step"),
        "conversion": ("conversions", "conversion"),
    }
    for person, history in enumerate(histories):
        for took in history:
            if took.step == TOUCH:
                tables["touches"].append({"person": f"user:{person}", "touched_at": START + took.day * DAY})
                continue
            if took.step == PROPOSAL:
                tables["milestones"].append({"person": f"user:{person}", "at": START + took.day * DAY, "name": PROPOSAL})
                continue
            ((table, column),) = [of_kind[kind] for kind, names in NAMES.items() if took.step in names]
            tables[table].append({"person": f"user:{person}", "at": START + took.day * DAY, column: took.step})
    return tables


funnels = st.builds(
    lambda steps, optional, order, days: Funnel.model_validate(
        {
            "name": "tried",
            "steps": [
                {
                    "step": step,
                    "optional": order in ("ordered", "strict_steps") and place > 0 and place in optional and len(steps) > 2 + len(optional),
                }
                for place, step in enumerate(steps)
            ],
            "order": order,
            "within": None if days is None else f"{days}d",
        }
    ),
    st.lists(st.sampled_from([name for names in NAMES.values() for name in names]), min_size=2, max_size=6, unique=True)
    | st.permutations(["signed-up", "trial", "demo", "decision"]),
    st.sets(st.integers(1, 5), max_size=2),
    st.sampled_from(["ordered", "strict_steps", "strict", "any"]),
    st.sampled_from([None, 1, 3, 10]),
)
took = st.builds(Took, st.integers(0, DAYS), st.sampled_from([*(name for names in NAMES.values() for name in names), TOUCH, PROPOSAL]))
close = st.builds(Took, st.integers(0, 6), st.sampled_from(["signed-up", "trial", "demo", "decision", TOUCH, PROPOSAL]))
histories = st.lists(st.lists(took, max_size=8) | st.lists(close, min_size=4, max_size=10), min_size=1, max_size=3)


# --- trying everything


def chains(funnel: Funnel, history: Sequence[Took], until: int) -> list[list[int]]:
    """All ways into the funnel, each with the days of the steps that are not optional."""
    names = [one.step for one in funnel.steps if not one.optional]
    days = [[one.day for one in history if one.step == name and one.day <= until] for name in names]
    others = {one.day for one in history if one.step in (TOUCH, PROPOSAL, *NAMES["milestone"])} if funnel.order == "strict" else set()
    within = DAYS * 2 if funnel.within is None else funnel.within // DAY
    found = []
    if funnel.order == "ordered":
        for depth in range(1, len(names) + 1):
            ways = product(*days[:depth])
            found += [list(way) for way in ways if list(way) == sorted(way) and way[-1] - way[0] <= within]
    elif funnel.order == "any":
        for start in {day for of_step in days for day in of_step}:
            found.append(sorted(min(later) for of_step in days if (later := [day for day in of_step if start <= day <= start + within])))
    else:
        for start in days[0]:
            way, day = [start], start
            while day <= start + within and len(way) < len(names):
                there = {place for place, of_step in enumerate(days) if day in of_step}
                if len(way) in there:
                    way.append(day)
                elif day > way[-1] and (there - {len(way) - 1} or day in others):
                    break
                else:
                    day += 1
            found.append(way)
    return found


def expected(funnel: Funnel, all_histories: Sequence[Sequence[Took]], until: int) -> dict[str, dict[str, Any]]:
    required = [one.step for one in funnel.steps if not one.optional]
    within = None if funnel.within is None else funnel.within // DAY
    shown = [
        f"{place} of {len(funnel.steps)}" if funnel.order == "any" else f"{place} {one.step}" for place, one in enumerate(funnel.steps, 1)
    ]
    people: dict[str, int] = dict.fromkeys(shown, 0)
    before, lost, under_way = dict(people), dict(people), dict(people)
    times: dict[str, list[int]] = {step: [] for step in shown}
    entered = 0
    for history in all_histories:
        ways = chains(funnel, history, until)
        if not ways:
            continue
        entered += 1
        way = min(ways, key=lambda way: (-len(way), way))
        is_open = within is None or way[0] + within > until
        nth = 0
        for step, one in zip(shown, funnel.steps, strict=True):
            if one.optional:
                if nth > len(way):
                    continue
                end = way[nth] if nth < len(way) else DAYS * 3 if within is None else way[0] + within
                days = [it.day for it in history if it.step == one.step and way[nth - 1] <= it.day <= min(end, until)]
                before[step] += 1
                if days:
                    people[step] += 1
                    times[step].append(min(days) - way[nth - 1])
                continue
            nth += 1
            before[step] += 1 < nth <= len(way) + 1
            people[step] += nth <= len(way)
            if 1 < nth <= len(way):
                times[step].append(way[nth - 1] - way[nth - 2])
            lost[step] += nth == len(way) + 1 and not is_open
            under_way[step] += nth == len(way) + 1 and is_open
    assert len(required) >= 2
    if not entered:
        return {}
    return {
        step: {
            "funnel_people": people[step],
            "funnel_share": Fraction(people[step], entered),
            "funnel_step_share": Fraction(len(times[step]), before[step]) if before[step] else None,
            "funnel_time": quantiles(times[step]),
            "funnel_lost": lost[step],
            "funnel_under_way": under_way[step],
        }
        for step in shown
    }


def quantiles(days: list[int]) -> tuple[Fraction, ...] | None:
    def at_share(share: Fraction) -> Fraction:
        place = share * (len(days) - 1)
        low = int(place)
        high = min(low + 1, len(days) - 1)
        return (days[low] + (place - low) * (days[high] - days[low])) * DAY

    days = sorted(days)
    return (at_share(Fraction(1, 2)), at_share(Fraction(9, 10))) if days else None


async def answered(ask: Any, funnel: Funnel, until: int) -> dict[str, dict[str, Any]]:
    asked = Asked(START + until * DAY, by=("step",), options=options(DEFAULT) | options_of([funnel], DEFAULT))
    found: dict[str, dict[str, Any]] = {}
    for figure in (await answer(ask, FUNNEL_FIGURES, asked)).figures:
        for cell in figure.cells:
            found.setdefault(cell.group["step"], {})[figure.name] = cell.value
    return found


DEFAULT = default_definition()


@given(funnels, histories, st.sampled_from([4, 12, 35]))
@settings(max_examples=150, deadline=None)
async def test_a_funnel_comes_to_what_trying_every_way_comes_to(funnel: Funnel, histories: list[list[Took]], until: int) -> None:
    db, ask = sqlite(rows(histories))
    try:
        found = await answered(ask, funnel, until)
    finally:
        db.close()
    for of_step in found.values():
        of_step.pop("funnel_time_in_all", None)
    wanted = expected(funnel, histories, until)
    for step, of_step in wanted.items():
        for name, value in of_step.items():
            assert found[step].get(name) == value, f"{name} of {step}"
    assert found.keys() == wanted.keys()
