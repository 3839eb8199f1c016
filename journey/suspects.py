"""Joins that hold and look wrong, of one person; and the statement that undoes each. A function of the person's links, wins and touches."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from journey.definition import Definition
from journey.explain import Evidence, evidence
from journey.identity import Id
from journey.instants import SECOND, Instant, iso
from journey.money import major
from journey.touchpoints import Identified, Touchpoint

ORDER, DEVICE, IDS, MOVED = KINDS = ("order", "device", "ids", "moved")
"""Worst first: money that counts twice, a device of several users, a person of too many ids, won value that a link moved."""

IDS_MANY = 10
"""More ids than this are unusual for one person."""
DEVICES_MANY = 5
"""More devices than this are unusual for one person."""

SOURCE = "urn:journey:suspects"


class Win(NamedTuple):
    """A won deal or an order, by what it is worth now, and the ids that it lies under."""

    of: str
    at: Instant
    ids: frozenset[Id]
    amount_minor: int
    currency: str
    touch: Touchpoint


@dataclass(frozen=True, slots=True)
class Suspect:
    """`because` are the touchpoints that say so; `send` the lines that end it, none where only the definition's bounds can."""

    kind: str
    reason: str
    ids: tuple[Id, ...]
    amounts: tuple[tuple[str, int], ...]
    """In minor units, by currency."""
    because: tuple[Evidence, ...]
    send: tuple[str, ...]
    weight: float

    @property
    def rank(self) -> tuple[int, float, tuple[Id, ...], str]:
        """The worst first."""
        return KINDS.index(self.kind), -self.weight, self.ids, self.reason


def statement(type: str, one: Id, other: Id, after: Instant) -> str:
    """A line for `journey ingest` that says the last word about two ids. The same question has the same line, so that it counts once."""
    time = iso(after + SECOND)
    id = hashlib.sha256(json.dumps([type, one, other, time]).encode()).hexdigest()[:32]
    event = {"specversion": "1.0", "id": id, "source": SOURCE, "type": type, "subject": one, "time": time, "data": {"other": other}}
    return json.dumps(event)


def words(amounts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{major(minor, currency):,} {currency}" for currency, minor in amounts)


def suspects_of(
    definition: Definition, ids: Sequence[Id], links: Iterable[Touchpoint], wins: Sequence[Win], touches: Iterable[Touchpoint]
) -> Iterator[Suspect]:
    """What looks wrong in a person. `links`: the last statement of each pair that makes its `ids` one; `touches`: what may be credited."""
    tied = sorted(((link, link.subject, _other(link)) for link in links), key=lambda one: one[0].order)
    yield from _devices(definition, ids, tied)
    yield from _many_ids(definition, ids, tied)
    if wins:
        yield from _moved(definition, ids, tied, wins, sorted(touches, key=lambda touch: touch.order))


Tie = tuple[Touchpoint, Id, Id]


def _other(link: Touchpoint) -> Id:
    assert isinstance(link.data, Identified)
    return link.data.other


def _groups(ids: Iterable[Id], ties: Iterable[Tie], fits: Callable[[Collection[Id]], bool] = lambda ids: True) -> dict[Id, frozenset[Id]]:
    """The group of each of `ids`, of those that `ties` join, one after the other, where what comes of it `fits`."""
    group = {id: frozenset([id]) for id in ids}
    for _, one, other in ties:
        both = group[one] | group[other]
        if group[one] is not group[other] and fits(both):
            group.update(dict.fromkeys(both, both))
    return group


def _is_device(id: Id) -> bool:
    return id.startswith("anon:")


def _between_same(ties: Iterable[Tie]) -> list[Tie]:
    return [tie for tie in ties if _is_device(tie[1]) == _is_device(tie[2])]


def _undone(ties: Iterable[Tie]) -> tuple[str, ...]:
    return tuple(statement("unlinked", one, other, link.occurred_at) for link, one, other in ties)


def _devices(definition: Definition, ids: Sequence[Id], ties: Sequence[Tie]) -> Iterator[Suspect]:
    """Devices with several users, as people: the first to be linked stays."""
    group = _groups(ids, _between_same(ties))
    of: dict[frozenset[Id], list[tuple[Tie, frozenset[Id]]]] = defaultdict(list)
    for tie in ties:
        _, one, other = tie
        if _is_device(one) != _is_device(other):
            device, user = (one, other) if _is_device(one) else (other, one)
            of[group[device]].append((tie, group[user]))
    for anons, uses in of.items():
        users = {person for _, person in uses}
        if len(users) > 1:
            first = uses[0][1]
            names = sorted({id for (_, *ends), _ in uses for id in ends if not _is_device(id)}, key=str.encode)
            kinds = Counter(kind for person in users for kind in {definition.identity.kind(id) for id in person})
            same = max(kinds.values()) > 1
            reason = f"{len(users)} users of one device, {'of one kind' if same else 'each of another kind'}: {', '.join(names)}"
            yield Suspect(DEVICE, reason, tuple(sorted(anons, key=str.encode)), (), _because(tie[0] for tie, _ in uses),
                          _undone(tie for tie, person in uses if person != first), len(users) + same * 1000)  # fmt: skip


def _excess(definition: Definition, ids: Collection[Id], devices: int) -> list[str]:
    """What is unusual about that these are one person's."""
    kinds = Counter(definition.identity.kind(id) for id in ids if not _is_device(id))
    found = [f"{number} ids of the kind {kind}" for kind, number in sorted(kinds.items()) if number > 1]
    if len(ids) > IDS_MANY:
        found.append(f"{len(ids)} ids")
    if devices > DEVICES_MANY:
        found.append(f"{devices} devices")
    return found


def _many_ids(definition: Definition, ids: Sequence[Id], ties: Sequence[Tie]) -> Iterator[Suspect]:
    # Devices come together first, so that how many there are is known of each group from then on.
    ordered = sorted(ties, key=lambda tie: (not _is_device(tie[1]) or not _is_device(tie[2]), tie[0].order))
    device = _groups(ids, [tie for tie in ordered if _is_device(tie[1]) and _is_device(tie[2])])

    def unusual(group: Collection[Id]) -> list[str]:
        return _excess(definition, group, len({device[id] for id in group if _is_device(id)}))

    found = unusual(ids)
    if not found:
        return
    kept = _groups(ids, ordered, lambda group: not unusual(group))
    apart = [tie for tie in ordered if kept[tie[1]] != kept[tie[2]]]
    yield Suspect(IDS, f"one person has {', '.join(found)}", tuple(ids), (), _because(tie[0] for tie in apart), _undone(apart), len(ids))


def _moved(
    definition: Definition, ids: Sequence[Id], ties: Sequence[Tie], wins: Sequence[Win], touches: Sequence[Touchpoint]
) -> Iterator[Suspect]:
    """Links without which touches of the one side would not be credited with what was won on the other."""
    back = definition.attribution.look_back
    for tie in ties:
        link, one, other = tie
        group = _groups(ids, (each for each in ties if each is not tie))
        if group[one] == group[other]:
            continue
        credited: dict[Win, Touchpoint] = {}
        for win in wins:
            if win.amount_minor > 0 and group[one].isdisjoint(win.ids) != group[other].isdisjoint(win.ids):
                beyond = group[one] if group[one].isdisjoint(win.ids) else group[other]
                first = next((touch for touch in touches if touch.subject in beyond and win.at - back <= touch.occurred_at <= win.at), None)
                if first is not None:
                    credited[win] = first
        if credited:
            total: Counter[str] = Counter()
            for win in credited:
                total[win.currency] += win.amount_minor
            amounts = tuple(sorted(total.items()))
            reason = f"the link of {one} and {other} credits touches of one with {words(amounts)} won by the other"
            weight = max(float(major(minor, currency)) for currency, minor in amounts)
            said = {touch.key: touch for win, first in credited.items() for touch in (first, win.touch)}
            yield Suspect(MOVED, reason, (one, other), amounts, _because([link, *said.values()]), _undone([tie]), weight)


def _because(touches: Iterable[Touchpoint]) -> tuple[Evidence, ...]:
    return tuple(evidence(touch) for touch in touches)
