"""Numbers as exports write them: what parts groups of digits, what stands before decimals, and how less than nothing is written."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Literal
from unicodedata import category

from pydantic import BeforeValidator, model_validator

from journey.integers import INTEGER_MAX
from schemas.csv_cell import Unread
from schemas.csv_yaml import CsvPart, Texts
from schemas.noticed import Noticed, Separated

DIGITS_MAX = 28
"""So many digits are reckoned with exactly (and are more than any amount has)."""

MINUS = ("-", "\u2212", "\u2013", "\ufe63", "\uff0d")
"""The hyphen, the minus of typography, and what else is written for it."""

_WORDS = re.compile(r"[^\d\s.,'\u2019()+%\-\u2212\u2013\ufe63\uff0d]+")

_LIKE_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}", re.ASCII)

_WAYS: tuple[Mapping[str, object], ...] = (
    {"decimal": "."},
    {"decimal": ","},
    {"thousands": " "},
    {"decimal": ",", "thousands": " "},
    {"thousands": "'"},
)
"""How numbers are written, where a map does not say."""


def _short_number(value: object) -> object:
    match value:
        case "true" | "whole" | "percent":
            return {} if value == "true" else {value: "true"}
        case dict():
            return value
    raise ValueError('write `number: true`, `whole` or `percent`, or how they are written, such as {decimal: ","}')


class NumberRule(CsvPart):
    """How numbers are written. Groups of digits are read only where the map says which sign is which."""

    decimal: Literal[".", ","] | None = None
    thousands: Literal[".", ",", " ", "'", "none"] | None = None
    whole: bool = False
    percent: bool = False
    strip: Texts = ()

    @model_validator(mode="after")
    def _apart(self) -> "NumberRule":
        if self.decimal is not None and self.decimal == self.thousands:
            raise ValueError("`decimal` and `thousands` are the same sign")
        return self

    def over(self, defaults: "NumberRule") -> "NumberRule":
        """This rule, with what it leaves open taken from `defaults`."""
        return defaults.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})

    def reader(self, noticed: Noticed, separated: Separated) -> Callable[[str], object]:
        """Notes which cells may be thousands: an export in German writes 24.000 for 24,000, and 24 is a number too."""
        plain = self._plain()

        def read(text: str) -> object:
            found = plain(text)
            if found is None:
                why = 'is no number with "," before its decimals' if self.decimal == "," else "is no number"
                raise Unread.cell(text, why, self._cure(text))
            if len(found) > DIGITS_MAX and sum(map(str.isdigit, found)) > DIGITS_MAX:
                raise Unread.cell(text, f"is a number of more than {DIGITS_MAX} digits")
            if not separated.are_decimals and "." in found and not self.percent:
                if _LIKE_THOUSANDS.fullmatch(found):
                    noticed.note_separated(separated, text, found)
                else:
                    separated.are_decimals = True
            if self.percent:
                found = f"{Decimal(found).scaleb(-2):f}"
            return _whole(text, Decimal(found)) if self.whole else found

        return read

    def _plain(self) -> Callable[[str], str | None]:
        """Gives `-1234.50` for a number that is written as this rule says."""
        decimal = self.decimal or ("," if self.thousands == "." else ".")
        grouping = self.thousands or ("none" if self.decimal is None else {",": ".", ".": ","}[decimal])
        group = {"none": "(?!)", " ": "[ \u00a0\u202f]", "'": "['\u2019]"}.get(grouping, re.escape(grouping))
        shape = re.compile(rf"([-+]?)(\d+|\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}})(?:{re.escape(decimal)}(\d+))?", re.ASCII)
        strip = sorted(filter(None, (*self.strip, *(["%"] if self.percent else []))), key=len, reverse=True)

        def plain(text: str) -> str | None:
            # Most cells are digits alone. Where something is to be stripped, that goes first: it may be a sign.
            found, minus = None if strip else shape.fullmatch(text), ""
            if found is None:
                bare, minus = _without_signs(text, strip)
                found = shape.fullmatch(bare)
            if found is None or (minus and found[1]):
                return None
            sign, digits, decimals = found.groups()
            return f"{minus or sign.strip('+')}{re.sub(r'[^0-9]', '', digits)}{'.' + decimals if decimals else ''}"

        return plain

    def _cure(self, text: str) -> str:
        """What the map could say so that `text` is read: what adds least to what it says. Where two readings are possible, both."""
        ways = () if self.decimal or self.thousands else _WAYS
        signs = [word for word in _WORDS.findall(text) if _is_of_money(word)]
        more: list[dict[str, object]] = [{"strip": (*self.strip, *signs)}] if signs else []
        more += [{"percent": True}] if "%" in text else []
        for updates in (more, ways, [{**way, **one} for way in ways for one in more]):
            found: dict[str, NumberRule] = {}
            for update in updates:
                rule = self.model_copy(update=update)
                if (plain := rule._plain()(text)) is not None:
                    found.setdefault(plain, rule)
            if found:
                which = len(found) > 1
                return "; " + ", ".join(f"number: {rule._said()} reads it{f' as {plain}' * which}" for plain, rule in found.items())
        return ""

    def _said(self) -> str:
        """As it stands in a map."""
        said = [f'{name}: "{value}"' for name in ("decimal", "thousands") if (value := getattr(self, name))]
        said += [f"{name}: true" for name in ("whole", "percent") if getattr(self, name)]
        if self.strip:
            signs = ", ".join(f'"{sign}"' for sign in self.strip)
            said.append(f"strip: [{signs}]")
        return "percent" if said == ["percent: true"] else f"{{{', '.join(said)}}}"


def _without_signs(text: str, strip: list[str]) -> tuple[str, str]:
    """`text` without what is to be stripped and without the sign of less than nothing, in whatever order they stand; and a minus for that.

    Less than nothing twice, as in `(-5)`, may mean either: such a text is left as one that is no number.
    """
    minus = ""
    while text := text.strip():
        if sign := next((one for one in strip if text.startswith(one)), ""):
            text = text.removeprefix(sign)
        elif sign := next((one for one in strip if text.endswith(one)), ""):
            text = text.removesuffix(sign)
        elif minus:
            break
        elif text.startswith(MINUS):
            text, minus = text[1:], "-"
        elif text.endswith(MINUS):
            text, minus = text[:-1], "-"
        elif text[0] == "(" and text[-1] == ")":
            text, minus = text[1:-1], "-"
        else:
            break
    return text, minus


def _is_of_money(word: str) -> bool:
    """Whether `word` is `€`, `US$` or `EUR`."""
    return len(word) <= 4 and (category(word[-1]) == "Sc" or category(word[0]) == "Sc" or (len(word) == 3 and word.isupper()))


def _whole(text: str, number: Decimal) -> int:
    if number % 1:
        raise Unread.cell(text, "is no whole number")
    if abs(number) > INTEGER_MAX:
        raise Unread.cell(text, "is a whole number beyond 2^53")
    return int(number)


Number = Annotated[NumberRule, BeforeValidator(_short_number)]
