"""What is asked as known at a position is answered the same for ever, whatever comes after it (G6); and what changed has its cause."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import orjson
import pytest

from app.engine.known_state import KnownState, definition_at, known, position_known, read_model
from app.text import timeline as show_timeline
from journey.definition import Definition
from journey.errors import Refused
from journey.facts import FOLD_VERSION
from journey.instants import DAY
from projections.marketing import marketing
from projections.sales import sales
from projections.stores.sqlite import SqliteReadStore
from schemas.definition_files import default_definition, dump_definition
from streams.explaining import explained
from streams.operators import ControlLog
from streams.placement import Placement
from streams.ports import Histories
from streams.rebuilding import rebuilt
from streams.story_differences import Difference, StoryDifferences, story_differences
from streams.timeline import timeline
from streams.units import Generation, Received, Recorded
from tests.contracts.places import Record
from tests.contracts.units import commit, name, row
from tests.projections import marketing_by_hand, sales_by_hand
from tests.streams.builders import LATER, at, deal_opened, incoming, link, retraction, sent, unlink

UNTIL = at(60) - 1
DEFINITION = default_definition()
_FEWER = DEFINITION.stages[1].model_copy(update={"rules": DEFINITION.stages[1].rules[:2]})
OTHER = DEFINITION.model_copy(update={"name": "other", "stages": (DEFINITION.stages[0], _FEWER, *DEFINITION.stages[2:])})
"""Without the rule that a demo takes somebody to consideration."""


@dataclass
class Desk:
    """A record that is written as a worker does, and asked as the commands do: what they need of an engine."""

    record: Histories
    desk: ControlLog
    by: Definition = DEFINITION

    async def definition(self) -> Definition:
        return self.by

    async def use(self, by: Definition) -> None:
        self.by = by
        detail = {"file": "a file", "fingerprint": by.fingerprint, "yaml": dump_definition(by)}
        await self.desk.decide(at=LATER, actor="ann", action="definition", reason="", detail=detail)
        await self.record.rebuild(rebuilt(by, self.record), Generation(by.fingerprint, FOLD_VERSION), LATER)

    async def take(self, *lines: bytes, recorded_at: int = LATER, import_id: int | None = None) -> int:
        """One unit of `lines`. Returns its position."""
        after = (await self.record.offsets()).get(0, -1)
        some = [incoming(line)._replace(import_id=import_id) for line in lines]
        batch = [Recorded(0, after + nth, recorded_at, one) for nth, one in enumerate(some, start=1)]
        await Placement(self.by, self.record).run(batch, {0: after})
        return await self.record.position()

    async def answers(self, known_at: str | None = None) -> list[Any]:
        """As JSON: the stories and the reasons of everybody there, and both reports."""
        was = await known(self, known_at)  # type: ignore[arg-type]
        found: list[Any] = []
        for subject in ("user:1", "anon:a", "anon:b", "deal:1"):
            for ask, plain in ((timeline, show_timeline.plain), (explained, asdict)):
                try:
                    found.append(plain(await ask(was.definition, was.bodies, subject, UNTIL)))  # type: ignore[operator]
                except Refused as error:
                    found.append(str(error))
        for model, report in ((marketing, marketing_by_hand.report), (sales, sales_by_hand.report)):
            async with read_model(model, was) as store:
                found.append(asdict(await report(store, was.definition, UNTIL)))  # type: ignore[operator]
        return [orjson.loads(orjson.dumps(one, default=sorted)) for one in found]

    async def between(self, subject: str, earlier: int, later: int) -> StoryDifferences:
        return await story_differences(partial(definition_at, self), self.record, subject, UNTIL, earlier, later)  # type: ignore[arg-type]


@pytest.fixture
async def desk(record: Record) -> Desk:
    desk = Desk(record.histories, record.control)
    await desk.use(DEFINITION)
    return desk


FORM = sent("form_submitted", "anon:a", at(1), id="form", intent="demo")
LINK = link("anon:a", "user:1", at(2))


def spend(amount: str, when: int) -> bytes:
    return sent("spend_recorded", "campaign:spring", when, id=amount, amount=amount, period_start="2026-03-02", period_end="2026-03-02")


BEGINNING = [
    sent("page_view", "anon:a", at(0), id="view"), FORM, LINK, sent("page_view", "anon:b", at(3)), spend("10.00", at(3)),
    deal_opened("1", at(4), "user:1"),
]  # fmt: skip


async def test_what_was_answered_at_a_position_is_answered_so_whatever_came_after(desk: Desk) -> None:
    position = await desk.take(*BEGINNING)
    saved = await desk.answers()
    assert await desk.answers(str(position)) == saved
    later = [
        sent("content_view", "anon:a", at(-20), id="late"),
        link("anon:b", "user:1", at(5)),
        unlink("anon:a", "user:1", at(6)),
        retraction(FORM, at(7)),
        spend("99.00", at(30)),
        sent("close", "deal:1", at(8)),
        sent("page_view", "anon:a", at(-1), id="view", url="/another-body"),
    ]
    told = saved
    for line in later:
        await desk.take(line)
        now = await desk.answers()
        assert now != told, line
        assert await desk.answers(str(position)) == saved, line
        told = now
    await desk.use(OTHER)
    assert [one["definition"] for one in (await desk.answers())[:1]] == [OTHER.fingerprint]
    assert await desk.answers(str(position)) == saved


async def test_each_of_many_positions_stays_as_it_was(desk: Desk) -> None:
    saved = {}
    for line in BEGINNING:
        position = str(await desk.take(line))
        saved[position] = await desk.answers()
    assert {position: await desk.answers(position) for position in saved} == saved


async def test_read_models_as_known_at_a_position_are_the_live_ones_of_then(desk: Desk, tmp_path: Any) -> None:
    await desk.take(*BEGINNING)
    was = KnownState(DEFINITION, (await known(desk, str(await desk.record.position()))).bodies)  # type: ignore[arg-type]
    for model, report in ((marketing, marketing_by_hand.report), (sales, sales_by_hand.report)):
        live = SqliteReadStore(model, tmp_path / f"{model.name}.db")
        await live.apply(desk.record.changes(0))
        async with read_model(model, was) as store:
            assert await report(store, DEFINITION, UNTIL) == await report(live, DEFINITION, UNTIL)  # type: ignore[operator]
        live.close()


async def test_a_time_of_recording_means_the_last_unit_recorded_up_to_it(desk: Desk) -> None:
    first = await desk.take(BEGINNING[0], recorded_at=LATER + DAY)
    await desk.take(BEGINNING[1], recorded_at=LATER + 2 * DAY)
    assert await desk.record.position_at(LATER + 2 * DAY - 1) == first
    assert await desk.record.position_at(LATER - 1) == 0
    assert await position_known(desk, "2028-11-27T00:00:00Z") == first  # type: ignore[arg-type]


async def test_when_what_units_brought_was_received_is_known_by_position(desk: Desk) -> None:
    first = await desk.take(BEGINNING[0], recorded_at=LATER + DAY)
    second = await desk.take(BEGINNING[1], recorded_at=LATER + 2 * DAY)
    both = [Received(LATER + DAY, False), Received(LATER + 2 * DAY, False)]
    assert await desk.record.received(first - 1, second, 10) == both
    assert await desk.record.received(first - 1, second, 1) == both[:1]
    assert await desk.record.received(second, second + 5, 10) == []
    await desk.use(OTHER)
    (anew,) = await desk.record.received(second, second + 5, 10)
    assert anew.is_derived_anew


@pytest.mark.parametrize("asked", ["3", "99999999999999999999999", "-1", "soon", "٣", "2026-03-02T10:00:00"])
async def test_what_is_no_position_yet_is_refused_in_one_line(desk: Desk, asked: str) -> None:
    await desk.take(*BEGINNING)
    with pytest.raises(Refused, match=r"^[^\n]*\b2\b[^\n]*$"):
        await known(desk, asked)  # type: ignore[arg-type]


# --- the port


async def test_bodies_are_those_of_then_void_where_they_were(histories: Histories) -> None:
    first, second = sent("page_view", "user:1", at(0), id="1"), sent("call", "user:1", at(0), id="2", deal="1")
    await commit(histories, first)
    await commit(histories, second)
    await commit(histories, retraction(second, at(1), id="r"), voids={name(second)})
    await commit(histories, rows=[row(sent("page_view", "user:1", at(0), id="3"), voided=True)])
    seen = []
    for position in range(5):
        bodies = await histories.bodies(["user:1", "deal:1"], position)
        seen.append({key: sorted((one.touch.id, one.voided) for one in found) for key, found in bodies.items()})
    one, two, three = ("1", False), ("2", False), ("2", True)
    assert seen == [
        {},
        {"user:1": [one]},
        {"user:1": [one, two], "deal:1": [two]},
        {"user:1": [one, three, ("r", False)], "deal:1": [three]},
        {"user:1": [one, three, ("3", True), ("r", False)], "deal:1": [three]},
    ]
    assert await histories.units_of(["user:1"], 0, 4) == [1, 2, 3, 4]
    assert await histories.units_of(["deal:1"], 0, 4) == [2, 3]
    assert await histories.units_of(["deal:1"], 2, 4) == [3]
    assert await histories.units_of(["deal:1", "user:2"], 0, 2) == [2]


async def test_definitions_have_the_positions_since_which_they_were_in_use(desk: Desk) -> None:
    await desk.take(BEGINNING[0])
    await desk.use(OTHER)
    assert await desk.record.definitions() == [(1, DEFINITION.fingerprint), (3, OTHER.fingerprint)]
    assert [(await definition_at(desk, position)).fingerprint for position in (1, 2, 3)] == [  # type: ignore[arg-type]
        DEFINITION.fingerprint, DEFINITION.fingerprint, OTHER.fingerprint,
    ]  # fmt: skip


# --- between two positions


def told(answer: StoryDifferences) -> list[tuple[bool, str, set[tuple[str, int]]]]:
    return [
        (one.since, show_timeline.what(one.entry), {(cause.what, cause.position) for cause in one.causes}) for one in answer.differences
    ]


def of(answer: StoryDifferences, what: str) -> list[Difference]:
    return [one for one in answer.differences if show_timeline.what(one.entry) == what]


async def test_every_difference_has_its_cause(desk: Desk) -> None:
    start = await desk.take(sent("page_view", "user:1", at(0)), FORM)
    late = await desk.take(sent("content_view", "user:1", at(-2), id="late"))
    assert {cause for *_, causes in told(await desk.between("user:1", start, late)) for cause in causes} == {("late touchpoint", late)}
    linked = await desk.take(LINK)
    joined = await desk.between("user:1", late, linked)
    assert [one.since for one in of(joined, "form_submitted")] == [True]
    assert {cause for *_, causes in told(joined) for cause in causes} == {("link", linked)}
    assert (joined.before.ids, joined.after.ids) == (("user:1",), ("anon:a", "user:1"))
    taken = await desk.take(retraction(FORM, at(3)))
    back = await desk.between("user:1", linked, taken)
    assert [one.since for one in of(back, "form_submitted")] == [False]
    assert {cause for *_, causes in told(back) for cause in causes} == {("retraction", taken)}
    apart = await desk.take(sent("page_view", "anon:a", at(4), id="more"), unlink("anon:a", "user:1", at(5)))
    assert told(await desk.between("user:1", taken, apart)) == []
    await desk.use(OTHER)
    switched = await desk.record.position()
    assert told(await desk.between("user:1", apart, apart)) == []
    assert {cause for *_, causes in told(await desk.between("user:1", apart, switched)) for cause in causes} <= {("definition", switched)}


async def test_what_came_and_went_between_is_no_difference(desk: Desk) -> None:
    start = await desk.take(sent("page_view", "user:1", at(0)), FORM)
    await desk.take(LINK)
    end = await desk.take(unlink("anon:a", "user:1", at(9)))
    assert told(await desk.between("user:1", start, end)) == []


async def test_a_definition_is_the_cause_of_what_it_changed(desk: Desk) -> None:
    start = await desk.take(sent("demo", "user:1", at(0), id="d"), sent("page_view", "user:1", at(0)))
    await desk.use(OTHER)
    answer = await desk.between("user:1", start, start + 1)
    assert [(one.since, show_timeline.says(one.entry)) for one in of(answer, "stage")] == [
        (False, "-> consideration"),
        (True, "-> awareness"),
    ]
    assert {cause.what for one in answer.differences for cause in one.causes} == {"definition"}


async def test_who_was_not_known_before_is_told_whole(desk: Desk) -> None:
    end = await desk.take(sent("page_view", "user:1", at(0)))
    answer = await desk.between("user:1", 0, end)
    assert (answer.before.ids, answer.after.ids) == ((), ("user:1",))
    assert {(since, *causes) for since, _, causes in told(answer)} == {(True, ("touchpoint", end))}
    with pytest.raises(Refused, match="nothing was known of 'user:9'"):
        await desk.between("user:9", 0, end)
