"""What a question asks of the definition: the zone, the currency, when the fiscal year starts, and the options of views."""

from typing import Any, Final

from journey.definition import Definition
from journey.instants import DAY, Instant
from projections.figures.figure import Asked
from projections.figures.views import Option

PEOPLE: Final[tuple[str, Option]] = ("people", "all")
"""Whose touches a won deal is credited to: of all its people, or of the primary ones."""
WON: Final[tuple[str, Option]] = ("won", ("won",))
"""The kinds of conversion that a won deal is."""
HALF_LIFE: Final[tuple[str, Option]] = ("half_life", 7 * DAY)
"""After how long a touch has half the weight, in the model that lets older touches fade."""
LOOK_BACK: Final[tuple[str, Option]] = ("look_back", 90 * DAY)
"""How long before a conversion a touch may be that it is credited to."""
KINDS: Final[tuple[str, Option]] = ("conversion", ("lead", "won", "order", "purchase"))
"""All kinds of conversion."""
CUSTOMERS: Final[tuple[str, Option]] = ("customers", ("won", "order", "purchase"))
"""The kinds of conversion that make a customer."""
CUSTOMER: Final[tuple[str, Option]] = ("customer", "account")
"""What a customer is: the account where there is one, or always the person."""


def options(definition: Definition) -> dict[str, Option]:
    """`Asked.options` under `definition`; without them views go by the definition that ships."""
    kinds = definition.attribution.conversions
    return {
        PEOPLE[0]: definition.attribution.people,
        HALF_LIFE[0]: definition.attribution.half_life,
        LOOK_BACK[0]: definition.attribution.look_back,
        KINDS[0]: tuple(kind.name for kind in kinds),
        WON[0]: tuple(kind.name for kind in kinds if kind.deal == "won"),
        CUSTOMERS[0]: tuple(kind.name for kind in kinds if kind.customer),
        CUSTOMER[0]: definition.customer,
    }


def asked_by(definition: Definition, until: Instant, *, currency: str | None = "", **more: Any) -> Asked:
    """A question as of `until` under `definition`; `more` are other fields of `Asked`. A `currency` of None is the company's own, where
    rates to it are stated; "" is each by itself."""
    return Asked(
        until,
        definition.zone,
        currency=currency or "",
        own_currency=definition.currency if currency is None else "",
        rate_day=definition.rate_day,
        fiscal_year_starts=definition.fiscal_year_starts,
        options=options(definition),
        **more,
    )
