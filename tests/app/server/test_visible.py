"""What of an answer each role sees: single deals are not worked out of what marketing is told, and sales is told no campaign's spend."""

import re
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any

import pytest

from app.server.problems import HttpProblem
from app.server.roles import SIGHT, Role
from app.server.visible import (
    MASKED,
    PRICED,
    PROPOSALS,
    SPENDING,
    check_figure,
    check_rows,
    hidden,
    refused,
    seen,
    visible,
    visible_restatement,
)
from journey.instants import instant, rfc3339
from journey.touchpoints import TYPES
from projections.figures.answers import Answer, Cell, FigureAnswer
from projections.figures.figure import Tells
from projections.figures.restatements import CauseShare, CellBetween, CellValue, ChangedTouchpoint, Restatement
from projections.figures.sections import FIGURES
from streams.timeline import Sent, TimelineEntry

NOW = "2026-03-17T10:00:00Z"
AT = instant(rfc3339(NOW))
K = 5


def cell(n: int, value: int | Fraction | None = None, **group: str) -> Cell:
    return Cell(group=group, value=n * 1_000 if value is None else value, n=n, complete=True, currency="EUR", decimals=2)


def figure(*cells: Cell, tells: Tells = "deal_value", name: str = "won_value", quantiles: tuple[str, ...] = ()) -> FigureAnswer:
    by = tuple(cells[0].group)
    return FigureAnswer(
        name=name, says="", formula="", unit="money", by=by, quantiles=quantiles, adds_up=True, cells=cells, tells=tells
    )  # fmt: skip


def answer(*figures: FigureAnswer, until: str = NOW, until_on: str = "2026-03-17", **asked: Any) -> Answer:
    said = {"known_at": "", "from_on": "", "to_on": "", "where": {}} | asked
    by = figures[0].by
    said |= {"zone": "UTC", "grain": "instant", "position": 7, "currency": "EUR", "without_rate": ()}
    return Answer(until=until, until_on=until_on, by=by, figures=figures, **said)


def shown(role: Role, *cells: Cell, **asked: Any) -> list[object]:
    """The values of the cells as `role` sees them."""
    (seen_figure,) = visible(role, answer(figure(*cells), **asked), small_count=K, at=AT).figures
    return [one.value for one in seen_figure.cells]


def test_marketing_sees_sums_over_enough_deals_and_no_others() -> None:
    assert shown(Role.marketing, cell(5)) == [5_000]
    assert shown(Role.marketing, cell(4)) == [None]
    assert shown(Role.marketing, cell(0, 0)) == [0]
    assert shown(Role.sales, cell(1)) == shown(Role.auditor, cell(1)) == shown(Role.operator, cell(1)) == [1_000]


def test_what_is_withheld_is_not_the_total_less_the_others() -> None:
    by_channel = [cell(40, channel="Email"), cell(2, channel="Direct"), cell(7, channel="Search"), cell(0, 0, channel="Social")]
    assert shown(Role.marketing, *by_channel) == [40_000, None, None, 0]
    assert shown(Role.marketing, *by_channel[:1], by_channel[2]) == [40_000, 7_000]
    # Whoever knows the total knows what those withheld come to together: of any sizes, that is over enough.
    for sizes in ([1], [1, 1], [4, 4, 30], [1, 5, 6], [3, 5, 5, 5], [2, 2, 2, 50, 9]):
        cells = [cell(n, channel=str(place)) for place, n in enumerate(sizes)]
        withheld = [n for n, value in zip(sizes, shown(Role.marketing, *cells), strict=True) if value is None]
        if sum(sizes) >= K:
            assert len(withheld) >= 2, sizes
            assert sum(withheld) >= K, sizes
        assert {n for n in sizes if n < K} <= {*withheld}


def test_a_withheld_value_says_so_and_why_and_nothing_else_of_it_is_left() -> None:
    ratio = cell(2, Fraction(1, 3)).model_copy(update={"part": 700, "whole": 2_100})
    (told,) = visible(Role.marketing, answer(figure(ratio)), small_count=K, at=AT).figures
    assert told.withheld == "over fewer than 5, or what would give such a value away"
    assert told.cells[0].model_dump() == {
        "group": {}, "value": None, "n": 2, "complete": True, "part": None, "whole": None,
        "currency": "EUR", "decimals": 2, "withheld": True,
    }  # fmt: skip
    plain = answer(figure(cell(9))).model_dump_json()
    assert "withheld" not in plain


@pytest.mark.parametrize(
    "asked",
    [
        {"where": {"owner": ("anna",)}},
        {"known_at": "6"},
        {"from_on": "2026-02-01", "to_on": "2026-02-11"},
        {"from_on": "2026-02-02"},
        {"from_on": "2026-01-01", "to_on": "2026-03-01"},
        {"until": "2026-02-28T23:59:59.999999Z", "until_on": "2026-02-28"},
        {"top": 1},
        {"until": "2026-02-11T23:59:59.999999Z", "until_on": "2026-02-11"},
    ],
)
def test_marketing_is_told_nothing_that_is_made_to_be_subtracted(asked: dict[str, Any]) -> None:
    assert shown(Role.marketing, cell(50), **asked) == [None]
    assert shown(Role.operator, cell(50), **asked) == [50_000]


def test_marketing_is_told_the_whole_by_month_and_as_of_now() -> None:
    assert shown(Role.marketing, cell(50)) == [50_000]
    assert shown(Role.marketing, cell(50), until="2026-03-16T23:59:59.999999Z", until_on="2026-03-16") == [50_000]
    assert shown(Role.marketing, cell(50, month="2026-02"), cell(9, month="2026-03")) == [50_000, 9_000]
    # A quarter less its other months would be a month that is withheld.
    for period in ("day", "week", "quarter", "year"):
        assert shown(Role.marketing, cell(50, **{period: "a"}), cell(9, **{period: "b"})) == [None, None]


def test_an_answer_that_was_json_in_between_is_withheld_from_all_the_same() -> None:
    asked = Answer.model_validate_json(answer(figure(cell(1))).model_dump_json())
    assert visible(Role.marketing, asked, small_count=K, at=AT).figures[0].cells[0].value is None


def test_marketing_is_told_by_one_dimension_at_a_time() -> None:
    """The totals of each of two would give a withheld value away."""
    cells = [cell(50, channel=channel, month=month) for channel in ("Email", "Direct") for month in ("2026-02", "2026-03")]
    assert shown(Role.marketing, *cells) == [None] * 4
    assert shown(Role.marketing, *cells[::2]) == [50_000] * 2


def test_a_quantile_of_deals_is_a_deals_price() -> None:
    median = figure(cell(50), quantiles=("1/2",))
    assert visible(Role.marketing, answer(median), small_count=K, at=AT).figures[0].cells[0].value is None


def test_sales_sees_no_spend_and_what_a_result_cost_by_channel_only() -> None:
    spend = figure(cell(50, channel="Email"), tells="spend", name="spend")
    cost = figure(cell(50, channel="Email"), tells="cost", name="cost_per_win")
    by_campaign = figure(cell(50, campaign="spring"), tells="cost", name="cost_per_win")

    def names(role: Role, *figures: FigureAnswer, **asked: Any) -> list[str]:
        return [one.name for one in visible(role, answer(*figures, **asked), small_count=K, at=AT).figures]

    assert names(Role.sales, spend, cost) == ["cost_per_win"]
    assert names(Role.sales, by_campaign) == []
    assert names(Role.sales, cost, where={"campaign": ("spring",)}) == []
    assert names(Role.marketing, spend, by_campaign) == ["spend", "cost_per_win"]


def test_what_is_refused_by_a_figures_mark_is_refused_before_it_is_asked() -> None:
    spend, won = FIGURES["spend"], FIGURES["won_value"]
    with pytest.raises(HttpProblem, match="spend is not shown to sales"):
        check_figure(Role.sales, spend)
    assert refused(Role.sales, replace(spend, tells="cost"), by=["channel", "month"]) == ""
    assert refused(Role.sales, replace(spend, tells="cost"), by=["channel"], where=["campaign"])
    check_figure(Role.marketing, won)
    with pytest.raises(HttpProblem, match="in sums only, and not the rows behind it"):
        check_rows(Role.marketing, won)
    check_rows(Role.sales, won)
    by_channel = FIGURES["cost_per_win"]
    check_figure(Role.sales, by_channel, ["channel", "month"])
    for by, where in ((["campaign"], []), (["channel"], ["campaign"])):
        with pytest.raises(HttpProblem, match="as a whole and by channel, and not by campaign"):
            check_figure(Role.sales, by_channel, by, where)
    with pytest.raises(HttpProblem, match="not the rows behind it"):
        check_rows(Role.sales, by_channel, ["channel"])
    check_rows(Role.marketing, by_channel, ["campaign"])


def test_every_figure_that_adds_up_money_of_deals_or_of_costs_says_so() -> None:
    """A figure without its mark is shown to everybody."""
    for one in FIGURES.values():
        columns = {part.column for part in one.measure.money}
        is_of_costs = columns == {"cost_minor"} or ("spend" in one.of.tables and len(one.of.tables) == 1)
        if is_of_costs:
            assert one.tells in ("spend", "cost"), one.name
        elif columns and "deals" in one.of.tables:
            assert one.tells == "deal_value", one.name
        if columns and "spend" in one.of.tables:
            assert one.tells, one.name
    assert {*SIGHT} == {*Role}


def test_ids_that_say_who_somebody_is_are_masked_and_still_told_apart() -> None:
    asked = figure(cell(1, person="user:anna@example.com"), cell(2, person="user:+49 170 1234567"), cell(3, person="user:7"), tells="")
    told = visible(Role.auditor, answer(asked), small_count=K, at=AT).figures[0]
    anna, phone, plain = (one.group["person"] for one in told.cells)
    assert re.fullmatch("user:masked-[0-9a-f]{8}", anna)
    assert re.fullmatch("user:masked-[0-9a-f]{8}", phone)
    assert anna != phone
    assert plain == "user:7"
    assert hidden("user:anna@example.com") == hidden("user:ANNA@example.com").lower() == anna
    for text in ("https://a.example/?mail=anna%40example.com&x=1", "ask anna@example.com, or ben@example.co.uk", "tel:+44-20-7946-0958"):
        assert not re.search("anna|ben|7946", hidden(text)), text
    for text in ("2026-03-17T10:00:00+01:00", "campaign_2026", "INV-0049170123456", "user:7"):
        assert hidden(text) == text


def test_hiding_takes_no_longer_than_the_text() -> None:
    assert hidden("a" * 200_000) == "a" * 200_000
    assert hidden("+1" + " 2" * 100_000).startswith("masked-")


@dataclass(frozen=True)
class Told:
    type: str
    says: str
    subject: str


ENTRIES: list[Any] = [
    TimelineEntry("2026-03-01", Sent("page_view", (("url", "/pricing"), ("amount", "12000")))),
    {"what": "deal", "says": "open, offer, 12000 EUR", "outcome": "open", "amount_minor": 1_200_000, "currency": "EUR"},
    {"what": "proposal_sent", "says": "15000 EUR"},
    {"type": "deal_updated", "data": {"deal": "d1", "amount": "12000", "stage": "offer", "note": "calls on Monday"}},
    {"type": "proposal_sent", "data": {"deal": "d1", "list_amount": "15000"}},
    TimelineEntry("2026-03-02", Sent("negotiation", (("amount", "15000"),))),
    Told("close", "12000 EUR · won", "user:anna@example.com"),
    {"fields": [{"name": "amount", "value": "12000"}, {"name": "stage", "value": "won"}]},
    {"type": "profile_updated", "data": {"traits": {"name": "Anna"}, "country": "DE"}},
    {"type": "custom", "data": {"name": "call", "properties": {"who": "Anna"}}},
    {"type": "spend_recorded", "says": "777 EUR", "data": {"amount": "777"}},
    {"type": "campaign_launched", "data": {"budget": "999"}},
    {"type": "lead_qualified", "data": {"budget": "yes"}},
]
TIMELINE = {"subject": "user:anna@example.com", "entries": ENTRIES}


def test_marketing_sees_no_single_deals_price_proposals_and_notes() -> None:
    told = seen(Role.marketing, TIMELINE)
    text = repr(told)
    assert not re.search("12000|1200000|15000|proposal|negotiation|Monday|Anna|anna", text), text
    assert {"offer", "/pricing", "DE", "d1", "777", "999"} <= {*re.findall(r"[\w/]+", text)}
    assert told["entries"][2]["data"]["amount"] == MASKED


def test_an_auditor_sees_prices_and_spend_and_nobodys_name() -> None:
    audited = repr(seen(Role.auditor, TIMELINE))
    assert not re.search("Anna|anna@|Monday", audited)
    assert {"12000", "15000", "777", "999"} <= {*re.findall(r"\w+", audited)}


def test_sales_sees_names_prices_and_budgets_of_customers_and_not_what_campaigns_cost() -> None:
    told = repr(seen(Role.sales, TIMELINE))
    assert not re.search("777|999", told)
    assert {"Anna", "12000", "15000", "Monday", "yes"} <= {*re.findall(r"\w+", told)}
    assert seen(Role.operator, TIMELINE) is TIMELINE


def test_every_type_of_touchpoint_that_says_an_amount_is_known_for_it() -> None:
    says_amounts = {name for name, kind in TYPES.items() if {"amount", "mrr"} & {field.name for field in fields(kind)}}
    assert says_amounts <= PRICED | PROPOSALS | SPENDING


def test_what_changed_is_told_without_touchpoints_to_who_is_not_shown_people() -> None:
    touchpoint = ChangedTouchpoint(position=2, says="900.00 EUR", subject="user:ann@shop.example")
    share = CauseShare(cause="late touchpoint", difference=CellValue(value=1), of=1, touchpoints=(touchpoint,))
    at = {"before": CellValue(value=1), "after": CellValue(value=2), "difference": CellValue(value=1)}
    changed = CellBetween(figure="people", unit="people", group={"person": "user:ann@shop.example"}, currency=None, decimals=None,
                          quantiles=(), causes=(share,), **at)  # fmt: skip
    whole = Restatement(model="marketing", earlier=1, later=2, until="", zone="UTC", from_on="", to_on="", where={}, currency="",
                        definition=("a", "a"), cells=(changed,), names={}, simulated=False)  # fmt: skip
    for role in (Role.marketing, Role.auditor):
        said = visible_restatement(role, whole)
        assert "ann@" not in said.model_dump_json() + said.to_csv()
        assert "900.00" not in said.model_dump_json()
        assert said.cells[0].causes[0].of == 1
    assert visible_restatement(Role.operator, whole) == whole
