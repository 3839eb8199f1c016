"""What views ask of the definition: the options of a question."""

from typing import Final

from journey.definition import Definition
from projections.figures.views import Option

PEOPLE: Final[tuple[str, Option]] = ("people", "all")
"""Whose touches a won deal is credited to: of all its people, or of the primary ones."""
WON: Final[tuple[str, Option]] = ("won", ("won",))
"""The kinds of conversion that a won deal is."""
CUSTOMERS: Final[tuple[str, Option]] = ("customers", ("won", "order", "purchase"))
"""The kinds of conversion that make a customer."""
CUSTOMER: Final[tuple[str, Option]] = ("customer", "account")
"""What a customer is: the account where there is one, or always the person."""


def options(definition: Definition) -> dict[str, Option]:
    """`Asked.options` under `definition`; without them views go by the definition that ships."""
    kinds = definition.attribution.conversions
    return {
        PEOPLE[0]: definition.attribution.people,
        WON[0]: tuple(kind.name for kind in kinds if kind.deal == "won"),
        CUSTOMERS[0]: tuple(kind.name for kind in kinds if kind.customer),
        CUSTOMER[0]: definition.customer,
    }
