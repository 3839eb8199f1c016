"""E-mail addresses in calls that identify somebody, in the one form that maps write them in: by them web, CRM and shop meet."""

from collections.abc import Callable, Iterator
from typing import Any

ADDRESS_LENGTH_MAX = 254
"""Of an e-mail address (RFC 5321)."""


def address_of(value: object) -> str | None:
    """An e-mail address, or None."""
    text = value.strip().lower() if isinstance(value, str) else ""
    before, _, after = text.partition("@")
    return text if before and after and len(text) <= ADDRESS_LENGTH_MAX and not any(map(str.isspace, text)) else None


def address_link(id: str, subject: str, stated: object, is_no_id: Callable[[str], bool]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """The link of whom the call `id` is about with the address that it states, or that the user's id is.

    It is presumed: it holds where something else knows the address, such as a CRM or a shop. So a text that a program writes for all whose
    address it does not know makes nobody one with anybody.
    """
    kind, _, own = subject.partition(":")
    address = address_of(stated) or (address_of(own) if kind == "user" else None)
    if address is not None and f"user:{address}" != subject and not is_no_id(address):
        yield f"{id}#email", subject, "identified", {"other": f"user:{address}", "method": "email", "presumed": True}
