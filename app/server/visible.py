"""What of an answer each role sees. Routes give every answer, and every document of a person or a deal, through here.

Sums over at least `small_count` facts, for who sees no single one:

- A value over fewer is withheld, and one over fewer deals among orders. So that it is not the total less the others, the smallest value
  that is over enough is withheld too: what both come to together is over enough.
- Values are told as a whole, by one dimension at a time, or by month. Of two dimensions the totals of each would give values away, and so
  would quarters beside months.
- Nothing is told that is made to be subtracted: filtered values, the highest of them, as known earlier, by day or by week, of a period,
  until an instant that is not now; nor quantiles, each of which is one or two single values.
- Nothing is told of the rows behind it, or of what changed it.

What is left: whoever asks every day as of now sees what a day has added, and tables that overlap otherwise (channels and campaigns) may be
played off against each other. docs/access.md says so.
"""

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from app.server.problems import HttpProblem
from app.server.roles import SIGHT, Role, Sight
from journey.instants import Instant, instant
from projections.figures.answers import Answer, Cell, FigureAnswer
from projections.figures.figure import Figure, Tells
from projections.figures.periods import PERIODS
from projections.figures.reports import Report
from projections.figures.restatements import Restatement
from projections.figures.sections import FIGURES

R = TypeVar("R", bound=Restatement)

NOW_DAYS_MAX = 2
"""Who asks as of now is answered until the last end of a day in the reporting zone, or until a moment ago."""

MONTHLY: Final = frozenset({"month", "quarter", "year"})
_FINE: Final = frozenset({"day", "week"})


# --- figures


def refused(role: Role, figure: Figure, by: Iterable[str] = (), where: Iterable[str] = ()) -> str:
    """Why `role` may not ask for `figure` so; "" where it may."""
    return _refused(role, figure.name, figure.tells, {*by, *where})


def check_figure(role: Role, figure: Figure, by: Iterable[str] = (), where: Iterable[str] = ()) -> None:
    """Raises HttpProblem 403 where `role` may not ask for `figure` so."""
    if why := refused(role, figure, by, where):
        raise HttpProblem(403, why)


def check_rows(role: Role, figure: Figure, by: Iterable[str] = (), where: Iterable[str] = ()) -> None:
    """Raises HttpProblem 403 where `role` may not see what is behind `figure`, asked for so, one by one, or what changed it."""
    check_figure(role, figure, by, where)
    if not sees_rows(role, figure, by, where):
        raise HttpProblem(403, f"{figure.name} is shown to {role} in sums only, and not the rows behind it or what changed it")


def sees_rows(role: Role, figure: Figure, by: Iterable[str] = (), where: Iterable[str] = ()) -> bool:
    """Whether `role` may see what is behind `figure`, asked for so, one by one, and what changed it."""
    # Behind what results cost by channel is what each campaign cost.
    return not refused(role, figure, by, where) and figure.tells not in SIGHT[role].in_sums | SIGHT[role].by_channel


def visible(role: Role, answer: Answer, *, small_count: int, at: Instant) -> Answer:
    """`answer` as `role` sees it, who asks at `at`. `small_count` is the definition's."""
    sight = SIGHT[role]
    asked = {*answer.by, *answer.where}
    figures = [figure for figure in answer.figures if not _refused(role, figure.name, _tells(figure), asked)]
    figures = [_in_sums(one, answer, small_count, at) if _tells(one) in sight.in_sums else one for one in figures]
    names = answer.names
    if sight.masks_people:
        figures = [figure.model_copy(update={"cells": tuple(map(_masked_cell, figure.cells))}) for figure in figures]
        names = {name: {hidden(value): hidden(called) for value, called in values.items()} for name, values in names.items()}
    return answer.model_copy(update={"figures": tuple(figures), "names": names})


def visible_report(role: Role, report: Report, *, small_count: int, at: Instant) -> Report:
    """All answers of `report` as `role` sees them."""
    sections = tuple(
        section.model_copy(update={"answers": tuple(visible(role, answer, small_count=small_count, at=at) for answer in section.answers)})
        for section in report.sections
    )
    return report.model_copy(update={"sections": sections})


def _tells(figure: FigureAnswer) -> Tells:
    """What it tells: as it says itself, or as the figure of that name does."""
    return figure.tells or (FIGURES[figure.name].tells if figure.name in FIGURES else "")


def visible_restatement(role: Role, told: R) -> R:
    """What changed as `role` sees it: how much by which cause; touchpoints are named to who may see them as they are."""
    sight = SIGHT[role]
    if not (sight.masks_people or sight.masks_deals):
        return told
    cells = tuple(
        cell.model_copy(
            update={
                "group": {name: hidden(value) for name, value in cell.group.items()},
                "causes": tuple(share.model_copy(update={"touchpoints": ()}) for share in cell.causes),
            }
        )
        for cell in told.cells
    )
    names = {name: {hidden(value): hidden(called) for value, called in values.items()} for name, values in told.names.items()}
    where = {name: tuple(map(hidden, values)) for name, values in told.where.items()}
    return told.model_copy(update={"cells": cells, "names": names, "where": where})


def _refused(role: Role, name: str, tells: str, asked: Iterable[str]) -> str:
    sight = SIGHT[role]
    if tells in sight.never:
        return f"{name} is not shown to {role}"
    if tells in sight.by_channel and (more := sorted({*asked} - {"channel", "currency", *MONTHLY, *_FINE})):
        return f"{name} is shown to {role} as a whole and by channel, and not by {more[0]}"
    return ""


def _in_sums(figure: FigureAnswer, answer: Answer, small_count: int, at: Instant) -> FigureAnswer:
    cells = figure.cells
    if why := _subtractable(figure, answer, at):
        return figure.model_copy(update={"cells": tuple(map(_withheld, cells)), "withheld": why})
    kept_back = too_small(cells, small_count)
    if not kept_back:
        return figure
    why = f"over fewer than {small_count}, or what would give such a value away"
    shown = tuple(_withheld(cell) if place in kept_back else cell for place, cell in enumerate(cells))
    return figure.model_copy(update={"cells": shown, "withheld": why})


def _subtractable(figure: FigureAnswer, answer: Answer, at: Instant) -> str:
    """Why all of a figure is withheld from who sees sums only; "" where it is not."""
    if figure.quantiles:
        return "a quantile is a single value, or lies between two"
    if answer.where or answer.top:
        return "shown unfiltered and whole only"
    if answer.known_at:
        return "shown as known now only"
    if other := sorted({*PERIODS}.intersection(figure.by) - {"month"}):
        return f"not shown by {other[0]}; by month it is"
    if len([name for name in figure.by if len({cell.group[name] for cell in figure.cells}) > 1]) > 1:
        return "shown by one dimension at a time; of several currencies, converted to one"
    if answer.from_on or answer.to_on:
        return "shown for all time, or by month"
    until = instant(datetime.fromisoformat(answer.until))
    if until < at - NOW_DAYS_MAX * 86_400 * 1_000_000:
        return "shown as of now only"
    return ""


def too_small(cells: Sequence[Cell], small_count: int) -> set[int]:
    """The places of cells over too few facts, or over too few deals among others, and of the one that keeps them from being the total less
    the others: best one that has enough deals itself, and the smallest of these."""
    found = {place for place, cell in enumerate(cells) if 0 < cell.n < small_count or 0 < (cell.deals or 0) < small_count}
    large = [place for place, cell in enumerate(cells) if place not in found and cell.n]
    if found and large:
        found.add(min(large, key=lambda place: (cells[place].deals == 0, cells[place].n, place)))
    return found


def _withheld(cell: Cell) -> Cell:
    if cell.n == 0:
        return cell
    return cell.model_copy(update={"value": None, "part": None, "whole": None, "withheld": True})


def _masked_cell(cell: Cell) -> Cell:
    return cell.model_copy(update={"group": {name: hidden(value) for name, value in cell.group.items()}})


# --- people and deals

MASKED: Final = "(masked)"

# Bounded, so that a long text takes no longer than its length.
_E_MAIL = re.compile(r"[\w.!#$&'*+/=?^`{|}~-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PHONE = re.compile(r"(?:\+|%2B)[1-9](?:[ ()/.-]{0,2}\d){6,14}", re.IGNORECASE)

PERSONAL: Final = frozenset({
    "address", "age_band", "birthday", "city", "email", "first_name", "full_name", "gender", "ip", "last_name", "mobile", "phone",
    "postal_code", "properties", "street", "traits", "username",
})  # fmt: skip
"""Fields that say who a person is. `traits` and the `properties` of custom touchpoints may hold anything."""
FREE_TEXT: Final = frozenset({"comment", "next_step", "note", "notes", "terms", "text"})
"""Fields in which people write what they like."""
PRICES: Final = frozenset({
    "amount", "amount_minor", "discount", "discount_minor", "list_amount", "list_minor", "margin", "margin_minor", "mrr", "mrr_minor",
    "price", "value_minor", "weighted", "weighted_minor", "weighted_value",
})  # fmt: skip
"""Fields of a single deal, order or subscription that say what it is worth."""
OFFERS: Final = frozenset({"offers", "proposal", "proposals"})
PRICED: Final = frozenset({
    "close", "contract_ended", "deal", "deal_opened", "deal_reopened", "deal_updated", "order", "order_placed", "refund", "renewal",
    "subscription_changed", "subscription_started",
})  # fmt: skip
"""What `says` an amount: types of touchpoints, and what else a timeline tells of."""
PROPOSALS: Final = frozenset({"negotiation", "proposal_sent"})
SPENDING: Final = frozenset({"spend_recorded"})
COSTS: Final = frozenset({"budget", "cost"})
COSTLY: Final = frozenset({"ad_click", "ad_impression", "campaign_launched", "content_published"})
"""The types whose `COSTS` are those of campaigns; of others they are a customer's budget, or what a product cost."""

_SECRET = secrets.token_bytes(32)
"""What is masked looks alike wherever it stands, while this server runs; nobody else can work out from what."""


def hidden(text: str) -> str:
    """`text` without e-mail addresses and telephone numbers: in the place of each a name that tells it from others."""
    return _PHONE.sub(_alias, _E_MAIL.sub(_alias, text))


def seen(role: Role, document: Any) -> Any:
    """A document of a person or a deal as `role` sees it, a timeline, an explanation or rows: values, mappings and sequences of them."""
    sight = SIGHT[role]
    if not (sight.masks_people or sight.masks_deals or "spend" in sight.never):
        return document
    fields = (PERSONAL | FREE_TEXT if sight.masks_people else frozenset()) | (
        PRICES | OFFERS | FREE_TEXT if sight.masks_deals else frozenset()
    )
    return _seen(_plain(document), fields, sight)


def _seen(part: Any, fields: frozenset[str], sight: Sight) -> Any:
    """`part`, which is plain, with what `fields` name masked."""
    match part:
        case str():
            return hidden(part) if sight.masks_people else part
        case dict():
            return _seen_mapping(part, fields, sight)
        case [str(name), value] if name in fields:
            return [name, MASKED if value else value]
        case [*items]:
            return [_seen(one, fields, sight) for one in map(_plain, items) if not _is_left_out(one, sight)]
        case _:
            return part


def _seen_mapping(part: dict[Any, Any], fields: frozenset[str], sight: Sight) -> dict[Any, Any]:
    kind = _kind(part)
    if kind in SPENDING:
        fields -= PRICES
    if kind in COSTLY and "spend" in sight.never:
        fields |= COSTS
    masked = set(fields)
    if sight.masks_deals and kind in PRICED:
        masked.add("says")
    if part.get("name") in fields:
        masked.add("value")
    return {
        _seen(name, fields, sight): MASKED if name in masked and value else _seen(_plain(value), fields, sight)
        for name, value in part.items()
    }


def _is_left_out(part: Any, sight: Sight) -> bool:
    """Whether it is an entry of a list that tells of a proposal, or of what was spent, to who sees none."""
    kind = _kind(part) if isinstance(part, dict) else ""
    return (sight.masks_deals and kind in PROPOSALS) or ("spend" in sight.never and kind in SPENDING)


def _kind(part: dict[Any, Any]) -> str:
    """What kind of touchpoint it is, or of entry in a timeline; "" where it is neither."""
    found = next((part[name] for name in ("type", "what", "step") if isinstance(part.get(name), str)), "")
    means = _plain(part.get("means"))
    return found or (_kind(means) if isinstance(means, dict) else "")


def _plain(part: Any) -> Any:
    """Mappings as dicts, whatever they are, and sequences as lists: one level of them."""
    if isinstance(part, BaseModel):
        return part.model_dump()
    if is_dataclass(part) and not isinstance(part, type):
        return asdict(part)
    if hasattr(part, "_asdict"):
        return part._asdict()
    if isinstance(part, Mapping):
        return dict(part)
    return list(part) if isinstance(part, tuple | set | frozenset) else part


def _alias(found: re.Match[str]) -> str:
    return f"masked-{hmac.digest(_SECRET, found[0].lower().replace('%40', '@').encode(), 'sha256').hex()[:8]}"
