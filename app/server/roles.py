"""Roles as data: what each may do, and what it is not shown."""

from enum import StrEnum
from typing import Final, NamedTuple

from projections.figures.figure import Tells


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


class Role(StrEnum):
    """What a key is for."""

    publisher = "publisher"
    marketing = "marketing"
    sales = "sales"
    auditor = "auditor"
    operator = "operator"


RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.publisher: frozenset({Right.publish}),
    Role.marketing: frozenset({Right.read_marketing, Right.read_people, Right.read_catalogue}),
    Role.sales: frozenset({Right.read_sales, Right.read_people, Right.read_catalogue}),
    Role.auditor: frozenset({Right.read_marketing, Right.read_sales, Right.read_people, Right.read_catalogue, Right.audit}),
    Role.operator: frozenset(Right),
}


class Sight(NamedTuple):
    """What a role is not shown of what it may read. See `app.server.visible` for how."""

    in_sums: frozenset[Tells] = frozenset()
    """What figures tell in sums over at least `small_count` facts only, and never of a single one."""
    by_channel: frozenset[Tells] = frozenset()
    """What they tell as a whole and by channel only."""
    never: frozenset[Tells] = frozenset()
    masks_people: bool = False
    """Names, e-mail addresses, telephone numbers, and whatever else says who a person is."""
    masks_deals: bool = False
    """Of a single deal: its price, proposals and notes."""


SIGHT: Final[dict[Role, Sight]] = {
    Role.publisher: Sight(never=frozenset({"deal_value", "spend", "cost"}), masks_people=True, masks_deals=True),
    Role.marketing: Sight(in_sums=frozenset({"deal_value"}), masks_people=True, masks_deals=True),
    Role.sales: Sight(by_channel=frozenset({"cost"}), never=frozenset({"spend"})),
    Role.auditor: Sight(masks_people=True),
    Role.operator: Sight(),
}
