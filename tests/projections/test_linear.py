"""Both read models are linear: n times a fact adds n times what the fact adds, and the order of facts makes no difference."""

from collections import Counter
from typing import Any, get_args, get_type_hints

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.facts import KINDS, Fact, LeadMoved, LeadStood, StageEntered, Touch, from_row, to_row
from journey.touchpoints import Key
from projections.marketing import marketing
from projections.read_model import ReadModel, deltas
from projections.sales import sales

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
numbers = st.integers(-(2**40), 2**40)
times = st.integers(-4, 4)
touches = st.builds(Touch, numbers, texts, texts, texts, texts)
keys = st.tuples(texts, texts, texts)


def of_kind(kind: type[Fact]) -> st.SearchStrategy[Fact]:
    """Facts of one kind, with any values that their fields may have."""
    values: dict[str, st.SearchStrategy[Any]] = {}
    for name, hint in get_type_hints(kind).items():
        if name == "kind":
            values[name] = st.just(kind._field_defaults["kind"])
        elif hint is int:
            values[name] = numbers
        elif hint is str:
            values[name] = texts
        else:
            (inside, _) = get_args(hint)
            of_list = keys if inside == Key else {Touch: touches, str: texts}.get(inside, st.deferred(lambda: ahead))
            values[name] = st.lists(of_list, max_size=3).map(tuple)
    return st.builds(kind, **values)


ahead = st.one_of(of_kind(StageEntered), of_kind(LeadMoved), of_kind(LeadStood))
facts = st.one_of([of_kind(kind) for kind in KINDS.values()])
models = pytest.mark.parametrize("model", [marketing, sales], ids=lambda model: model.name)


def added(model: ReadModel, *rows: list[Any]) -> dict[str, Counter[tuple[Any, ...]]]:
    """What `rows` add to each number of each row of each table."""
    total: dict[str, Counter[tuple[Any, ...]]] = {}
    for table, some in deltas(model, rows).items():
        total[table] = Counter({(delta.key, place): amount for delta in some for place, amount in enumerate(delta.adds) if amount})
    return {table: numbers for table, numbers in total.items() if numbers}


@models
@given(fact=facts, n=times)
@settings(deadline=None)
def test_n_times_a_fact_adds_n_times(model: ReadModel, fact: Fact, n: int) -> None:
    once = added(model, to_row(fact, 1))
    expected = {table: Counter({place: n * amount for place, amount in numbers.items()}) for table, numbers in once.items()}
    assert added(model, to_row(fact, n)) == (expected if n else {})


@models
@given(fact=facts)
def test_what_is_taken_back_leaves_nothing(model: ReadModel, fact: Fact) -> None:
    assert added(model, to_row(fact, 1), to_row(fact, -1)) == {}


@models
@given(some=st.lists(st.tuples(facts, times), max_size=6), data=st.data())
def test_the_order_of_facts_and_how_they_are_cut_makes_no_difference(
    model: ReadModel, some: list[tuple[Fact, int]], data: st.DataObject
) -> None:
    rows = [to_row(fact, n) for fact, n in some]
    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    together: dict[str, Counter[tuple[Any, ...]]] = {}
    for part in (shuffled[:cut], shuffled[cut:]):
        for table, numbers in added(model, *part).items():
            together.setdefault(table, Counter()).update(numbers)
    left = {table: Counter({place: amount for place, amount in numbers.items() if amount}) for table, numbers in together.items()}
    assert added(model, *rows) == {table: numbers for table, numbers in left.items() if numbers}


@models
@given(fact=facts)
def test_rows_have_the_columns_of_their_table(model: ReadModel, fact: Fact) -> None:
    tables = {table.name: table for table in model.tables}
    for row in model.rows(fact):
        table = tables[row.table]
        assert [type(value) for value in row.key] == [str if column.type == "TEXT" else int for column in table.key]
        assert [type(value) for value in row.sums] == [int for _ in table.sums]


@given(fact=facts, n=times)
def test_a_fact_comes_back_from_json_as_it_was(fact: Fact, n: int) -> None:
    assert from_row(orjson.loads(orjson.dumps(to_row(fact, n), default=tuple))) == (fact, n)


@pytest.mark.parametrize("kind", sorted(marketing.kinds | sales.kinds))
@given(data=st.data())
def test_each_kind_that_a_read_model_names_is_in_one(kind: str, data: st.DataObject) -> None:
    fact = data.draw(of_kind(KINDS[kind]))
    assert any(list(model.rows(fact)) for model in (marketing, sales))


@models
@given(fact=facts)
def test_a_model_makes_rows_of_no_kind_but_those_that_it_names(model: ReadModel, fact: Fact) -> None:
    assert fact.kind in model.kinds or not list(model.rows(fact))
