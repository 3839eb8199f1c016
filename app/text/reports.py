"""Marketing's and sales' reports as people see them: figures, the funnel, tables with bars."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from rich.text import Text

from app.text.printing import BAR_WIDTH, WIDTH_PIPED, Cell, bar, count, figures, money, out, percent, put, table
from journey.instants import day, instant, rfc3339
from journey.leads import NOT_HANDED_OVER
from journey.readable import readable
from projections.asking import Asked, StageRow
from projections.marketing_report import Audience, ConversionRow, LeftOutRow, MarketingReport
from projections.sales_report import Lead, SalesReport

ROWS_SHOWN_MAX = 12
UNKNOWN_SHOWN_MAX = 5


def marketing(report: MarketingReport, *, simulated: bool) -> None:
    _title("Marketing", report.asked, simulated)
    figures({
        "people": f"{report.people:,}", "touchpoints": f"{report.touchpoints:,}", "new leads": f"{report.new_leads:,}",
        "visit to lead": percent(report.visit_to_lead), "customers": f"{report.buyers:,}", "spend": money(report.spend),
    })  # fmt: skip
    rows = [row for row in report.conversions if row.number]
    if any(row.entered for row in report.stages):
        _funnel(report.stages)
    if report.channels:
        _audiences("Channels", "channel", report.channels, report)
    if any(row.name for row in report.campaigns):
        _audiences("Campaigns", "campaign", report.campaigns, report)
    if report.channels or report.campaigns:
        said = "People are distinct, so they do not add up over rows. First, last: credited to the first and the last touch."
        put(Text(said, style="dim"), "")
    elif not (rows or report.left_out):
        put(Text("nothing for marketing up to then", style="dim"), "")
    if rows:
        _conversions(rows)
    if report.left_out:
        _left_out(report.left_out)
    if report.days:
        _weeks(report)


def _conversions(rows: Sequence[ConversionRow]) -> None:
    table("Conversions", {
        "conversion": [row.conversion for row in rows],
        ">number": [f"{row.number:,}" for row in rows],
        ">people": [f"{row.people:,}" for row in rows],
        ">value": [money(row.value) for row in rows],
        "": ["makes a customer" if row.customers else "" for row in rows],
    })  # fmt: skip


def _left_out(rows: Sequence[LeftOutRow]) -> None:
    table("Orders and refunds left out, wholly or in part", {
        "why": [row.why for row in rows],
        ">number": [f"{row.number:,}" for row in rows],
        "such as": [readable(row.of) for row in rows],
    })  # fmt: skip


def sales(report: SalesReport, *, simulated: bool) -> None:
    _title("Sales", report.asked, simulated)
    days = "-" if report.cycle_days_median is None else f"{report.cycle_days_median:g} days"
    figures({
        "leads": f"{report.leads:,}", "MQL": f"{report.mql:,}", "MQL accepted": percent(report.mql_accepted),
        "MQL to SQL": percent(report.mql_to_sql), "win rate": percent(report.win_rate), "median cycle": days,
    })  # fmt: skip
    if report.leads:
        _cycles(report)
    if report.top_leads:
        _leads(report.top_leads)
    if report.opened:
        _deals(report)
    if not report.leads and not report.opened:
        put(Text("no leads and no deals up to then", style="dim"), "")


def _title(name: str, asked: Asked, simulated: bool) -> None:
    on = day(instant(rfc3339(asked.until)), asked.zone)
    what = Text(name, style="bold")
    what.append(" (simulated)" if simulated else "", style="bold yellow")
    what.append(f" · as of the end of {on}, {asked.zone} · position {asked.position}", style="not bold")
    put(what, Text("─" * min(out.width, WIDTH_PIPED), style="dim"))


# --- marketing


def _funnel(stages: Sequence[StageRow]) -> None:
    """A bar for those who ever entered a stage, the part of it in full that is in there."""
    most = max([*(row.entered for row in stages), 1])
    bars = []
    for row in stages:
        here, ever = (round(value / most * BAR_WIDTH) for value in (row.people, row.entered))
        bars.append(Text.assemble(("█" * here, "green"), ("░" * (ever - here), "bright_black")))
    table("Stages", {
        "stage": [row.stage for row in stages],
        ">entered": [f"{row.entered:,}" for row in stages],
        ">in it now": [f"{row.people:,}" for row in stages],
        "█ in it now  ░ went through": bars,
    })  # fmt: skip


def _audiences(title: str, name: str, rows: Sequence[Audience], report: MarketingReport) -> None:
    kinds = [one.conversion for one in report.conversions if one.number]
    shown = rows[:ROWS_SHOWN_MAX]
    credits = {
        f">{kind}\n{which}": [count(getattr(row.credit, which).get(kind, 0)) for row in shown]
        for kind in kinds
        for which in ("first", "last")
    }
    spend = {">spend": [money(row.spend) for row in shown]} if any(row.spend for row in shown) else {}
    columns: dict[str, Sequence[Cell]] = {
        name: [row.name or "(none)" for row in shown],
        ">touch-\npoints": [count(row.touchpoints) for row in shown],
        ">people": [count(row.people) for row in shown],
        ">new\nleads": [count(row.new_leads) for row in shown],
        **credits,
        **spend,
    }
    firsts, lasts = ([heading for heading in credits if heading.endswith(which)] for which in ("first", "last"))
    table(title, columns, drop=[firsts, lasts])
    if len(rows) > ROWS_SHOWN_MAX:
        put(Text(f"and {len(rows) - ROWS_SHOWN_MAX} more; --json has all", style="dim"), "")


def _weeks(report: MarketingReport) -> None:
    """Touchpoints by week: days are in the JSON."""
    touchpoints: Counter[str] = Counter()
    leads: Counter[str] = Counter()
    for row in report.days:
        on = date.fromisoformat(row.day)
        week = (on - timedelta(days=on.weekday())).isoformat()
        touchpoints[week] += row.touchpoints
        leads[week] += row.new_leads
    weeks = sorted(touchpoints)[-ROWS_SHOWN_MAX:]
    most = max(touchpoints[week] for week in weeks)
    table("By week" if len(weeks) == len(touchpoints) else f"The last {ROWS_SHOWN_MAX} weeks with touchpoints", {
        "week of": weeks,
        ">touchpoints": [f"{touchpoints[week]:,}" for week in weeks],
        ">new leads": [count(leads[week]) for week in weeks],
        "": [bar(touchpoints[week], most) for week in weeks],
    })  # fmt: skip


# --- sales


def _cycles(report: SalesReport) -> None:
    rows = []
    for answer, number in report.answers.items():
        rows.append((answer.replace("_", " "), number, "blue"))
        if answer == "accepted":
            rows.extend((f"  {state}", times, "cyan") for state, times in report.states.items())
    rows.append(("past the SLA", report.breached, "red"))
    most = max(number for _, number, _ in rows)
    table("Leads", {
        "answer": [Text(answer) for answer, _, _ in rows],
        ">number": [f"{number:,}" for _, number, _ in rows],
        "": [bar(number, most, style) for _, number, style in rows],
    })  # fmt: skip
    if report.answers[NOT_HANDED_OVER]:
        put(Text("Not handed over: nothing of the definition's handoff.starts has happened, so no clock runs.", style="dim"), "")


def _leads(leads: Sequence[Lead]) -> None:
    shown = leads[:ROWS_SHOWN_MAX]
    columns: dict[str, list[str | Text]] = {
        "person": [one.person for one in shown],
        "stage": [one.stage for one in shown],
        ">score": [f"{one.score:,}" for one in shown],
        "answer": [Text(one.answer, style="red" if one.breached and one.answer == "waiting" else "") for one in shown],
        "owner": [one.owner or "-" for one in shown],
        "since": [one.created_on for one in shown],
        "channel": [one.channel for one in shown],
    }
    table("Open leads with the highest score", columns, drop=[["since"], ["channel"]])


def _deals(report: SalesReport) -> None:
    open_ = [row for row in report.open_deals if row.number]
    if open_:
        most = max(row.number for row in open_)
        table("Open deals", {
            "pipeline": [row.pipeline for row in open_],
            "stage": [row.stage for row in open_],
            ">number": [f"{row.number:,}" for row in open_],
            ">value": [money(row.value) for row in open_],
            ">weighted": [money(row.weighted) for row in open_],
            "": [bar(row.number, most) for row in open_],
        }, drop=[[""]])  # fmt: skip
    unknown = [row for row in open_ if not row.known]
    if unknown:
        left_out = sum(row.unweighted for row in unknown)
        places = "; ".join(f"{row.pipeline or '(no pipeline)'} / {row.stage or '(no stage)'}" for row in unknown[:UNKNOWN_SHOWN_MAX])
        more = f" and {len(unknown) - UNKNOWN_SHOWN_MAX} more" if len(unknown) > UNKNOWN_SHOWN_MAX else ""
        put(Text(readable(
            f"The definition does not know {'this stage' if len(unknown) == 1 else 'these stages'}: {places}{more}."
            f" The weighted value leaves out the deals there that have no probability of their own ({left_out:,}); name the stages under"
            " `pipelines` in the definition."
        ), style="yellow"), "")  # fmt: skip
    closed = [row for row in report.outcomes if row.number]
    if not closed:
        return
    most = max(row.number for row in closed)
    table("Closed deals", {
        "outcome": [row.outcome for row in closed],
        ">number": [f"{row.number:,}" for row in closed],
        ">value": [money(row.value) for row in closed],
        "": [bar(row.number, most, style="green" if row.outcome == "won" else "red") for row in closed],
    })  # fmt: skip
    _reasons(report)
    months = report.won_by_month
    if months:
        most = max(one.number for one in months.values())
        table("Won by month", {
            "month": list(months),
            ">number": [f"{one.number:,}" for one in months.values()],
            ">value": [money(one.value) for one in months.values()],
            "": [bar(one.number, most, style="green") for one in months.values()],
        })  # fmt: skip


def _reasons(report: SalesReport) -> None:
    reasons: Counter[str] = Counter()
    for row in report.outcomes:
        if row.outcome != "won":
            reasons.update(row.reasons)
    shown = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:ROWS_SHOWN_MAX]
    if shown:
        table("Why deals were not won", {
            "reason": [reason for reason, _ in shown],
            ">number": [f"{times:,}" for _, times in shown],
            "": [bar(times, shown[0][1], style="red") for _, times in shown],
        })  # fmt: skip
