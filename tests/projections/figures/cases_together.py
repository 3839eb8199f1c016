"""Golden cases of attribution over all paths at once: Markov chains and Shapley values."""

from fractions import Fraction
from typing import Any

from projections.figures.figure import Where
from tests.projections.figures.cases import NONE, WON, Case, asked, deal, millionths, touch
from tests.projections.figures.cases_marketing import converted
from tests.projections.figures.tables import Rows, at

DAYS = tuple(f"2026-03-{day:02}" for day in range(1, 10))


def orders(*paths: tuple[int, str], **more: Any) -> Rows:
    """Orders of these amounts in minor units, each after touches by channels of these letters, a day a touch."""
    converting, touches = [], []
    for nth, (amount, channels) in enumerate(paths):
        person, of = f"user:{nth}", f"order:{nth}"
        converting.append(converted(person, "order", of, "2026-03-10", amount, **more))
        for place, channel in enumerate(channels):
            path = touch(person, DAYS[place], channel, place, of=of, conversion="order", campaign=channel.lower(), content="same")
            touches.append(path)
    return {"conversions": converting, "paths": touches}


THREE = orders((300, "AB"), (200, "A"), (500, "BCB"))
"""At the start A comes 2 in 3 times, B 1 in 3. From A half end and half go to B; from B 1 in 3 go to C, the others end; C goes to B."""
AGAIN = orders((100, "ABA"))
"""From A half end and half go to B, which goes to A."""
BOUGHT_AND_WON: Rows = {**WON, "conversions": [*WON["conversions"], converted("user:9", "order", "order:9", "2026-03-13", 7)]}
"""Also an order that nothing came before."""
IN_DOLLARS: Rows = {
    "conversions": [*orders((300, "AB"))["conversions"], converted("user:8", "order", "order:8", "2026-03-10", 40, currency="USD")],
    "paths": [*orders((300, "AB"))["paths"], touch("user:8", "2026-03-01", "A", 0, of="order:8", conversion="order")],
}
PAID_BACK: Rows = {**THREE, "lowered": [{"subject": "user:2", "order_id": "2", "at": "2026-04-01", "amount_minor": -501}]}
"""One minor unit more than the third order came to."""
TIED: Rows = {
    "conversions": [converted("user:1", "order", "order:1", "2026-03-10", 100)],
    "paths": [touch("user:1", "2026-03-01", one, nth, of="order:1", conversion="order") for nth, one in enumerate("BAB")],
}
"""Three touches of one instant, in their places."""


def noted(person: str, *touches: tuple[str, str]) -> list[dict[str, Any]]:
    """All that touched somebody, each a day and a channel."""
    return [{"person": person, "touched_at": on, "channel": channel, "type": "ad_click"} for on, channel in touches]


BRYL: Rows = {
    **orders((100, "ABC")),
    "touches": [
        *noted("user:0", *zip(DAYS, "ABC", strict=False)),
        *noted("user:1", (DAYS[0], "A")),
        *noted("user:2", (DAYS[0], "B"), (DAYS[1], "C")),
    ],
}
"""One who bought after A, B and C, one who came by A alone, and one by B and C."""
BOUGHT_AFTER_B = {
    "conversions": [converted("user:1", "order", "order:1", "2026-04-01", 100), *orders((100, "AB"))["conversions"]],
    "paths": [
        touch("user:1", "2026-03-01", "B", 0, of="order:1", closed="2026-04-01", conversion="order"),
        *orders((100, "AB"))["paths"],
    ],
    "touches": [
        *noted("user:1", ("2025-12-31 23:59", "A"), ("2026-03-01", "B")),
        *noted("user:1", ("2026-04-01 00:01", "B"), ("2026-04-02", "A"), ("2026-07-01 00:01", "B")),
        *noted("user:0", *zip(DAYS, "AB", strict=False)),
    ],
}
"""Of the first one's touches one is a minute too old for the order, two come after it, and one when those are more than 90 days old."""
REOPENED: Rows = {
    "deals": [deal("d1", "lost", "2026-03-20"), deal("d2", "won", "2026-03-10", amount_minor=100)],
    "conversions": [converted("user:1", "won", "d1", "2026-03-10"), converted("user:2", "won", "d2", "2026-03-10")],
    "paths": [
        touch("user:1", "2026-03-01", "A", 0),
        touch("user:2", "2026-03-01", "A", 0, of="d2"),
        touch("user:2", "2026-03-02", "B", 1, of="d2"),
    ],
    "touches": [*noted("user:1", ("2026-03-01", "A")), *noted("user:2", ("2026-03-01", "A"), ("2026-03-02", "B"))],
}
"""A deal that was won, and lost after it was reopened; and one that was won."""
ORDERS = {"conversion": ("order",)}
BY = asked("channel")

CASES = (
    Case(
        "without A, or without B, 1 in 3 converts; without C 2/3 x (1/2 + 1/2 x 2/3) + 1/3 x 2/3 = 7/9",
        "conversions_markov_1",
        THREE,
        # Effects of 2/3, 2/3 and 2/9: 3/7, 3/7 and 1/7 of 3.
        {("A",): millionths(1_285_714), ("B",): millionths(1_285_714), ("C",): millionths(428_572)},
        BY,
    ),
    Case(
        "3/7, 3/7 and 1/7 of 1,000: 428.57 twice and 142.86",
        "conversion_value_markov_1",
        THREE,
        {("A", "EUR"): 429, ("B", "EUR"): 428, ("C", "EUR"): 143},
        BY,
    ),
    Case(
        "without B A ends half of the time; without A nothing begins: 1 : 1/2",
        "conversions_markov_1",
        AGAIN,
        {("A",): millionths(666_667), ("B",): millionths(333_333)},
        BY,
    ),
    Case(
        "whoever remembers two touches knows that B after A goes to A, and A after B to the end: 1 : 1",
        "conversions_markov_2",
        AGAIN,
        {("A",): Fraction(1, 2), ("B",): Fraction(1, 2)},
        BY,
    ),
    Case(
        "B after A always ends, and B first goes to C: 2/3, 2/3 and 1/3",
        "conversion_value_markov_2",
        THREE,
        {("A", "EUR"): 400, ("B", "EUR"): 400, ("C", "EUR"): 200},
        BY,
    ),
    Case(
        "a conversion without a touch is nobody's, and the others are divided without it: Email and Display 1/3, Direct 1",
        "conversions_markov_3",
        # A deal after Email, Display and Direct, one that names nobody, an order after Direct, one after nothing.
        BOUGHT_AND_WON,
        # Effects 1/2, 1/2 and 1: 1/4, 1/4 and 1/2 of 2.
        {(NONE,): 2, ("Direct",): 1, ("Display",): Fraction(1, 2), ("Email",): Fraction(1, 2)},
        BY,
    ),
    Case(
        "of the primary people alone: Email 1/2, Direct 1",
        "conversions_markov_1",
        WON,
        {(NONE,): 1, ("Direct",): millionths(1_333_333), ("Email",): millionths(666_667)},
        asked("channel", options={"people": "primary"}),
    ),
    Case(
        "a filter of touches tells of them what they have earned among all: 3/7 and 1/7 of 3",
        "conversions_markov_1",
        THREE,
        {(): millionths(1_714_286)},
        asked(where=(Where("channel", ("A", "C")),)),
    ),
    Case(
        "each kind of conversion is a set of its own",
        "conversion_value_markov_3",
        WON,
        # 50 less 20 to the one touch of the order; 100 in three, and 10 that nothing came before.
        {("order", "Direct", "EUR"): 30, ("won", NONE, "EUR"): 10, ("won", "Direct", "EUR"): 34}
        | {("won", "Display", "EUR"): 33, ("won", "Email", "EUR"): 33},
        asked("conversion", "channel"),
    ),
    Case(
        "each currency is a set of its own",
        "conversion_value_markov_1",
        IN_DOLLARS,
        {("A", "EUR"): 150, ("A", "USD"): 40, ("B", "EUR"): 150},
        BY,
    ),
    Case(
        "touches of one instant are in order of their places",
        "conversions_markov_1",
        TIED,
        {("A",): millionths(333_333), ("B",): millionths(666_667)},
        BY,
    ),
    Case(
        "a set whose touches are all alike is theirs",
        "conversions_markov_1",
        THREE,
        {("same",): 3},
        asked("content"),
    ),
    Case(
        "one in three converts; without A one in six, without B or C none: 1/2, 1 and 1 of 5/2",
        "conversions_markov_1_nulls",
        BRYL,
        {("A",): Fraction(1, 5), ("B",): Fraction(2, 5), ("C",): Fraction(2, 5)},
        asked("channel", options=ORDERS),
    ),
    Case(
        # B comes first 3 in 5 times. Of 4 at B 2 convert and 1 goes to A, of 3 at A 1 goes to B: 6/11 of B convert, 2/11 of A,
        # 2/5 of all. Without A 3/5 x 2/4 do.
        "B and A B converted, and A, B A and B did not: effects 1/4 and 1 of 5/4, 2 orders",
        "conversions_markov_1_nulls",
        BOUGHT_AFTER_B,
        {("A",): Fraction(2, 5), ("B",): Fraction(8, 5)},
        asked("channel", options=ORDERS, until=at("2026-08-01")),
    ),
    Case(
        # Of 3 at B 2 convert and 1 goes to A, of 2 at A 1 goes to B: 4/5 of B convert, 2/5 of A, 2/3 of all. Without A 2/3 x 2/3.
        "what did not convert is dated by its last touch, in April that is B A alone: effects 1/3 and 1 of 4/3",
        "conversions_markov_1_nulls",
        BOUGHT_AFTER_B,
        {("A",): Fraction(1, 2), ("B",): Fraction(3, 2)},
        asked("channel", options=ORDERS, from_on="2026-03-01", to_on="2026-05-01"),
    ),
    Case(
        # 3/5 x 1/3 and 2/5 x 1/2 convert. Effects of 1/2 and 1: 1/3 and 2/3 of 2 orders.
        "who remembers two touches: B converts 1 in 3, A 1 in 2; without A 1/5 is left of 2/5, without B none",
        "conversions_markov_2_nulls",
        BOUGHT_AFTER_B,
        {("A",): millionths(666_667), ("B",): millionths(1_333_333)},
        asked("channel", options=ORDERS, until=at("2026-08-01")),
    ),
    Case(
        "a deal that is lost again is a path that did not convert: of A half is lost, of the other half none without B",
        "conversions_markov_3_nulls",
        REOPENED,
        {("A",): Fraction(1, 2), ("B",): Fraction(1, 2)},
        asked("channel", where=(Where("conversion", ("won",)),)),
    ),
    Case(
        "A and B half each, A alone, B and C half each",
        "conversions_shapley",
        THREE,
        {("A",): Fraction(3, 2), ("B",): 1, ("C",): Fraction(1, 2)},
        BY,
    ),
    Case(
        "150 and 200, 150 and 250, 250",
        "conversion_value_shapley",
        THREE,
        {("A", "EUR"): 350, ("B", "EUR"): 400, ("C", "EUR"): 250},
        BY,
    ),
    Case(
        "what is paid back is taken from those who earned it: half a minor unit less each, ties in order",
        "conversion_value_shapley",
        PAID_BACK,
        {("A", "EUR"): 350, ("B", "EUR"): 150, ("C", "EUR"): -1},
        BY,
    ),
    Case(
        "of three people's touches a third each; what has no touch before it is nobody's",
        "conversions_shapley",
        WON,
        {(NONE,): 1, ("Direct",): millionths(1_333_334), ("Display",): millionths(333_333), ("Email",): millionths(333_333)},
        BY,
    ),
    Case(
        "B's half of the last order is that of its first touch and of its third",
        "conversions_shapley_ordered",
        THREE,
        {
            ("A", "1"): Fraction(3, 2),
            ("B", "1"): Fraction(1, 4),
            ("B", "2"): Fraction(1, 2),
            ("B", "3"): Fraction(1, 4),
            ("C", "2"): Fraction(1, 2),
        },
        asked("channel", "position"),
    ),
    Case(
        "not by position it is the Shapley value",
        "conversions_shapley_ordered",
        THREE,
        {("A",): Fraction(3, 2), ("B",): 1, ("C",): Fraction(1, 2)},
        BY,
    ),
    Case(
        "150 + 200, 150 + 125 and 250, 125",
        "conversion_value_shapley_ordered",
        THREE,
        {("A", "1", "EUR"): 350, ("B", "1", "EUR"): 125, ("B", "2", "EUR"): 150, ("B", "3", "EUR"): 125, ("C", "2", "EUR"): 250},
        asked("channel", "position"),
    ),
)
