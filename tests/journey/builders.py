"""Touchpoints, histories and small definitions with all that does not matter filled in."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import orjson

from journey import person_fold
from journey.definition import Definition
from journey.definition_checks import problems
from journey.facts import Fact, Facts, LeadMoved, Outlook, StageEntered
from journey.histories import is_person
from journey.instants import DAY, Instant, day, instant, iso, rfc3339
from journey.person import PersonJourney
from journey.touchpoints import TYPES, About, Key, Touchpoint, about_names, own_names
from journey.turns import turns
from schemas.decode import decode
from tests.examples import example

ME = "user:7"

F = TypeVar("F", bound=Fact)


def at(text: str) -> Instant:
    """The instant of `2026-03-02T10:00`, in UTC."""
    return instant(rfc3339(f"{text}:00Z"))


def on(at: Instant, zone: str = "UTC") -> str:
    """The day of `at`; "" of what has not happened."""
    return day(at, zone) if at else ""


MONDAY = at("2026-03-02T10:00")
TUESDAY = MONDAY + DAY
WEDNESDAY = MONDAY + 2 * DAY
THURSDAY = MONDAY + 3 * DAY
FRIDAY = MONDAY + 4 * DAY
NEXT_MONDAY = MONDAY + 7 * DAY


def touch(type: str, *, at: Instant = MONDAY, subject: str = "", id: str = "", source: str = "urn:test", **data: Any) -> Touchpoint:
    """A touchpoint of the type; `data` replaces fields of the example's. It is the person's or, where it has to be, the deal's."""
    event = example(type, **data)
    if not subject:
        subject = event["subject"]
        if subject.startswith("deal:"):
            subject = f"deal:{event['data']['deal']}"
        elif is_person(subject):
            subject = ME
    event |= {"subject": subject, "source": source, "id": id or f"{type}-{at}", "time": iso(at)}
    return decode(orjson.dumps(event)).touch


def saying(type: str, **fields: Any) -> Touchpoint:
    """A touchpoint of the type that says just `fields`, as if it had been read."""
    kind: Any = TYPES[type]
    names = about_names(kind)
    about = {names[name]: value for name, value in fields.items() if name in names}
    own = {name: value for name, value in fields.items() if name in own_names(kind) or name not in names}
    return Touchpoint(MONDAY, "urn:test", "1", ME, kind(**own), about=About(**about))


def opened(deal: str = "12", *, people: Iterable[str] = (ME,), at: Instant = MONDAY, **fields: Any) -> Touchpoint:
    """A deal's opening; the first of `people` is the primary one."""
    named = [{"person": one, "primary": nth == 0} for nth, one in enumerate(people)]
    return touch("deal_opened", at=at, deal=deal, people=named, **fields)


def closed(deal: str = "12", *, at: Instant = FRIDAY, outcome: str = "won", **fields: Any) -> Touchpoint:
    return touch("close", at=at, deal=deal, outcome=outcome, **({} if outcome == "won" else {"reason": "price"}) | fields)


VIEWED: dict[str, Any] = {"types": ["page_view", "ad_click", "content_view", "form_submitted"]}
HELD: dict[str, Any] = {"types": "demo", "where": {"status": "held"}}

STAGES: dict[str, list[dict[str, Any]]] = {
    "awareness": [{"name": "first-contact", "when": VIEWED}],
    "consideration": [{"name": "demo-held", "when": HELD}],
    "lost": [{"name": "silent", "from": ["awareness", "consideration"], "inactive": "30d"}],
}


def stage(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "rules": list(rules), "way": {"lost": "out", "churned": "out", "recycled": "back"}.get(name, "along")}


def definition(stages: dict[str, list[dict[str, Any]]] | None = None, **parts: Any) -> Definition:
    """A small definition that has no problems. `parts` replace its other keys."""
    content: dict[str, Any] = {
        "name": "small",
        "stages": [stage(name, *rules) for name, rules in (stages or STAGES).items()],
        "activity": ["page_view", "ad_click", "content_view", "content_download", "form_submitted", "demo", "call", "negotiation"],
        "traffic": ["page_view", "ad_click", "content_view", "form_submitted"],
        "session_types": ["page_view", "page_engaged", "content_view", "form_submitted", "ad_click"],
        "lead": {"mql": {"types": "form_submitted", "where": {"intent": "demo"}}, "sql": {"types": "lead_qualified"}},
        "handoff": {"limit": "4h", "business_time": False, "starts": ["assigned", "mql", "created"]},
        "attribution": {
            "touches": ["ad_click", "content_download"],
            "look_back": "90d",
            "conversions": [{"name": "lead", "lead": "created"}, {"name": "won", "deal": "won"}],
        },
    }
    made = Definition.model_validate(content | parts)
    assert problems(made) == []
    return made


SMALL = definition()


def in_order(history: Iterable[Touchpoint]) -> list[Touchpoint]:
    return sorted(history, key=lambda one: one.order)


def derived(
    *history: Touchpoint, by: Definition = SMALL, name: str = ME, ids: Sequence[str] = (ME,)
) -> tuple[PersonJourney, Facts]:  # fmt: skip
    """The journey of a person whose history this is, and the facts that it asserts."""
    history = in_order(history)
    return person_fold.derive(by, name, ids, history, turns_in(by, history))


def turns_in(by: Definition, history: Iterable[Touchpoint]) -> dict[Key, str]:
    """The turns of the deals whose touchpoints these are: of all of them, where all are there."""
    deals: dict[str, list[Touchpoint]] = defaultdict(list)
    for one in in_order(history):
        if one.about.deal is not None or one.subject.startswith("deal:"):
            deals[one.about.deal or one.subject.removeprefix("deal:")].append(one)
    return {key: turn for those in deals.values() for key, turn in turns(by, those)[0].items()}


def only(kind: type[F], facts: Facts) -> list[F]:
    """The facts of one kind, in order, each as often as it is asserted."""
    return sorted(fact for fact in facts.elements() if isinstance(fact, kind))


def stages(facts: Facts) -> list[tuple[str, Instant]]:
    """The stages entered, in order, those aside that are still to strike."""
    return [(fact.stage, fact.at) for fact in moves(facts)]


def moves(facts: Facts) -> list[StageEntered]:
    return sorted(only(StageEntered, facts), key=lambda fact: (fact.at, fact.nth))


def steps(facts: Facts) -> list[tuple[int, str, Instant]]:
    """The steps of lead cycles, in order."""
    return [(fact.cycle, fact.step, fact.at) for fact in lead_moves(facts)]


def lead_moves(facts: Facts) -> list[LeadMoved]:
    return sorted(only(LeadMoved, facts), key=lambda fact: (fact.at, fact.nth))


def ahead(facts: Facts) -> list[tuple[str, Instant]]:
    """What is still to strike, in order."""
    return [
        (one.stage if isinstance(one, StageEntered) else one.step, one.at) for outlook in only(Outlook, facts) for one in outlook.strikes
    ]


def keys(*touches: Touchpoint) -> tuple[Key, ...]:
    return tuple(one.key for one in touches)
