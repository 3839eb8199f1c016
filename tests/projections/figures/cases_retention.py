"""Golden cases of who comes back and who buys again, by the months since the first time: up to the end of June."""

from fractions import Fraction
from typing import Any

from tests.projections.figures.cases import Case, asked, deal, seen
from tests.projections.figures.tables import Rows, at


def came(person: str, *ons: str) -> list[dict[str, Any]]:
    return [seen(person, on, "Email") for on in ons]


def first(person: str, on: str) -> dict[str, Any]:
    return {"person": person, "at": on, "channel": "Email", "is_first": 1}


def ordered(person: str, order: str, on: str) -> dict[str, Any]:
    return {"person": person, "conversion": "order", "of_what": f"order:{order}", "at": on}


CAME: Rows = {
    "first_touched": [
        first("user:1", "2026-04-30 23:59"),
        first("user:2", "2026-04-10"),
        # Whose second month after is not over yet.
        first("user:3", "2026-05-01"),
        {"person": "user:3", "at": "2026-05-02", "channel": "Direct"},
        first("user:4", "2026-07-02"),
    ],
    "touched": [
        *came("user:1", "2026-04-30", "2026-05-01", "2026-05-31", "2026-06-30"),
        *came("user:2", "2026-04-10", "2026-04-11", "2026-06-01"),
        *came("user:3", "2026-05-01", "2026-05-02", "2026-07-03"),
        *came("user:4", "2026-07-02"),
    ],
}
BOUGHT: Rows = {
    "conversions": [
        ordered("user:1", "1", "2026-04-05"),
        ordered("user:1", "2", "2026-06-06"),
        ordered("user:2", "3", "2026-04-07"),
        ordered("user:2", "4", "2026-04-08"),
        ordered("user:3", "5", "2026-05-01"),
        ordered("user:3", "6", "2026-07-01"),
        # A lead is no purchase.
        {"person": "user:3", "conversion": "lead", "of_what": "1", "at": "2026-05-02"},
    ],
    "deals": [
        deal("d1", "won", "2026-04-02", account="acme"),
        deal("d2", "won", "2026-05-02", account="acme"),
        # Won, then lost: no purchase.
        deal("d3", "won", "2026-06-02", account="acme"),
        deal("d3", "lost", "2026-06-03", account="acme"),
    ],
}
LIVED: Rows = {
    "touched": [
        # April, May, and no more until August: new, returning, dormant in June, resurrecting in August.
        *came("user:1", "2026-04-30", "2026-05-01", "2026-05-31", "2026-08-01"),
        # December, then January of the next year: returning over the turn of the year; dormant in February, resurrecting in May.
        *came("user:2", "2025-12-31", "2026-01-01", "2026-05-09", "2026-05-10"),
        # Twice on a day and by two channels: one person once.
        *came("user:3", "2026-05-02", "2026-05-02"),
        seen("user:3", "2026-05-02", "Direct"),
    ],
}
JUNE = {("00",): 1, ("01",): Fraction(1, 3), ("02",): 1}

CASES = (
    Case(
        "December: user:2; April: user:1; May: user:3; who came before January is not new in it",
        "new_in_month",
        LIVED,
        {("2025-12",): 1, ("2026-01",): 0, ("2026-02",): 0, ("2026-03",): 0, ("2026-04",): 1, ("2026-05",): 1, ("2026-06",): 0},
        asked("month", from_on="2025-12-01", to_on="2026-07-01"),
    ),
    Case("January: user:2; May: user:1", "returning_in_month", LIVED, {(): 2}),
    Case(
        "May: user:2; of July all is known, of August nothing yet",
        "resurrecting_in_month",
        LIVED,
        {("2026-05",): 1, ("2026-06",): 0},
        asked("month", from_on="2026-05-01", to_on="2026-07-01"),
    ),
    Case(
        "and August: user:1",
        "resurrecting_in_month",
        LIVED,
        {("2026-08",): 1},
        asked("month", from_on="2026-08-01", until=at("2026-08-15")),
    ),
    Case(
        "February: user:2; June: user:1 and, after May, user:2 and user:3",
        "dormant_in_month",
        LIVED,
        {("2026-02",): 1, ("2026-03",): 0, ("2026-04",): 0, ("2026-05",): 0, ("2026-06",): 3},
        asked("month", from_on="2026-02-01", to_on="2026-07-01"),
    ),
    Case("June is not over: nobody is dormant in it yet", "dormant_in_month", LIVED, {(): 1}, asked(until=at("2026-06-15"))),
    Case("01: user:1 of 3; 02: user:1 and user:2 of 2", "back_on", CAME, JUNE, asked("after")),
    Case("months are not mixed", "back_on", CAME, {(): None}),
    Case(
        "of the middle of June May is the last month that is over",
        "back_on",
        CAME,
        {("00",): 1, ("01",): Fraction(1, 2)},
        asked("after", until=at("2026-06-15")),
    ),
    Case(
        "the matrix: what is not over has no number",
        "back_on",
        CAME,
        {
            ("2026-04", "00"): 1,
            ("2026-04", "01"): Fraction(1, 2),
            ("2026-04", "02"): 1,
            ("2026-05", "00"): 1,
            ("2026-05", "01"): 0,
            ("2026-05", "02"): None,
        },
        asked("month", "after", from_on="2026-04-01", to_on="2026-06-01"),
    ),
    Case("01: user:1 and user:2", "back_on_or_after", CAME, {("00",): 1, ("01",): Fraction(2, 3), ("02",): 1}, asked("after")),
    Case("02: user:2 missed May", "back_every_up_to", CAME, {("00",): 1, ("01",): Fraction(1, 3), ("02",): Fraction(1, 2)}, asked("after")),
    Case(
        "01: acme of 4; 02: user:1 of (user:1, user:2, acme)",
        "bought_on",
        BOUGHT,
        {("00",): 1, ("01",): Fraction(1, 4), ("02",): Fraction(1, 3)},
        asked("after"),
    ),
    Case(
        "01: user:1 and acme; 02: user:1",
        "bought_on_or_after",
        BOUGHT,
        {("00",): 1, ("01",): Fraction(1, 2), ("02",): Fraction(1, 3)},
        asked("after"),
    ),
    Case("01: acme; 02: nobody", "bought_every_up_to", BOUGHT, {("00",): 1, ("01",): Fraction(1, 4), ("02",): 0}, asked("after")),
    Case("user:1, user:2 and acme of 4", "repeat_rate", BOUGHT, {(): Fraction(3, 4)}),
)
