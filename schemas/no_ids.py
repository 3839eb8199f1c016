"""Ids that are no ids: what programs write where they have none, such as `user:undefined`."""

from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any

from journey.touchpoints import Retracted, Touchpoint, Unlinked, field_types, own_names
from schemas.decode import Unreadable

ID_FIELDS = ("account", "deal", "lead", "order", "refund", "subscription", "ticket")
"""Fields of data that say which thing is meant. Those of campaigns and contents are names that people give, and may be any."""

PERSON_FIELDS = ("other", "person")
_SUBJECTS = ("user", "anon", "account", "deal")
_TAKING_BACK = (Retracted, Unlinked)
_CURE = "leave it out where there is no id, or send the id that is meant; identity.never in the definition lists what is none"


def check_ids(touch: Touchpoint, is_no_id: Callable[[str], bool]) -> Unreadable | None:
    """Why `touch` can't be taken in: one of its ids names nobody and nothing.

    Asked of what comes in, and not by `decode`: what is in the record already stays readable. What takes something back may name it.
    """
    data = touch.data
    if isinstance(data, _TAKING_BACK):
        return None
    kind, _, rest = touch.subject.partition(":")
    if kind in _SUBJECTS and is_no_id(rest):
        return _no_id("subject", touch.subject)
    names, values_of = _fields(type(data))  # type: ignore[arg-type]  # classes are hashable
    values = values_of(touch)
    if values.count(None) == len(values):
        return None  # As of most.
    for where, said, bare in _ids(names, values):
        if is_no_id(bare):
            return _no_id(where, said)
    return None


def _ids(names: tuple[str, ...], values: tuple[Any, ...]) -> Iterator[tuple[str, str, str]]:
    """Where each id stands in data whose fields `names` have `values`, as it is written, and without its kind."""
    for name, value in zip(names, values, strict=True):
        if value is None:
            continue
        if name == "people":
            # A meeting lists people as its sender names them, a deal by their ids, with the part that each has in it.
            for number, one in enumerate(value):
                where, person = (f"data.people[{number}]", one) if isinstance(one, str) else (f"data.people[{number}].person", one.person)
                if person.startswith(("user:", "anon:")):
                    yield where, person, person.partition(":")[2]
        elif name in PERSON_FIELDS:
            yield f"data.{name}", value, value.partition(":")[2]
        else:
            # An order's id may be shown with a # before it.
            yield f"data.{name}", value, value.removeprefix("#") if name in ("order", "refund") else value


@cache
def _fields(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Touchpoint], tuple[Any, ...]]]:
    """The fields of a type that name something, and what reads them; any type has several."""
    names = tuple(name for name in field_types(kind) if name in ID_FIELDS or name in PERSON_FIELDS or name == "people")
    own = own_names(kind)
    return names, attrgetter(*(f"data.{name}" if name in own else f"about.{name}" for name in names))


def _no_id(where: str, said: str) -> Unreadable:
    return Unreadable("no-id", f"{where} {said!r} is what programs write where they have no id; {_CURE}")
