"""What people are called: by their ids, and by the names and addresses that their profiles have."""

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

NAMES: Final = frozenset({
    "displayname", "email", "emailaddress", "familyname", "firstname", "fullname", "givenname", "lastname", "mail", "name", "nickname",
    "surname", "username",
})  # fmt: skip
"""Traits that say what somebody is called, however they are spelled."""

_APART = re.compile(r"[\s_-]+")


def words_of(part: str) -> list[str]:
    """What is looked for, one by one and whatever the case."""
    return part.casefold().split()


def has_all(text: str, words: Sequence[str]) -> bool:
    """Whether `text` has each of `words` somewhere."""
    folded = text.casefold()
    return all(word in folded for word in words)


def called(body: bytes) -> str:
    """The names and addresses that a touchpoint says of its person, with a space in between; "" where it says none."""
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    traits = event.get("data", {}).get("traits") if event.get("type") == "profile_updated" else None
    return " ".join(_named(traits)) if isinstance(traits, dict) else ""


def _named(traits: dict[str, Any]) -> list[str]:
    return [value for name, value in traits.items() if isinstance(value, str) and _APART.sub("", name.lower()) in NAMES]
