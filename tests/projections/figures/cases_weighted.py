"""Golden cases of attribution by the time and place of touches."""

from fractions import Fraction
from typing import Any

from projections.figures.credit import NO_MILESTONE
from tests.projections.figures.cases import DAY, Case, asked, deal, millionths, touch
from tests.projections.figures.cases_marketing import converted
from tests.projections.figures.tables import Rows

CLOSED = "2026-03-10"
TOUCHES = (("2026-03-01", "Email"), ("2026-03-03", "Display"), ("2026-03-05", "Referral"), ("2026-03-09", "Direct"))


def ordered(*touches: tuple[str, str], **more: Any) -> Rows:
    """An order of 1,000 minor units after these touches."""
    order: dict[str, Any] = {"of_what": "order:7", "conversion": "order"}
    return {
        "conversions": [converted("user:1", "order", "order:7", CLOSED, 1_000, **more)],
        "paths": [touch("user:1", on, channel, place, **order, of="order:7") for place, (on, channel) in enumerate(touches)],
    }


MET = ordered(*TOUCHES, lead_at="2026-03-03 12:00", opened_at="2026-03-06")
"""The lead is created after the second touch, the deal opened after the third."""
NO_LEAD = ordered(*TOUCHES)
BEFORE = ordered(*TOUCHES[1:], lead_at="2026-03-01", opened_at="2026-03-05")
"""The lead is created before all touches, the deal opened at the instant of the second."""
ONE, TWO = ordered(TOUCHES[0]), ordered(*TOUCHES[:2])
SOLD: Rows = {
    "deals": [deal("d1", "won", CLOSED, amount_minor=1_000)],
    "conversions": [
        converted("user:1", "won", "d1", CLOSED, lead_at="2026-03-02", opened_at="2026-03-09"),
        converted("user:2", "won", "d1", CLOSED, lead_at="2026-03-05", opened_at="2026-03-09"),
        converted("user:3", "won", "d1", CLOSED),
    ],
    "paths": [touch(f"user:{1 + place % 2}", on, channel, place) for place, (on, channel) in enumerate(TOUCHES)],
}
"""A deal of three people, of whom two were leads before it was opened."""
BY = asked("channel")
EVERY_FOUR_DAYS = ordered(("2026-03-01", "Email"), ("2026-03-05", "Display"), ("2026-03-09", "Direct"))

CASES = (
    Case(
        "1 : 2 : 4, of 7 parts",
        "conversions_time_decay",
        EVERY_FOUR_DAYS,
        {("Direct",): millionths(571_429), ("Display",): millionths(285_714), ("Email",): millionths(142_857)},
        asked("channel", options={"half_life": 4 * DAY}),
    ),
    Case(
        "a week of half-life unless the definition says otherwise: 2^(-8/7) : 2^(-4/7) : 1",
        "conversion_value_time_decay",
        EVERY_FOUR_DAYS,
        # 0.4529 + 0.6730 + 1 = 2.1259; 213.0, 316.6 and 470.4 of 1,000.
        {("Direct", "EUR"): 470, ("Display", "EUR"): 317, ("Email", "EUR"): 213},
        BY,
    ),
    Case(
        "40 : 10 : 10 : 40",
        "conversions_position_based",
        MET,
        {("Direct",): Fraction(2, 5), ("Display",): Fraction(1, 10), ("Email",): Fraction(2, 5), ("Referral",): Fraction(1, 10)},
        BY,
    ),
    Case("of one touch all", "conversions_position_based", ONE, {("Email",): 1}, BY),
    Case("of two half each", "conversion_value_position_based", TWO, {("Display", "EUR"): 500, ("Email", "EUR"): 500}, BY),
    Case(
        "40 to the first, 40 to that of the lead, 10 to each other",
        "conversions_u_shaped",
        MET,
        {("Direct",): Fraction(1, 10), ("Display",): Fraction(2, 5), ("Email",): Fraction(2, 5), ("Referral",): Fraction(1, 10)},
        BY,
    ),
    Case(
        "without a lead its part is nobody's, and said",
        "conversions_u_shaped",
        NO_LEAD,
        {
            (NO_MILESTONE,): Fraction(2, 5),
            ("Direct",): millionths(66_666),
            ("Display",): millionths(66_667),
            ("Email",): Fraction(2, 5),
            ("Referral",): millionths(66_667),
        },
        BY,
    ),
    Case(
        "with nothing between, it goes in proportion: half each",
        "conversion_value_u_shaped",
        ONE,
        {(NO_MILESTONE, "EUR"): 500, ("Email", "EUR"): 500},
        BY,
    ),
    Case(
        "a deal's lead creation is the earliest of its people: 80 to the first, 20 to three",
        "conversion_value_u_shaped",
        SOLD,
        {("Direct", "EUR"): 66, ("Display", "EUR"): 67, ("Email", "EUR"): 800, ("Referral", "EUR"): 67},
        BY,
    ),
    Case(
        "30 each, and 10 to the last",
        "conversions_w_shaped",
        MET,
        {("Direct",): Fraction(1, 10), ("Display",): Fraction(3, 10), ("Email",): Fraction(3, 10), ("Referral",): Fraction(3, 10)},
        BY,
    ),
    Case(
        "a milestone before all touches is the first one's; one at the instant of a touch is that one's",
        "conversion_value_w_shaped",
        BEFORE,
        {("Direct", "EUR"): 100, ("Display", "EUR"): 600, ("Referral", "EUR"): 300},
        BY,
    ),
    Case(
        "with no other touch a quarter each",
        "conversions_full_path",
        MET,
        {("Direct",): Fraction(1, 4), ("Display",): Fraction(1, 4), ("Email",): Fraction(1, 4), ("Referral",): Fraction(1, 4)},
        BY,
    ),
    Case(
        "22.5 to the first, 45 to the milestones that there are not, 22.5 to the last, 5 to each other",
        "conversion_value_full_path",
        NO_LEAD,
        {(NO_MILESTONE, "EUR"): 450, ("Direct", "EUR"): 225, ("Display", "EUR"): 50, ("Email", "EUR"): 225, ("Referral", "EUR"): 50},
        BY,
    ),
)
