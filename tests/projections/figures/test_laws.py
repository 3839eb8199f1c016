"""Laws made from figures, on random rows: what adds up adds up, shares are shares. And that they find what is wrong."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.figures.answering import answer
from projections.figures.deals import DECIDED, WON
from projections.figures.figure import Asked, Figure, Where
from projections.figures.laws import broken
from projections.figures.measures import count, ratio
from projections.figures.sections import FIGURES
from projections.read_model import Ask
from tests.projections.figures.cases import DAY, STOOD, UNTIL
from tests.projections.figures.tables import COLUMNS, Rows, at, filled, is_integer, postgres, sqlite

TEXTS = {
    "outcome": ("open", "won", "lost", "abandoned"),
    "answer": ("waiting", "accepted", "rejected"),
    "stage": ("demo", "offer"),
    "step": ("created", "mql"),
    "survey_kind": ("nps", "csat", "ces", "aided"),
    "basis": ("mentions", "searches", "revenue"),
    "competitor": ("", "rival"),
    "subject": ("owner:a", "user:1", "account:b", "campaign:a"),
    "field": ("team", "country", "industry", "name", "account"),
    "channel": ("Direct", "Email", "Display"),
    "currency": ("EUR", "USD", "JPY"),
    "person": ("user:1", "user:2", "user:3"),
    "deal": ("deal:d1", "deal:d2", "deal:d3", "deal:d4"),
    "of_what": ("d1", "d2", "order:7"),
    "conversion": ("won", "order"),
}
STEPS = {
    "emailed": ("sent", "delivered", "delivered", "opened", "clicked", "bounced", "unsubscribed", "complained"),
    "content_seen": ("viewed", "downloaded"),
    "survey_steps": ("sent", "answered"),
}
NUMBERS = {
    **dict.fromkeys(("impressions", "clicks", "reach", "engagements", "followers"), (-1, 0, 7, 1_000)),
    "respondents": (-1, 0, 5, 2**53),
    "score_millionths": (0, 4 * 10**6, 10**7, 11 * 10**6, -(10**18 - 1)),
    "scale_min_millionths": (0, 10**6),
    "scale_max_millionths": (5 * 10**6, 7 * 10**6, 10**7, 10**18 - 1),
    "progress_millionths": (-1, 0, 10**6),
    "sentiment_millionths": (-(10**6), 0, 10**6),
    "value_thousandths": (-5, 0, 50, 10**18 - 1),
    "total_thousandths": (-1, 0, 100, 10**18 - 1),
}
TIMES = [at(on) for on in ("2026-01-01", "2026-01-31", "2026-02-01", "2026-03-29 12:00", "2026-04-01", "2026-06-30 23:59", "2026-07-03")]
DATES = (
    "at",
    "opened_at",
    "closed_at",
    "created_at",
    "mql_at",
    "handed_over_at",
    "answered_at",
    "qualified_at",
    "touched_at",
    "engaged_at",
)
ONCE = {"described": ("subject", "field", "at"), "aliases": ("alias",), "spelled": ("name",)}
UNIQUE = {
    **ONCE,
    "conversions": ("person", "conversion", "of_what", "at"),
    "first_touched": ("person", "is_first"),
    "rates": ("base", "quote"),
    **dict.fromkeys(("sessions", "engaged_sessions"), ("person", "at")),
    "insights": ("provider", "metric", "basis", "market", "competitor", "start_on", "end_on"),
}


def random_rows(random: Random) -> Rows:
    """Rows of all tables, of few names and days, so that they meet; each with an `nth`, or a `place`, of its own."""
    rows = {}
    for table in COLUMNS:
        made = [_row(table, nth, random) for nth in range(random.randrange(9))]
        key = UNIQUE.get(table, ("nth",))
        rows[table] = list({tuple(row.get(column, place) for column in key): row for place, row in enumerate(made)}.values())
    rows["reflects"] = [{"position": 1}]
    return rows


def _row(table: str, nth: int, random: Random) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column in COLUMNS[table]:
        if column in NUMBERS:
            row[column] = random.choice(NUMBERS[column])
        elif column in ("start_on", "end_on") or (column == "day" and "at" not in row):
            row[column] = random.choice(("2026-01-01", "2026-02-28", "2026-03-02", "2026-06-30", "2026-07-01"))
        elif column in ("nth", "place"):
            row[column] = nth
        elif column.startswith("is_"):
            row[column] = random.randrange(2)
        elif column in DATES:
            row[column] = random.choice(TIMES)
        elif column.endswith("_minor"):
            row[column] = random.choice((-7, 0, 1, 10**18 - 1, random.randrange(10**6)))
        elif column == "points":
            row[column] = random.choice((0, 2, 10))
        elif column in ("took", "stayed", "to_assign", "to_assign_business", "to_accept", "to_accept_business"):
            row[column] = random.choice((-1, 0, random.randrange(40 * DAY)))
        elif column == "n":
            row[column] = random.choice((1, 1, 1, 3))
        elif not is_integer(table, column) and not column.endswith("_on") and column not in ("day", "until_day"):
            several = STEPS.get(table) if column == "step" else None
            row[column] = random.choice(several or TEXTS.get(column, ("", "a", "b")))
    return row


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
@given(st.randoms(use_true_random=False))
@settings(max_examples=6, deadline=None)
async def test_the_laws_hold(figure: Figure, random: Random) -> None:
    db, ask = sqlite(random_rows(random))
    assert await broken(ask, [figure], await random_question(ask, figure, random)) == []
    db.close()


async def random_question(ask: Ask, figure: Figure, random: Random) -> Asked:
    """Of a period, and where a dimension has one of the values that there are; or of all."""
    period = random.choice([{}, {"from_on": "2026-01-31", "to_on": "2026-04-01"}, {"fiscal_year_starts": 10}])
    asked = Asked(UNTIL, **period)
    names = sorted(one.name for one in figure.dimensions.values() if not one.many)
    if not names or random.random() < 0.3:
        return asked
    name = random.choice(names)
    (there,) = (await answer(ask, [figure], Asked(UNTIL, by=(name,)))).figures
    value = random.choice([cell.group[name] for cell in there.cells] or figure.dimensions[name].days or [""])
    return replace(asked, where=(Where(name, (value,)),))


async def test_both_databases_agree_on_random_rows(database: str) -> None:
    async with postgres(database) as postgresql:
        for seed in Random().sample(range(10**6), 3):
            random = Random(seed)
            rows = random_rows(random)
            (db, lite), ask = sqlite(rows), await filled(postgresql, rows)
            for figure in FIGURES.values():
                question = replace(await random_question(lite, figure, random), currency=random.choice(("", "EUR")))
                for by in [(), *random.sample([(name,) for name in figure.breakdowns], min(2, len(figure.breakdowns)))]:
                    asked = replace(question, by=by)
                    assert await answer(ask, [figure], asked) == await answer(lite, [figure], asked), (figure.name, asked, seed)
            db.close()


async def test_what_is_no_share_is_found() -> None:
    db, ask = sqlite(STOOD)
    upside_down = replace(FIGURES["win_rate"], measure=ratio(count(DECIDED), count(WON)), by=())
    assert (await broken(ask, [upside_down], Asked(UNTIL)))[0][1] == "win_rate of {} is 2, and no share"
    db.close()


async def test_what_does_not_add_up_is_found() -> None:
    db, ask = sqlite(STOOD)
    product = replace(FIGURES["won_value"].dimensions["product"], many=False)
    doubled = replace(FIGURES["won_value"], by=(product,))
    ((_, law),) = await broken(ask, [doubled], Asked(UNTIL))
    assert law == "won_value by product adds up to {'EUR': 2000, 'USD': 300}, and is {'EUR': 1000, 'USD': 300}"
    db.close()
