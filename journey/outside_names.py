"""What other systems call their events, and which of our touchpoints that is: a table of data, and one pure function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, model_validator

from journey.instants import rfc3339
from journey.money import DECIMALS, TooLarge, minor, nearest
from journey.touchpoints import TYPES, About, about_names, field_names

Properties = Mapping[str, Any]
"""What the sender says of an event: Segment's and PostHog's `properties`, GA4's `params`."""

PERSON = "person"
SHOWN_MAX = 40

_Paths = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


class OutsideTouch(BaseModel):
    """One touchpoint that an outside event stands for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    """The type of the touchpoint."""
    about: str = PERSON
    """Whom it is about: the event's person, or the subject of this kind that its data names (`account`)."""
    needs: tuple[str, ...] = ()
    """The fields without which it is not this touchpoint."""
    fields: dict[str, _Paths] = {}
    """Our field, and where theirs is: the first of these that says something. `a.b` is inside of `a`, `a[].b` of each in the list
    `a`, and `@id`, `@user`, `@group` are the event's own id, its user's and its group's."""
    constants: dict[str, Any] = {}
    """Our fields that always have this value."""
    values: dict[str, dict[str, Any]] = {}
    """By our field, what their words stand for, in small letters; a word that is not here says nothing."""
    prefix: dict[str, str] = {}
    """What a field starts with: `user:`, where theirs is a bare id."""

    @model_validator(mode="after")
    def _speaks_our_vocabulary(self) -> "OutsideTouch":
        if self.type not in TYPES:
            raise ValueError(f"there is no touchpoint type {self.type!r}")
        stated = self.fields.keys() | self.constants.keys()
        unknown = stated - field_names(TYPES[self.type]).keys()
        if unknown:
            raise ValueError(f"{self.type} has no field {', '.join(sorted(unknown))}")
        unstated = {*self.needs, *self.values, *self.prefix} - stated
        if unstated:
            raise ValueError(f"nothing says where {', '.join(sorted(unstated))} comes from")
        if self.about != PERSON and self.about not in self.needs:
            raise ValueError(f"it is about the {self.about} that its data names, so it needs {self.about}")
        return self


class OutsideName(OutsideTouch):
    """All that an outside event stands for."""

    also: tuple[OutsideTouch, ...] = ()
    """Further touchpoints that it stands for, each where the event says enough."""


class Unfit(ValueError):
    """An event says what its touchpoint needs in a way that can't be read. The text says which field, why, and what would cure it."""


class NamedTouchpoint(NamedTuple):
    """A touchpoint's type, whom it is about (`person`, or the subject), and its data."""

    type: str
    subject: str
    data: dict[str, Any]


class OutsideMeaning(NamedTuple):
    """What an event stands for."""

    touchpoints: list[NamedTouchpoint]
    """None: it is no more than its name."""
    used: frozenset[str] = frozenset()
    """Which of its properties are in them."""
    left_out: tuple[str, ...] = ()
    """Why something of it is in none of them, or why there is none."""
    rounded: int = 0
    """Amounts with more digits than their currency has."""


def meant(name: OutsideName, properties: Properties, own: Mapping[str, str], currency: str = "") -> OutsideMeaning:
    """The touchpoints that the event says enough for. `currency` is that of amounts without one. Raises Unfit."""
    found: list[NamedTouchpoint] = []
    used: set[str] = set()
    left_out: list[str] = []
    rounded = 0
    for touch in (name, *name.also):
        read = _read(touch, properties, own, currency)
        if unfit := [read.unfit[needed] for needed in touch.needs if needed in read.unfit]:
            raise Unfit(unfit[0])
        if missing := [needed for needed in touch.needs if needed not in read.data]:
            if touch is name:
                left_out.append(f"no {touch.type}: it says no {', no '.join(missing)}")
            continue
        left_out += read.unfit.values()
        rounded += read.rounded
        subject = PERSON if touch.about == PERSON else f"{touch.about}:{read.data[touch.about]}"
        found.append(NamedTouchpoint(touch.type, subject, read.data))
        used.update(read.taken.values())
    return OutsideMeaning(found, frozenset(used), tuple(dict.fromkeys(left_out)), rounded)


def fitting(type_name: str, field: str, value: object) -> Any:
    """`value` as `field` wants it: ids as texts, whole numbers as numbers, one where several go as a list. None where it can't be."""
    wanted = _wanted(type_name).get(field)
    if wanted is None or value is None:
        return value
    if wanted.listed:
        listed = value if isinstance(value, list) else [value]
        return [str(one) if type(one) is int else one for one in listed if one not in (None, "")] or None
    if field == "currency" and isinstance(value, str):
        return value.upper()
    if wanted.words and not isinstance(value, dict | list):
        return value if value in wanted.words else None
    for kind, reading in _READINGS.items():
        if kind in wanted.kinds:
            return reading(value)
    return value


@dataclass(slots=True)
class _Read:
    """What an event says for one touchpoint: its data, which property each field is from, and why others are not in it."""

    data: dict[str, Any]
    taken: dict[str, str] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    rounded: int = 0


def _read(touch: OutsideTouch, properties: Properties, own: Mapping[str, str], currency: str) -> _Read:
    read = _Read(dict(touch.constants))
    for name, paths in touch.fields.items():
        for path in paths:
            said = own.get(path[1:]) if path.startswith("@") else _at(properties, path)
            if said in (None, "", []):
                continue
            words = touch.values.get(name)
            value = fitting(touch.type, name, said if words is None else words.get(str(said).casefold()))
            if value is not None:
                read.data[name] = f"{touch.prefix[name]}{value}" if name in touch.prefix else value
                read.taken[name] = path
                read.unfit.pop(name, None)
                break
            read.unfit.setdefault(name, f"{path} is {_shown(said)}, {_why_unfit(touch, name)}")
    _read_money(touch, read, currency)
    return read


def _read_money(touch: OutsideTouch, read: _Read, default: str) -> None:
    """Bring amounts into whole minor units of their currency. One that is no money is left out, with the reason."""
    amounts = [name for name in TYPES[touch.type].money if name in read.data]
    currency = read.data.get("currency", default if amounts and "currency" not in read.unfit else None)
    for name in amounts:
        path = read.taken.get(name, name)
        if not currency:
            lacking = (
                read.unfit.get("currency") or "there is no currency: send one, or give its source a default_currency in the definition"
            )
            read.unfit[name] = f"{path} is {_shown(read.data[name])}, and {lacking}"
        elif currency not in DECIMALS:
            read.unfit[name] = (
                f"{path} is {_shown(read.data[name])} {currency}, which is no currency; send its code of ISO 4217, such as EUR"
            )
        else:
            try:
                amount, is_rounded = nearest(Decimal(str(read.data[name])), currency)
            except TooLarge:
                # It is money, and who reads it says what is wrong with it.
                amount, is_rounded = Decimal(str(read.data[name])), False
            read.data["currency"] = currency
            read.rounded += is_rounded
            if amount != Decimal(str(read.data[name])):
                read.data[name] = str(amount) if isinstance(read.data[name], str) else amount
            continue
        del read.data[name]
        read.taken.pop(name, None)
    if amounts and not any(name in read.data for name in amounts):
        read.data.pop("currency", None)
        read.taken.pop("currency", None)


def _why_unfit(touch: OutsideTouch, name: str) -> str:
    if name in touch.values:
        return f"which is none of {', '.join(touch.values[name])}"
    kinds = _wanted(touch.type)[name].kinds
    if Decimal in kinds or float in kinds or int in kinds:
        return "which is no number; send digits and a point only, such as 1299.00"
    return f"which is no {name}"


def _shown(value: object) -> str:
    text = repr(str(value) if isinstance(value, Decimal) else value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def without_currency(type_name: str, data: Mapping[str, Any]) -> list[str]:
    """The fields of `data` that are no money: an amount without a currency, or with one that it does not fit; a currency of none."""
    stated = [field for field in TYPES[type_name].money if field in data]
    unfit = [field for field in stated if not _is_money(data[field], data.get("currency"))]
    return [*unfit, "currency"] if stated == unfit and "currency" in data else unfit


def _is_money(amount: object, currency: object) -> bool:
    try:
        minor(Decimal(str(amount)), str(currency))
    except TooLarge:
        # It is money, and who reads it says what is wrong with it.
        return True
    except (ValueError, ArithmeticError):
        return False
    return True


def _at(properties: Properties, path: str) -> Any:
    """What stands at `path`. A name with dots in it that is there as it stands comes first."""
    if path in properties:
        return properties[path]
    head, dot, rest = path.partition(".")
    if not dot:
        return None
    if head.endswith("[]"):
        listed = properties.get(head[:-2])
        return [_at(one, rest) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else None
    inner = properties.get(head)
    return _at(inner, rest) if isinstance(inner, dict) else None


def _text(value: object) -> object:
    return None if isinstance(value, bool | dict | list) else str(value)


def _flag(value: object) -> object:
    return value if isinstance(value, bool) else None


def _whole(value: object) -> object:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value if type(value) is int else None


def _number(value: object) -> object:
    try:
        finite = not isinstance(value, bool) and Decimal(str(value)).is_finite()
    except InvalidOperation:
        return None
    return value if finite else None


def _time(value: object) -> object:
    try:
        rfc3339(value)  # type: ignore[arg-type]  # what is no text is no time either
    except (ValueError, TypeError):
        return None
    return value


def _day(value: object) -> object:
    try:
        date.fromisoformat(value)  # type: ignore[arg-type]  # as above
    except (ValueError, TypeError):
        return None
    return value


def _object(value: object) -> object:
    return value if isinstance(value, dict) else None


_READINGS: dict[object, Callable[[object], object]] = {
    str: _text,
    bool: _flag,
    int: _whole,
    Decimal: _number,
    float: _number,
    AwareDatetime: _time,
    date: _day,
    dict: _object,
}
"""How a value is read for a field of each kind; the first kind that the field takes."""


class _Wanted(NamedTuple):
    """What a field takes."""

    kinds: frozenset[object]
    listed: bool
    words: frozenset[object]


@cache
def _wanted(type_name: str) -> dict[str, _Wanted]:
    """What each field of a type takes, by its name on the wire."""
    kind = TYPES[type_name]
    common, own, about = get_type_hints(About), get_type_hints(kind), about_names(kind)
    return {wire: _wants(own[ours] if ours in own else common[about[wire]]) for wire, ours in field_names(kind).items()}


def _wants(hint: Any) -> _Wanted:
    choices = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    origins = {get_origin(one) for one in choices}
    words = {word for one in choices if get_origin(one) is Literal for word in get_args(one)}
    return _Wanted(frozenset({*choices, *origins}), tuple in origins, frozenset(words))
