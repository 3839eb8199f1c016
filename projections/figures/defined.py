"""What a question asks of the definition: the zone, the currency, when the fiscal year starts, and the options of views."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from journey.definition import Definition, Funnel
from journey.facts import NEVER
from journey.funnels import kinds_of
from journey.instants import DAY, Instant
from projections.figures.dimensions import OF_SEGMENTS
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
SEGMENTS: Final[tuple[str, Option]] = (OF_SEGMENTS, ())
"""The segments that there are: a question may ask for one that nobody has been in yet, and for no other."""


def _steps(funnels: Sequence[Funnel], kind: Callable[[str], str]) -> tuple[tuple[str, ...], ...]:
    """A row for each step: its funnel, the order of that and how long it may take, the place of the step, and that among the steps that are
    not optional (an optional one has that of the step before), whether it is optional, what kind of step it is, its name, and as what it is
    shown. Of no funnel there is a row that nothing is a step of."""
    rows = []
    for funnel in funnels:
        within = NEVER if funnel.within is None else funnel.within
        nth = 0
        for place, one in enumerate(funnel.steps, start=1):
            nth += not one.optional
            shown = f"{place} of {len(funnel.steps)}" if funnel.order == "any" else f"{place} {one.step}"
            numbers = (str(within), str(place), str(nth), str(int(one.optional)))
            rows.append((funnel.name, funnel.order, *numbers, kind(one.step), one.step, shown))
    return tuple(rows) or (("", "", "0", "0", "0", "0", "", "", ""),)


def _days(funnels: Sequence[Funnel]) -> int:
    """How many days the longest of them may take; -1 where one may take any time."""
    return max((-1 if one.within is None else -(-one.within // DAY) for one in funnels), key=lambda days: (days < 0, days), default=0)


_SHIPPED = (
    Funnel.model_validate(
        {"name": "sales", "steps": ["lead", "mql", {"step": "demo", "optional": True}, "proposal", "won"], "within": "180d"}
    ),
    Funnel.model_validate({"name": "self-service", "steps": ["signed-up", {"step": "trial", "optional": True}, "order"], "within": "90d"}),
)
_KINDS = {"mql": "lead", **dict.fromkeys(("lead", "won", "order"), "conversion")}
FUNNELS: Final[tuple[str, Option]] = ("funnels", _steps(_SHIPPED, lambda step: _KINDS.get(step, "milestone")))
"""The funnels, a row for each of their steps."""
FUNNEL_DAYS: Final[tuple[str, Option]] = ("funnel_days", _days(_SHIPPED))
"""After how many days nobody is under way in any of them; -1 is never."""


def options_of(funnels: Sequence[Funnel], definition: Definition) -> dict[str, Option]:
    """Those options that say which funnels are asked for, none with a mistake in it."""
    return {FUNNELS[0]: _steps(funnels, lambda step: kinds_of(definition, step)[0]), FUNNEL_DAYS[0]: _days(funnels)}


LAG_DAYS: Final[tuple[str, Option]] = ("lag_days", 0)
"""How many days before a customer is won its costs lie, for what a new customer costs."""


def in_order(stages: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Stages (way, name) in their order, as SQL reads them: the first letter of the way, six digits of the place, the name."""
    return tuple(f"{way[0]}{place:06d}{name}" for place, (way, name) in enumerate(stages))


_ALONG: Final = ("awareness", "consideration", "decision", "post_purchase")
STAGES: Final[tuple[str, Option]] = (
    "stages",
    in_order([*(("along", name) for name in _ALONG), ("out", "lost"), ("out", "churned"), ("back", "recycled")]),
)
"""The stages of the journey in their order, each with the way that it lies: along it, out of it, back into it."""


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
        SEGMENTS[0]: tuple(definition.segments),
        **options_of(definition.funnels, definition),
        LAG_DAYS[0]: definition.cac_lag_days,
        STAGES[0]: in_order((stage.way, stage.name) for stage in definition.stages),
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
