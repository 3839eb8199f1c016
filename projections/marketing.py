"""Marketing's read model: demand, audience, channels, conversions with the touches before them, and what it cost."""

from journey.facts import (
    Converted,
    DealStood,
    Described,
    FirstTouched,
    LeadMoved,
    LeadStood,
    LeftOut,
    Lowered,
    Milestone,
    Ordered,
    Outlook,
    SessionEngaged,
    SessionStarted,
    Spelled,
    Spent,
    StageEntered,
    Touched,
)
from projections.read_model import ReadModel, Table

OF_SALES = (
    "probability", "weighted_minor", "is_weighted", "is_known_stage", "stage", "expected_close_on", "owner", "team", "reason", "products",
)  # fmt: skip
"""What marketing is not told of a deal."""

marketing = ReadModel(
    name="marketing",
    version=4,
    tables=(
        Table("touched", of=Touched),
        Table("first_touched", of=FirstTouched),
        Table("sessions", of=SessionStarted),
        Table("engaged_sessions", of=SessionEngaged),
        Table("milestones", of=Milestone),
        Table("spelled", of=Spelled),
        Table("stages", of=StageEntered, but=("because",)),
        Table("outlook", of=Outlook, but=("ahead",)),
        Table("leads", of=LeadMoved, but=("lead", "owner", "team", "rule", "because")),
        Table("lead_states", of=LeadStood, but=("lead", "owner")),
        Table("conversions", of=Converted, but=("path",)),
        Table("paths", of=Converted, but=("amount_minor", "currency", "lead_at", "opened_at", "cut"), each="path"),
        Table("deals", of=DealStood, but=OF_SALES),
        Table("spend", of=Spent, sums=("amount_minor",)),
        Table("described", of=Described),
        Table("orders", of=Ordered, sums=("amount_minor",)),
        Table("lowered", of=Lowered, sums=("amount_minor",)),
        Table("left_out", of=LeftOut),
    ),
)
