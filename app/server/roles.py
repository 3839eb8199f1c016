"""Roles as data: what each may do, and what it is not shown."""

from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """What a request may do."""

    publish = "publish"
    read_marketing = "read_marketing"
    read_sales = "read_sales"
    read_people = "read_people"
    """Single people and what they did: personal fields are masked by role."""
    audit = "audit"
    operate = "operate"


class Role(StrEnum):
    """What a key is for."""

    publisher = "publisher"
    marketing = "marketing"
    sales = "sales"
    auditor = "auditor"
    operator = "operator"


RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.publisher: frozenset({Right.publish}),
    Role.marketing: frozenset({Right.read_marketing, Right.read_people}),
    Role.sales: frozenset({Right.read_sales, Right.read_people}),
    Role.auditor: frozenset({Right.read_marketing, Right.read_sales, Right.read_people, Right.audit}),
    Role.operator: frozenset(Right),
}
