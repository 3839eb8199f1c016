"""Credit over all paths at once is what its definition says, worked out in another way, and what others have published."""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.figures import set_credit
from projections.figures.analysis import NotWorkedOut
from projections.figures.answering import answer
from projections.figures.attribution import CONVERSIONS, SIDE_BY_SIDE
from projections.figures.figure import Asked
from projections.figures.reports import report
from projections.figures.sections import FIGURES
from projections.figures.set_credit import POSITION, Markov, SetCredit, Shapley, State, whole_units
from tests.projections.figures.cases import UNTIL
from tests.projections.figures.cases_together import THREE, orders
from tests.projections.figures.tables import sqlite

Counted = tuple[str, int, int]
"""A path by its letters, how often it converted and how often it did not."""

SHORT_PATHS = st.lists(st.text("ABCD", min_size=1, max_size=5), min_size=1, max_size=6)


def came_to(credit: SetCredit, paths: Iterable[Counted]) -> dict[str, Fraction]:
    for channels, converted, lost in paths:
        path: Sequence[State] = [(one,) for one in channels]
        if converted:
            credit.add(path, converted, converted, has_converted=True)
        if lost:
            credit.add(path, lost, 0, has_converted=False)
    return {state[0]: part for state, part in sorted(credit.parts().items())}


@given(SHORT_PATHS)
def test_a_shapley_value_is_the_mean_of_what_each_adds_over_all_orders_of_coming(paths: list[str]) -> None:
    channels = sorted({*"".join(paths)})
    orders_of_coming = list(permutations(channels))
    brute: dict[str, Fraction] = dict.fromkeys(channels, Fraction())
    for order in orders_of_coming:
        for nth, channel in enumerate(order):
            before, after = ({*order[:upto]} for upto in (nth, nth + 1))
            adds = sum({*path} <= after for path in paths) - sum({*path} <= before for path in paths)
            brute[channel] += Fraction(adds, len(orders_of_coming))
    assert came_to(Shapley(["channel"]), [(path, 1, 0) for path in paths]) == brute


@given(SHORT_PATHS)
def test_parts_by_position_add_up_to_those_without(paths: list[str]) -> None:
    by_position = Shapley(["channel", POSITION])
    for path in paths:
        by_position.add([(one, str(nth)) for nth, one in enumerate(path)], 1, 1, has_converted=True)
    found: Counter[str] = Counter()
    for (channel, _), part in by_position.parts().items():
        found[channel] += part  # type: ignore[assignment]  # a Counter adds fractions as well
    assert found == came_to(Shapley(["channel"]), [(path, 1, 0) for path in paths])


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        # S. Puzyrov, Markov Chain Attribution: Simple Explanation of Removal Effect (2019). Of 4 in 5, without Google Ads 1 in 5 convert,
        # without mailing 2 in 5: removal effects of 3/4 and 1/2.
        ([("G", 2, 1), ("M", 1, 0), ("GM", 1, 0)], {"G": Fraction(12, 5), "M": Fraction(8, 5)}),
        # S. Bryl', Attribution model with R (2016): removal effects of 0.5, 1 and 1.
        ([("123", 1, 0), ("1", 0, 1), ("23", 0, 1)], {"1": Fraction(1, 5), "2": Fraction(2, 5), "3": Fraction(2, 5)}),
    ],
)
def test_a_chain_agrees_with_published_examples(paths: list[Counted], expected: dict[str, Fraction]) -> None:
    assert came_to(Markov(1, ["channel"]), paths) == expected


def simulated(order: int, paths: Sequence[Counted], taken_out: str, walks: int, random: Random) -> float:
    """How many of `walks` convert, at random by the steps of `paths`, where who comes to `taken_out` is lost."""
    steps: dict[str, list[str]] = {}
    for channels, *ends in paths:
        for end, times in zip("+-", ends, strict=True):
            walked = channels + end
            for nth, step in enumerate(walked):
                steps.setdefault(walked[max(0, nth - order) : nth], []).extend(step * times)
    converted = 0
    for _ in range(walks):
        walked = ""
        while not walked or walked[-1] not in f"+-{taken_out}":
            walked += random.choice(steps[walked[-order:]])
        converted += walked[-1] == "+"
    return converted / walks


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_chain_comes_to_what_random_walks_come_to(order: int) -> None:
    random = Random(order)
    paths = [("".join(random.choices("ABCD", k=random.randint(1, 6))), random.randint(0, 3), random.randint(0, 3)) for _ in range(30)]
    whole = simulated(order, paths, "", 40_000, random)
    effects = {channel: 1 - simulated(order, paths, channel, 40_000, random) / whole for channel in "ABCD"}
    total = sum(converted for _, converted, _ in paths)
    found = came_to(Markov(order, ["channel"]), paths)
    for channel, effect in effects.items():
        assert float(found[channel]) / total == pytest.approx(effect / sum(effects.values()), abs=0.01)


@given(st.lists(st.tuples(st.text("ABCD", min_size=1, max_size=5), st.integers(0, 3), st.integers(0, 3)), max_size=8), st.randoms())
def test_parts_add_up_in_whole_units_and_any_order_of_paths_gives_the_same(paths: list[Counted], random: Random) -> None:
    for order in (1, 2, 3):
        found = came_to(Markov(order, ["channel"]), paths)
        assert sum(found.values()) == sum(converted for _, converted, _ in paths)
        again = list(paths)
        random.shuffle(again)
        assert came_to(Markov(order, ["channel"]), again) == found


@given(st.dictionaries(st.tuples(st.text("AB", max_size=2)), st.fractions(max_denominator=20), max_size=6))
def test_whole_units_are_each_less_than_one_off_and_add_up(parts: dict[State, Fraction]) -> None:
    parts["rest",] = -sum(parts.values(), Fraction())
    whole = whole_units(parts)
    assert sum(whole.values()) == 0
    assert all(abs(whole[state] - part) < 1 for state, part in parts.items())


def test_a_long_chain_is_solved_as_a_short_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(1)
    paths = [("".join(random.choices("ABCDEF", k=8)), 1, random.randint(0, 2)) for _ in range(40)]
    full = came_to(Markov(3, ["channel"]), paths)
    monkeypatch.setattr(set_credit, "DENSE_MAX", 0)
    assert came_to(Markov(3, ["channel"]), paths) == pytest.approx(full, abs=1e-6)


async def test_more_than_a_chain_can_hold_is_refused_with_what_would_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_credit, "STATES_MAX", 2)
    db, ask = sqlite(THREE)
    with pytest.raises(NotWorkedOut, match=r"conversions_markov_1: a Markov chain .* ask for a lower order, for fewer with --where"):
        await answer(ask, [FIGURES["conversions_markov_1"]], Asked(UNTIL, by=("channel",)))
    await answer(ask, [FIGURES["conversions_shapley"]], Asked(UNTIL, by=("channel",)))
    db.close()


async def test_without_numpy_and_scipy_it_says_which_extra_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    db, ask = sqlite(orders((1, "ABCBDBACB")))
    with pytest.raises(NotWorkedOut, match=r"conversions_markov_2: .*pip install 'customer-journey-engine\[analysis\]'"):
        await answer(ask, [FIGURES["conversions_markov_2"]], Asked(UNTIL, by=("channel",)))
    db.close()


async def test_a_report_without_them_has_the_other_models_and_says_why_those_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    db, ask = sqlite(THREE)
    (section,) = (await report(ask, "marketing", ["models"], Asked(UNTIL), None)).sections
    db.close()
    shown = [figure.name for answered in section.answers for figure in answered.figures]
    assert shown == [figure.name for figure in SIDE_BY_SIDE if "markov" not in figure.name]
    assert {*section.not_worked_out} == {figure.name for figure in SIDE_BY_SIDE} - {*shown}


def test_the_model_that_counts_by_default_comes_first() -> None:
    assert {figures[0].name for figures in (CONVERSIONS, SIDE_BY_SIDE)} == {"conversions_last_non_direct"}
