"""What people see: aligned tables, bars, the funnel; or the same as JSON. Progress only on a terminal."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import orjson
from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from app.engine import Summary
from journey.money import DECIMALS
from projections.asking import Asked, Money, StageRow
from projections.marketing_report import Audience, MarketingReport
from projections.sales_report import Lead, SalesReport
from schemas.csv_dry_run import DryRun
from streams.ports import Conflict, Kept
from streams.timeline import Timeline

WIDTH_PIPED = 110
"""How wide we print where there is no terminal to ask."""

ROWS_SHOWN_MAX = 12
BAR_WIDTH = 24
RAW_SHOWN_MAX = 2_000

out = Console(width=None if sys.stdout.isatty() else WIDTH_PIPED, highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def refusal(message: str) -> None:
    err.print(Text(f"journey: {message}"))


def note(message: str) -> None:
    err.print(Text(message, style="dim"))


def as_json(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=_plain) + b"\n")
    sys.stdout.flush()


def pairs(answer: Mapping[str, Any]) -> None:
    table = Table.grid(padding=(0, 2))
    for name, value in answer.items():
        table.add_row(Text(name, style="bold"), Text(str(value)))
    out.print(table)


@contextmanager
def progress(size: int | None, what: str = "taking in") -> Iterator[Callable[[int], None]]:
    """A bar over bytes, on a terminal and only there."""
    if not err.is_terminal:
        yield lambda weight: None
        return
    columns = [SpinnerColumn(), TextColumn(what)] + ([BarColumn(), DownloadColumn(), TimeRemainingColumn()] if size else [])
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=size or None)
        yield lambda weight: bar.advance(task, weight)


def summary(done: Summary, *, as_json: bool) -> None:
    """What an ingest did."""
    if as_json:
        _json({
            "read": done.read, "accepted": done.accepted, "duplicates": done.duplicates, "conflicts": done.conflicts,
            "dead_lettered": sum(done.dead_letters.values()), "dead_letters": dict(sorted(done.dead_letters.items())),
            "unknown_fields": dict(sorted(done.unknown_fields.items())),
        })  # fmt: skip
        return
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    for name, number in (
        ("read", done.read), ("accepted", done.accepted), ("duplicates", done.duplicates), ("conflicts", done.conflicts),
        ("dead-lettered", sum(done.dead_letters.values())),
    ):  # fmt: skip
        table.add_row(name, f"{number:,}")
    for code, number in sorted(done.dead_letters.items()):
        table.add_row(f"  {code}", f"{number:,}")
    if done.unknown_fields:
        table.add_row("fields kept that no type names", f"{sum(done.unknown_fields.values()):,}")
        for name, number in done.unknown_fields.most_common(ROWS_SHOWN_MAX):
            table.add_row(f"  {name}", f"{number:,}")
    out.print(table)


# --- reports


def marketing(report: MarketingReport) -> None:
    _title("Marketing", report.asked)
    out.print(_figures([
        ("people", f"{report.people:,}"), ("touchpoints", f"{report.touchpoints:,}"), ("new leads", f"{report.new_leads:,}"),
        ("visit to lead", _share(report.visit_to_lead)), ("customers", f"{report.buyers:,}"), ("spend", _money(report.spend)),
    ]))  # fmt: skip
    out.print(_funnel(report.stages))
    out.print(Text("first, last: conversions by the first and the last touch before them; people do not add up over rows", style="dim"))
    kinds = [one.conversion for one in report.conversions if one.number]
    out.print(_audiences("Channels", "channel", report.channels, kinds, spend=False))
    out.print(_audiences("Campaigns", "campaign", report.campaigns, kinds, spend=True))
    table = _table("Conversions", "conversion", "number", "people", "value")
    for one in report.conversions:
        table.add_row(one.conversion + (" *" if one.customers else ""), f"{one.number:,}", f"{one.people:,}", _money(one.value))
    table.caption = "* who has one is a customer"
    out.print(table)
    out.print(_weeks(report))


def sales(report: SalesReport) -> None:
    _title("Sales", report.asked)
    days = "-" if report.cycle_days_median is None else f"{report.cycle_days_median:g} d (p90 {report.cycle_days_p90:g} d)"
    out.print(_figures([
        ("leads", f"{report.leads:,}"), ("MQL", f"{report.mql:,}"), ("MQL accepted", _share(report.mql_accepted)),
        ("MQL to SQL", _share(report.mql_to_sql)), ("win rate", _share(report.win_rate)), ("cycle, median", days),
    ]))  # fmt: skip
    table = _table("Lead cycles", "answer", "number", "")
    most = max([*report.answers.values(), 1])
    for answer, number in report.answers.items():
        table.add_row(answer, f"{number:,}", _bar(number, most))
        if answer == "accepted":
            for state, times in report.states.items():
                table.add_row(f"  {state}", f"{times:,}", _bar(times, most, style="cyan"))
    table.add_row("past the SLA", f"{report.breached:,}", _bar(report.breached, most, style="red"))
    out.print(table)
    out.print(_leads(report.top_leads))
    table = _table("Open deals", "pipeline", "stage", "number", "value", "weighted", "")
    most = max([*(row.number for row in report.open_deals), 1])
    for row in report.open_deals:
        table.add_row(row.pipeline, row.stage, f"{row.number:,}", _money(row.value), _money(row.weighted), _bar(row.number, most))
    out.print(table)
    table = _table("Closed deals", "outcome", "number", "value", "reasons")
    for one in report.outcomes:
        reasons = ", ".join(f"{reason} {times}" for reason, times in sorted(one.reasons.items(), key=lambda pair: (-pair[1], pair[0])))
        table.add_row(one.outcome, f"{one.number:,}", _money(one.value), reasons)
    out.print(table)
    table = _table("Won by month", "month", "number", "value", "")
    most = max([*(one.number for one in report.won_by_month.values()), 1])
    for month, one in report.won_by_month.items():
        table.add_row(month, f"{one.number:,}", _money(one.value), _bar(one.number, most, style="green"))
    out.print(table)


def timeline(story: Timeline) -> None:
    out.print(Panel(
        Group(
            Text(" ".join(story.ids)),
            Text(f"stage {story.stage or '-'} · score {story.score} · until {story.until} · position {story.position}"),
            Text(f"definition {story.definition[:12]}", style="dim"),
        ),
        title=Text(story.subject), title_align="left", box=box.ROUNDED, expand=False,
    ))  # fmt: skip
    table = _table(None, "time", "what", "", "by rule", "because of")
    styles = {"stage": "bold green", "lead": "bold cyan", "score": "yellow", "deal": "magenta", "due": "dim"}
    for entry in story.entries:
        because = ", ".join(id for _, id, _ in entry.because[:3]) + (f" and {len(entry.because) - 3} more" if len(entry.because) > 3 else "")
        table.add_row(
            entry.at[:16].replace("T", " "), Text(entry.what, styles.get(entry.what, "")), Text(entry.says), Text(entry.rule), Text(because)
        )
    out.print(table)


def _title(name: str, asked: Asked) -> None:
    out.print()
    out.rule(Text.assemble((name, "bold"), f"   until {asked.until}, {asked.zone} days, position {asked.known_at}"), align="left")


def _figures(figures: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 4))
    for _ in figures:
        table.add_column(justify="right")
    table.add_row(*(Text(value, style="bold") for _, value in figures))
    table.add_row(*(Text(name, style="dim") for name, _ in figures))
    return table


def _funnel(stages: list[StageRow]) -> Table:
    table = _table("Stages", "stage", "entered", "in it now", "")
    most = max([*(row.entered for row in stages), 1])
    for row in stages:
        here, ever = (round(value / most * BAR_WIDTH) for value in (row.people, row.entered))
        bar = Text.assemble(("█" * here, "green"), ("░" * (ever - here), "bright_black"))
        table.add_row(row.stage, f"{row.entered:,}", f"{row.people:,}", bar)
    return table


def _audiences(title: str, name: str, rows: list[Audience], kinds: list[str], *, spend: bool) -> Table:
    """`first` and `last`: conversions credited to the first and to the last touch."""
    headings = [heading for kind in kinds for heading in (f"{kind}\nfirst", "\nlast")]
    table = _table(title, name, "touch-\npoints", "people", "new\nleads", *headings, *(["spend"] if spend else []))
    for row in rows[:ROWS_SHOWN_MAX]:
        credits = [_count(which.get(kind, 0)) for kind in kinds for which in (row.credit.first, row.credit.last)]
        table.add_row(
            row.name or "(none)", _count(row.touchpoints), _count(row.people), _count(row.new_leads), *credits,
            *([_money(row.spend)] if spend else []),
        )  # fmt: skip
    if len(rows) > ROWS_SHOWN_MAX:
        table.caption = f"and {len(rows) - ROWS_SHOWN_MAX} more; --json has all"
    return table


def _weeks(report: MarketingReport) -> Table:
    """Touchpoints by week: days are in the JSON."""
    weeks: dict[str, list[int]] = {}
    for row in report.days:
        on = date.fromisoformat(row.day)
        sums = weeks.setdefault((on - timedelta(days=on.weekday())).isoformat(), [0, 0])
        sums[0] += row.touchpoints
        sums[1] += row.new_leads
    shown = dict(list(weeks.items())[-ROWS_SHOWN_MAX:])
    table = _table("By week (the last ones)", "week of", "touchpoints", "new leads", "")
    most = max([*(touchpoints for touchpoints, _ in shown.values()), 1])
    for week, (touchpoints, leads) in shown.items():
        table.add_row(week, f"{touchpoints:,}", _count(leads), _bar(touchpoints, most))
    return table


def _leads(leads: list[Lead]) -> Table:
    table = _table("Open leads with the highest score", "person", "stage", "score", "answer", "owner", "since", "channel")
    for one in leads[:ROWS_SHOWN_MAX]:
        answer = Text(one.answer, style="red" if one.breached and one.answer == "waiting" else "")
        table.add_row(one.person, one.stage, f"{one.score:,}", answer, one.owner or "-", one.created_on, one.channel)
    return table


# --- dead letters, dry runs


def dead_letters(codes: Mapping[str, tuple[int, int]], kept: Sequence[Kept], conflicts: Sequence[Conflict], *, as_json: bool) -> None:
    if as_json:
        _json({
            "codes": {code: {"letters": letters, "seen": seen} for code, (letters, seen) in codes.items()},
            "dead_letters": [_kept(one) for one in kept],
            "conflicts": [_conflict(one) for one in conflicts],
        })  # fmt: skip
        return
    if not codes and not conflicts:
        out.print("no dead letters")
        return
    if codes:
        table = _table("Dead letters", "reason", "letters", "seen")
        for code, (letters, seen) in codes.items():
            table.add_row(code, f"{letters:,}", f"{seen:,}")
        out.print(table)
        table = _table(None, "number", "code", "seen", "where", "why")
        for one in kept:
            table.add_row(str(one.number), one.code, f"{one.seen:,}", Text(one.place), Text(one.reason))
        out.print(table)
    if conflicts:
        table = _table("Conflicts: one id, several bodies", "subject", "source", "id", "others", "what counts")
        for conflict in conflicts:
            counts = conflict.counts.body.decode()
            table.add_row(*conflict.name, f"{len(conflict.others):,}", Text(counts[:80]))
        out.print(table)


def dead_letter(one: Kept, *, as_json: bool) -> None:
    if as_json:
        _json(_kept(one))
        return
    pairs({"number": one.number, "code": one.code, "reason": one.reason, "source": one.source, "place": one.place, "seen": one.seen})
    out.print(Text(_readable(one.raw[:RAW_SHOWN_MAX])))
    if len(one.raw) > RAW_SHOWN_MAX:
        out.print(Text(f"… {len(one.raw):,} bytes in all", style="dim"))


def dry_run(run: DryRun, *, as_json: bool) -> None:
    if as_json:
        _json({"counts": dict(run.counts), "dead_letters": run.dead, "unfilled": run.unfilled, "unnamed": run.unnamed})
        return
    table = _table("Touchpoints that would come of it", "type", "number")
    for type, number in run.counts.items():
        table.add_row(type, f"{number:,}")
    out.print(table)
    if run.dead:
        table = _table("Dead letters to be", "number", "first", "why")
        for reason, letters in run.dead.items():
            table.add_row(f"{letters.count:,}", Text(letters.first), Text(reason))
        out.print(table)
    if run.unfilled:
        out.print(Text("filled by no row: " + ", ".join(run.unfilled)))
    for name, meant in run.unnamed.items():
        out.print(Text(f"{name} is in no type: kept, and used by no figure" + (f"; did you mean {meant!r}?" if meant else "")))


def _kept(one: Kept) -> dict[str, Any]:
    return {**one._asdict(), "raw": _readable(one.raw)}


def _conflict(one: Conflict) -> dict[str, Any]:
    subject, source, id = one.name
    bodies = [orjson.loads(other.body) for other in one.others]
    return {"subject": subject, "source": source, "id": id, "counts": orjson.loads(one.counts.body), "others": bodies}


def _readable(raw: bytes) -> str:
    """Bytes as text that can be printed: what is not UTF-8, or would move the cursor, is spelled out."""
    text = raw.decode(errors="backslashreplace")
    return "".join(letter if letter.isprintable() or letter == "\n" else letter.encode("unicode_escape").decode() for letter in text)


# --- small pieces


def _json(value: Any) -> None:
    as_json(value)


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set | frozenset) else list(value) if isinstance(value, tuple) else str(value)


_LEFT = frozenset({
    "channel", "campaign", "conversion", "stage", "answer", "person", "owner", "since", "pipeline", "outcome", "reasons", "month", "week of", "",
    "time", "what", "by rule", "because of", "reason", "code", "where", "why", "subject", "source", "id", "what counts", "type", "first",
})  # fmt: skip


_WHOLE = frozenset({"channel", "campaign", "conversion", "stage", "answer", "person", "pipeline", "outcome", "month", "week of", "time", "what"})
"""Columns that are never broken over two lines."""


def _table(title: str | None, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, caption_justify="left")
    for heading in headings:
        left = heading in _LEFT
        table.add_column(heading, justify="left" if left else "right", overflow="fold", no_wrap=heading in _WHOLE or not left)
    return table


def _bar(value: int, most: int, style: str = "blue") -> Text:
    return Text(_blocks(value, most), style=style)


def _blocks(value: int, most: int) -> str:
    eighths = round(value / most * BAR_WIDTH * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def _count(number: int) -> str:
    return f"{number:,}" if number else "·"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _money(money: Money) -> str:
    """Each currency by itself: sums over currencies need rates."""
    return ", ".join(f"{amount / 10 ** DECIMALS[currency]:,.0f} {currency}" for currency, amount in sorted(money.items())) or "·"
