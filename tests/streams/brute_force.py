"""The whole set of touchpoints, read straight from DESIGN.md and all at once: what the engine has to come to, whatever arrived when.

Shares the decoder, the folds and the rows of the read models with the engine; nothing of how it finds out what belongs to whom, nor of
which statements of deals and orders count (`stated`).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from journey import deal as deals
from journey import dimension, person_fold
from journey.definition import Definition
from journey.facts import DealStood, Fact, to_row
from journey.touchpoints import DealOpened, DealUpdated, Identified, Key, Retracted, Touchpoint, Unlinked
from projections.canonical import line
from projections.read_model import ReadModel
from schemas.canonical import content_hash
from schemas.decode import Decoded, decode
from tests.streams import stated
from tests.streams.builders import added


class Told(NamedTuple):
    """What a set of touchpoints comes to. `people` names the person of every id that is in one with others, or was heard of."""

    facts: Counter[Fact]
    people: dict[str, frozenset[str]]

    def plain(self) -> Counter[str]:
        """The facts, spelled as `builders.added` spells them."""
        return added([to_row(fact, count) for fact, count in self.facts.items()])


def told(definition: Definition, lines: Iterable[bytes]) -> Told:
    count = counting(map(decode, lines))
    touches = [one.touch for one in count]
    links = linked(touches, definition)
    people = components(links, definition)
    taking_part = {name: takers(touches, name) for touch in touches if (name := deal_of(touch)) is not None}

    facts: Counter[Fact] = Counter()
    heard_of = {touch.subject for touch in touches if is_id(touch.subject)}.union(links, *taking_part.values())
    everybody = {people.get(id, frozenset([id])) for id in heard_of}
    of_account = {touch.subject: members(touches, touch.subject, definition) for touch in touches if touch.type == "account_updated"}
    outcomes: dict[Key, str] = {}
    silent: set[Key] = set()
    for name in taking_part:
        own = [touch for touch in touches if deal_of(touch) == name]
        turned, unsaid = stated.deal(definition, own)
        outcomes |= turned
        silent |= unsaid
        facts.update(stated.stood(definition, f"deal:{name}", own))
        # What the deal's touchpoints say besides how it stands takes no model of its own: it takes no state.
        found = deals.derive(definition, f"deal:{name}", own)[1]
        facts.update({fact: n for fact, n in found.items() if not isinstance(fact, (DealStood, *stated.MONEY))})
    for ids in everybody:
        whole = [touch for touch in history(ids, count, taking_part, of_account) if touch.key not in silent]
        money, again = stated.orders(definition, name_of(ids), [touch for touch in whole if touch.subject in ids])
        said = [touch for touch in whole if touch.key not in again]
        found = person_fold.derive(definition, name_of(ids), sorted(ids), said, outcomes)[1]
        facts.update({fact: n for fact, n in found.items() if not isinstance(fact, stated.MONEY)})
        facts.update(money)
    for subject in {touch.subject for touch in touches if not is_id(touch.subject) and not touch.subject.startswith("deal:")}:
        own = [touch for touch in touches if touch.subject == subject]
        money, again = stated.orders(definition, subject, own)
        found = dimension.derive(definition, subject, [touch for touch in own if touch.key not in again])[1]
        facts.update({fact: n for fact, n in found.items() if not isinstance(fact, stated.MONEY)})
        facts.update(money)
    return Told(Counter({fact: n for fact, n in facts.items() if n}), {id: ids for ids in everybody for id in ids})


def counting(bodies: Iterable[Decoded]) -> list[Decoded]:
    """What counts, in order: nothing that any retraction names; under one name the earliest, then the smallest by content."""
    bodies = list(bodies)
    void = {(one.touch.subject, one.touch.data.of_source, one.touch.data.of_id) for one in bodies if isinstance(one.touch.data, Retracted)}
    chosen: dict[tuple[str, str, str], Decoded] = {}
    for one in bodies:
        name = (one.touch.subject, one.touch.source, one.touch.id)
        if name not in void or isinstance(one.touch.data, Retracted):
            chosen[name] = smaller(chosen.get(name), one)
    # A retraction has done its work; it is part of nobody's history.
    left = (one for one in chosen.values() if not isinstance(one.touch.data, Retracted))
    return sorted(left, key=lambda one: one.touch.order)


def smaller(one: Decoded | None, other: Decoded) -> Decoded:
    """The one of two that counts; contents are hashed only where there are two."""
    return other if one is None else min(one, other, key=rank)


def rank(one: Decoded) -> tuple[int, bytes, str]:
    """The smallest counts, where one is to count."""
    return one.touch.occurred_at, content_hash(one.body), one.touch.subject


def linked(touches: list[Touchpoint], definition: Definition) -> dict[str, set[str]]:
    """By id, whom its last statements link it with. What presumes its `other` links only while that is known by something else."""
    statements = [touch for touch in touches if isinstance(touch.data, Identified | Unlinked)]
    found: dict[str, set[str]] = {}
    last: dict[frozenset[str], Touchpoint] = {}
    for touch in statements:
        assert isinstance(touch.data, Identified | Unlinked)
        pair = frozenset([touch.subject, touch.data.other])
        found |= {id: set() for id in pair}
        was = last.get(pair)
        if not (is_presuming(touch) and was is not None and isinstance(was.data, Identified) and not is_presuming(was)):
            last[pair] = touch
    is_no_id = definition.identity.is_no_id
    linking = {
        pair: touch
        for pair, touch in last.items()
        if isinstance(touch.data, Identified) and not any(is_no_id(id.split(":", 1)[1]) for id in pair)
    }
    known = {touch.subject for touch in touches if not isinstance(touch.data, Identified | Unlinked)}
    for pair, touch in linking.items():
        known |= {touch.subject} if is_presuming(touch) else pair
    for (one, other), touch in ((tuple(pair), touch) for pair, touch in linking.items()):
        assert isinstance(touch.data, Identified)
        if is_presuming(touch) and touch.data.other not in known:
            continue
        found[one].add(other)
        found[other].add(one)
    return found


def is_presuming(touch: Touchpoint) -> bool:
    return isinstance(touch.data, Identified) and touch.data.presumed is True


def together(ids: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """By id, all that `pairs` connect it with."""
    of: dict[str, set[str]] = {id: {id} for id in ids}
    for one, other in pairs:
        if of[one] is not of[other]:
            of[one] |= of[other]
            for id in of[other]:
                of[id] = of[one]
    return {id: frozenset(those) for id, those in of.items()}


def components(links: dict[str, set[str]], definition: Definition) -> dict[str, frozenset[str]]:
    """Who is one person: those that links connect, hubs left out and shared devices from users, unless there are too many of them."""
    bounds = definition.bounds

    def is_user(id: str) -> bool:
        return id.startswith("user:")

    def is_hub(id: str) -> bool:
        counted = {one for one in links[id] if is_user(one)} if is_user(id) else links[id]
        return len(counted) > bounds.partners_max

    joining = {id for id in links if not is_hub(id)}
    pairs = {(one, other) for one in joining for other in links[one] & joining}
    people = together(links, (pair for pair in pairs if all(map(is_user, pair))))
    people = {id: those if len(those) <= bounds.ids_max else frozenset([id]) for id, those in people.items()}
    devices = together((id for id in joining if not is_user(id)), (pair for pair in pairs if not any(map(is_user, pair))))
    shared: set[str] = set()
    for device in set(devices.values()):
        users = {user for id in device for user in links[id] if is_user(user)}
        kinds = Counter(kind for kind, _ in {(definition.identity.kind(user), people[user]) for user in users})
        if len(device) > bounds.ids_max or any(n > bounds.users_per_device_max for n in kinds.values()):
            shared |= device
    holding = (pair for pair in pairs if shared.isdisjoint(pair) or not any(map(is_user, pair)))
    return {id: those if len(those) <= bounds.ids_max else frozenset([id]) for id, those in together(links, holding).items()}


def takers(touches: list[Touchpoint], name: str) -> set[str]:
    """Who takes part in a deal: who named it in a touchpoint of theirs, and who was ever listed."""
    found: set[str] = set()
    for touch in touches:
        if deal_of(touch) == name:
            if is_id(touch.subject):
                found.add(touch.subject)
            if isinstance(touch.data, DealOpened | DealUpdated):
                found.update(one.person for one in touch.data.people or ())
    return found


def members(touches: list[Touchpoint], account: str, definition: Definition) -> set[str]:
    """Who joined an account, ever; nobody where those are too many."""
    found = {touch.subject for touch in touches if touch.type == "account_joined" and f"account:{touch.data.account}" == account}
    return found if len(found) <= definition.bounds.account_people_max else set()


def history(
    ids: frozenset[str], count: list[Decoded], taking_part: dict[str, set[str]], of_account: dict[str, set[str]]
) -> list[Touchpoint]:
    """What a person did under any id, each (source, id) once, all of the deals that it takes part in, and the updates of its accounts."""
    own: dict[tuple[str, ...], Decoded] = {}
    for one in count:
        if one.touch.subject in ids and not isinstance(one.touch.data, Identified | Unlinked):
            says_of_a_deal = one.touch.type in ("deal_opened", "deal_updated", "deal_reopened", "close")
            name = one.touch.key if says_of_a_deal else (one.touch.source, one.touch.id)
            own[name] = smaller(own.get(name), one)
    mine = [one.touch for one in own.values()]
    others = [one.touch for one in count if one.touch.subject not in ids]
    deals = [touch for touch in others if (name := deal_of(touch)) is not None and not ids.isdisjoint(taking_part[name])]
    accounts = [touch for touch in others if touch.type == "account_updated" and not ids.isdisjoint(of_account[touch.subject])]
    deals += [touch for touch in accounts if touch not in deals]
    return sorted(mine + deals, key=lambda touch: touch.order)


def deal_of(touch: Touchpoint) -> str | None:
    """The deal that a touchpoint belongs to. A link belongs to none."""
    if touch.subject.startswith("deal:"):
        return touch.subject.removeprefix("deal:")
    return None if isinstance(touch.data, Identified | Unlinked) else touch.about.deal


def is_id(subject: str) -> bool:
    return subject.startswith(("user:", "anon:"))


def name_of(ids: Iterable[str]) -> str:
    return min(ids, key=lambda one: (not one.startswith("user:"), one.encode()))


def digest(model: ReadModel, facts: Counter[Fact]) -> str:
    """What the canonical digest of a read model that holds `facts` is."""
    rows: dict[str, dict[tuple[Any, ...], list[int]]] = {table.name: {} for table in model.tables}
    for fact, n in facts.items():
        for row in model.rows(fact):
            sums = rows[row.table].setdefault(row.key, [0] * (len(row.sums) + 1))
            for index, amount in enumerate((*row.sums, 1)):
                sums[index] += n * amount
    hashed = hashlib.sha256()
    for table in sorted(rows):
        hashed.update(json.dumps(table).encode() + b"\n")
        hashed.update(b"".join(sorted(line((*key, *sums)) for key, sums in rows[table].items())))
    return hashed.hexdigest()
