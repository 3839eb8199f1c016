"""Reasons are reasons in a simulated company too, where instants meet, deals have several people and ids are linked.

Links and participants are held fixed: what is left out is a person's own history.
"""

from collections import defaultdict
from datetime import date
from functools import cache
from random import Random
from typing import Any

from app.simulation.world import simulate
from journey import person_fold
from journey.explain import explain
from journey.facts import LeadMoved, StageEntered
from journey.histories import Stored, is_person, keys, person_history, settle, takes_part
from journey.identity import Person
from journey.instants import DAY
from journey.touchpoints import DealOpened, Identified, Retracted, Touchpoint
from schemas.canonical import content_hash
from schemas.decode import decode
from schemas.definition_files import default_definition
from tests.journey.builders import MONDAY, touch, turns_in
from tests.streams.brute_force import components, linked, name_of

DEFAULT = default_definition()
CUSTOMERS, SEED = 300, 1
UNCITED_MAX = 20
"""How many touchpoints that nothing cites are left out of a person's history, one at a time: drawn at random where there are more."""

DEADLINES = {"breached", "expired", "withdrawn"} | {rule.name for stage in DEFAULT.stages for rule in stage.rules if rule.when is None}

Move = StageEntered | LeadMoved


@cache
def people() -> list[tuple[Person, list[Touchpoint], list[Touchpoint]]]:
    """Each with its history and its links."""
    stored: dict[str, list[Stored]] = defaultdict(list)
    read = [decode(line) for line in simulate(customers=CUSTOMERS, days=200, seed=SEED, start=date(2025, 1, 1))]
    void = {(one.touch.subject, one.touch.data.of_source, one.touch.data.of_id) for one in read if isinstance(one.touch.data, Retracted)}
    for one in read:
        source, id, subject = one.touch.key
        if (subject, source, id) not in void:
            for key in keys(one.touch):
                stored[key].append(Stored(one.touch, one.body))
    deals = {key: settle(bodies, content_hash) for key, bodies in stored.items() if key.startswith("deal:")}
    through: dict[str, set[str]] = defaultdict(set)
    for deal, history in deals.items():
        for id in takes_part(history):
            through[id].add(deal)
    touches = [one.touch for bodies in stored.values() for one in bodies]
    links = [one for one in touches if isinstance(one.data, Identified)]
    one_of = components(linked(sorted(touches, key=lambda one: one.order), DEFAULT), DEFAULT)
    found = []
    for ids in {one_of.get(id, frozenset([id])) for id in {*stored, *through} if is_person(id)}:
        part = sorted(set().union(*(through[id] for id in ids)))
        history = person_history(
            ids, (one for id in ids for one in stored[id]), (one for deal in part for one in deals[deal]), content_hash
        )
        tying = [one for one in links if one.subject in ids and isinstance(one.data, Identified) and one.data.other in ids]
        found.append((Person(name_of(ids), tuple(sorted(ids))), history, tying))
    return sorted(found)


FAR = MONDAY + 2000 * DAY


def struck(one: Person, history: list[Touchpoint]) -> list[Move]:
    """All transitions in order: a mail long after has let every deadline strike."""
    _, facts = person_fold.derive(DEFAULT, one.name, one.ids, [*history, touch("email_sent", at=FAR)], turns_in(DEFAULT, history))
    return sorted((fact for fact in facts.elements() if isinstance(fact, Move)), key=lambda fact: (fact.at, fact.nth))


def told(move: Move) -> tuple[Any, ...]:
    if isinstance(move, StageEntered):
        return move.at, "stage", move.stage, move.left_stage, move.rule
    return move.at, "lead", move.step, move.cycle, move.basis


def test_everybody_can_be_explained_with_what_ties_all_that_counted_to_them() -> None:
    for one, history, links in people():
        answer = explain(DEFAULT, one, history, turns_in(DEFAULT, history), links, FAR)
        for move in answer.transitions:
            assert move.because
            for seen in move.because:
                # What was published under another id has its links, and what comes through a deal has who named the person in it.
                assert seen.ties or seen.subject == one.name


def test_without_all_of_its_evidence_a_transition_is_gone() -> None:
    """Or set off by another touchpoint of the very instant."""
    for one, history, _ in people():
        for move in struck(one, history):
            without = [other for other in history if other.key not in move.because]
            again = [other for other in struck(one, without) if told(other) == told(move)]
            assert not again or (move.rule not in DEADLINES and any(other.occurred_at == move.at for other in without)), (one, move, again)


def test_without_a_touchpoint_that_no_transition_cites_nothing_goes_missing() -> None:
    """The first difference, if there is any, is a transition more: a deadline that it had held off, or a rule that it had blocked."""
    for one, history, _ in people():
        moves = struck(one, history)
        cited = {key for move in moves for key in move.because}
        uncited = [other for other in history if other.key not in cited]
        for gone in Random(one.name).sample(uncited, min(UNCITED_MAX, len(uncited))):
            without = struck(one, [other for other in history if other is not gone])
            before, after = [told(move) for move in moves], [told(move) for move in without]
            if after != before:
                first = next(nth for nth, (was, now) in enumerate(zip([*before, None], [*after, None], strict=False)) if was != now)
                assert after[first:], f"{before[first]} is gone without {gone}"
                assert not before[first:] or after[first][0] <= before[first][0], f"{before[first]} is gone without {gone}"
                assert after[first] not in before
                assert (
                    isinstance(without[first], StageEntered)
                    or without[first].rule in {"mql", *DEADLINES}
                    or isinstance(gone.data, DealOpened)
                )
