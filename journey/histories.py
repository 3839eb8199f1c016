"""What a set of stored touchpoints says: which body counts, what is voided, who takes part in a deal, what one person's history is.

Each is a function of the one before, and none of them knows in which order anything arrived.
"""

from collections.abc import Callable, Collection, Hashable, Iterable
from itertools import chain
from typing import NamedTuple, TypeVar

from journey.touchpoints import (
    ANY,
    AccountJoined,
    AccountUpdated,
    Close,
    DealOpened,
    DealReopened,
    DealUpdated,
    Identified,
    Key,
    Retracted,
    Touchpoint,
    Unlinked,
)

N = TypeVar("N", bound=Hashable)

ContentHash = Callable[[bytes], bytes]
"""SHA-256 of a body as canonical JSON. Called only where two bodies stand under one id."""


KeptApart = Identified | Unlinked | Retracted | DealOpened | DealUpdated | DealReopened | Close
"""What takes no part in making one touchpoint of those that stand under one (source, id) with several ids of a person: what a link or a
deal says is said once for all who hear of it."""


class Stored(NamedTuple):
    """One body of a touchpoint, and whether something retracted it."""

    touch: Touchpoint
    body: bytes
    voided: bool = False


def keys(touch: Touchpoint) -> tuple[str, ...]:
    """The subjects that `touch` is stored under: its own, and those that it names."""
    data = touch.data
    if isinstance(data, Identified | Unlinked):
        return (touch.subject, data.other)
    named: tuple[str, ...] = (touch.subject,)
    if touch.about.deal is not None and (deal := f"deal:{touch.about.deal}") != touch.subject:
        named += (deal,)
    if isinstance(data, AccountJoined):
        named += (f"account:{data.account}",)
    return named


def is_subject(text: str) -> bool:
    """Whether `text` is written as a subject is: a kind that there is, and which one of it."""
    kind, _, rest = text.partition(":")
    return kind in ANY and rest != ""


def is_person(subject: str) -> bool:
    return subject.startswith(("user:", "anon:"))


def people_named(touch: Touchpoint) -> tuple[str, ...]:
    """The ids that `touch` makes take part in its deal: its own, and those of its list of people."""
    data = touch.data
    named: tuple[str, ...] = ()
    if isinstance(data, DealOpened | DealUpdated) and data.people:
        named = tuple(person.person for person in data.people)
    if touch.about.deal is not None and is_person(touch.subject):
        named += (touch.subject,)
    return named


def settle(bodies: Iterable[Stored], content_hash: ContentHash) -> list[Touchpoint]:
    """The touchpoints that count, in order: one body per (subject, source, id), none that is voided."""
    return _in_order(_chosen(bodies, _key, content_hash).values())


def _chosen(bodies: Iterable[Stored], name: Callable[[Touchpoint], N], content_hash: ContentHash) -> dict[N, Stored]:
    """One body per name: the earliest, then the one with the smallest content hash, then with the smallest subject."""
    chosen: dict[N, Stored] = {}
    for stored in bodies:
        if stored.voided:
            continue
        rival = chosen.setdefault(name(stored.touch), stored)
        if rival is not stored:
            pair = (rival, stored)
            chosen[name(stored.touch)] = min(pair, key=lambda one: (one.touch.occurred_at, content_hash(one.body), one.touch.subject))
    return chosen


def _key(touch: Touchpoint) -> Key:
    return touch.key


def _name(touch: Touchpoint) -> tuple[str, str]:
    return touch.source, touch.id


def _in_order(bodies: Iterable[Stored]) -> list[Touchpoint]:
    return sorted((stored.touch for stored in bodies), key=lambda touch: touch[:4])


def takes_part(deal_history: Iterable[Touchpoint]) -> frozenset[str]:
    """The ids that take part in a deal: all that its counting touchpoints have ever named."""
    return frozenset(id for touch in deal_history for id in people_named(touch))


def joined(account_history: Iterable[Touchpoint]) -> frozenset[str]:
    """The ids that ever joined an account. Who left it stays: what it was when they were there is part of their history."""
    return frozenset(touch.subject for touch in account_history if isinstance(touch.data, AccountJoined))


def members(account_history: Iterable[Touchpoint], people_max: int) -> frozenset[str]:
    """The ids whose histories hold what an account's touchpoints say of it: those that ever joined it; nobody's, where more did."""
    found = joined(account_history)
    return found if len(found) <= people_max else frozenset()


def is_for_members(touch: Touchpoint) -> bool:
    """Whether `touch`, of an account, is part of its members' histories."""
    return isinstance(touch.data, AccountUpdated)


def person_history(
    ids: Collection[str], own: Iterable[Stored], through_others: Iterable[Touchpoint], content_hash: ContentHash
) -> list[Touchpoint]:
    """A person's history, in order: what counts under its ids, one per (source, id), and what it is part of through its deals and
    accounts.

    `own` holds bodies stored under the ids; `through_others` what counts in those. What stands in
    several of them is one touchpoint. Several bodies under one (source, id) are one, but for what is `KeptApart`.
    """
    counting = _chosen((stored for stored in own if stored.touch.subject in ids), _key, content_hash)
    one = _chosen((stored for stored in counting.values() if not isinstance(stored.touch.data, KeptApart)), _name, content_hash)
    apart = (stored for stored in counting.values() if isinstance(stored.touch.data, KeptApart))
    return _with_others(ids, (stored.touch for stored in chain(one.values(), apart)), through_others)


def history_of_one(id: str, counting: Iterable[Touchpoint], through_others: Iterable[Touchpoint]) -> list[Touchpoint]:
    """`person_history` of a person with one id, of whose names one body each counts already."""
    return _with_others((id,), (touch for touch in counting if touch.subject == id), through_others)


def _with_others(ids: Collection[str], own: Iterable[Touchpoint], through_others: Iterable[Touchpoint]) -> list[Touchpoint]:
    history = [touch for touch in own if not isinstance(touch.data, Identified | Unlinked | Retracted)]
    history += {touch.key: touch for touch in through_others if touch.subject not in ids}.values()
    history.sort(key=lambda touch: touch[:4])
    return history
