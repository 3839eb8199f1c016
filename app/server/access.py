"""Who may do what: each route names the right that it needs."""

from enum import StrEnum
from typing import Any

from fastapi import Depends, Request


class Right(StrEnum):
    """What a request may do."""

    publish = "publish"
    read_marketing = "read_marketing"
    read_sales = "read_sales"
    read_people = "read_people"
    """Single people and what they did: personal fields are masked by role."""
    read_catalogue = "read_catalogue"
    """What can be asked for, and which periods are closed: nothing of any customer."""
    audit = "audit"
    operate = "operate"


def needs(right: Right) -> Any:
    """A dependency of a route: the request needs `right`."""

    async def check(request: Request) -> None:
        request.state.right = right

    check.right = right  # type: ignore[attr-defined]  # the matrix of routes and roles is made from it
    return Depends(check)
