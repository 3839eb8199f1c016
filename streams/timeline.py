"""One subject's whole story, derived when asked: its touchpoints, what they brought about, by which rule and because of what."""

from dataclasses import dataclass

from journey import person
from journey.definition import Definition
from journey.facts import DealStood, LeadMoved, LeftOut, Lowered, Ordered, Outlook, Scored, StageEntered
from journey.histories import is_person
from journey.instants import Instant, iso
from journey.money import major
from journey.touchpoints import Key, Touchpoint
from journey.wording import said
from streams.differing import derive
from streams.lookup import looked_up
from streams.ports import Bodies


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened at an instant. `what` is the touchpoint's type, or one of stage, lead, score, deal, order, due."""

    at: str
    what: str
    says: str
    source: str = ""
    id: str = ""
    subject: str = ""
    rule: str = ""
    because: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """`definition` is the fingerprint of the one that the transitions are by; `stage` and `score` are as of `until`."""

    subject: str
    ids: tuple[str, ...]
    definition: str
    position: int
    until: str
    stage: str
    score: int
    entries: list[Entry]


async def timeline(definition: Definition, histories: Bodies, subject: str, until: Instant) -> Timeline:
    """The story of `subject`, or of the person that it is an id of, up to `until`. Raises Refused where nothing is known of it."""
    _, one, history, turns = await looked_up(definition, histories, subject)
    entries = [(touch.occurred_at, 0, 0, _touched(touch)) for touch in history if touch.occurred_at <= until]
    stage, score = "", 0
    if is_person(subject):
        _, facts = person.derive(definition, one.name, one.ids, history, turns)
    else:
        _, facts = derive(definition, subject, history)
    # What is still to strike runs from the last touchpoint: seen from before it, it is not what was due.
    is_last = all(touch.occurred_at <= until for touch in history)
    for fact in facts.elements():
        match fact:
            case StageEntered(at=at, nth=nth, stage=entered, left=left, rule=rule, because=because) if at <= until:
                says = f"{left} -> {entered}" if left else f"-> {entered}"
                entries.append((at, 1, nth, Entry(iso(at), "stage", says, rule=rule, because=because)))
            case LeadMoved(at=at, nth=nth, step=step, cycle=cycle, because=because, rule=rule, reason=reason) if at <= until:
                says = f"lead {cycle}: {step}" + (f" ({reason})" if reason else "")
                entries.append((at, 1, nth, Entry(iso(at), "lead", says, rule=rule, because=because)))
            case Scored(at=at, points=points, until=ends, rule=rule) if at <= until:
                score += points if ends > until else 0
                entries.append((at, 1, -1, Entry(iso(at), "score", f"{points:+d} points", rule=rule)))
            case DealStood(at=at, nth=nth) if at <= until:
                amount = f"{major(fact.amount_minor, fact.currency)} {fact.currency}" if fact.currency else ""
                says = ", ".join(filter(None, (fact.outcome, fact.stage, amount)))
                entries.append((at, 1, nth, Entry(iso(at), "deal", says)))
            case Ordered(at=at, order=order, currency=currency, amount_minor=amount_minor) if at <= until:
                says = f"order {order}: {major(amount_minor, currency)} {currency}"
                entries.append((at, 1, -1, Entry(iso(at), "order", says)))
            case Lowered(at=at, order=order, currency=currency, amount_minor=amount_minor) if at <= until:
                says = f"order {order}: {major(-amount_minor, currency)} {currency} paid back"
                entries.append((at, 1, -1, Entry(iso(at), "order", says)))
            case LeftOut(at=at, of=of, why=why) if at <= until:
                says = f"{of.replace(':', ' ', 1)}: left out, {why}"
                entries.append((at, 1, -1, Entry(iso(at), "order", says)))
            case Outlook(strikes=strikes) if is_last:
                for strike in strikes:
                    what = "stage" if strike.cycle == 0 else "lead"
                    says = f"{strike.left} -> {strike.name}" if strike.cycle == 0 else f"lead {strike.cycle}: {strike.name}"
                    if strike.at > until:
                        what, says = "due", f"{says}, if nothing more happens"
                    entries.append((strike.at, 2, strike.nth, Entry(iso(strike.at), what, says, rule=strike.rule)))
            case _:
                pass
    entries.sort(key=lambda entry: entry[:3])
    for _, _, _, entry in entries:
        if entry.what == "stage":
            stage = entry.says.rpartition("-> ")[2]
    return Timeline(
        subject=one.name,
        ids=one.ids,
        definition=definition.fingerprint,
        position=await histories.position(),
        until=iso(until),
        stage=stage,
        score=score,
        entries=[entry for *_, entry in entries],
    )


def _touched(touch: Touchpoint) -> Entry:
    return Entry(iso(touch.occurred_at), touch.type, said(touch), touch.source, touch.id, touch.subject)
