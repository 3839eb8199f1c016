"""Marketing's read model: demand, audience, channels, conversions with the touches before them, and what it cost."""

from typing import Final

from journey import facts as f
from projections.read_model import ReadModel, Table

OF_SALES: Final = (
    "probability", "weighted_minor", "is_weighted", "is_known_stage", "stage", "expected_close_on", "owner", "team", "reason", "products",
)  # fmt: skip
"""What marketing is not told of a deal; its products are a table of their own."""

marketing = ReadModel(
    name="marketing",
    version=9,
    tables=(
        # Audience and engagement.
        Table("touched", of=f.Touched),
        Table("first_touched", of=f.FirstTouched),
        Table("sessions", of=f.SessionStarted),
        Table("engaged_sessions", of=f.SessionEngaged),
        Table("exposed", of=f.Exposed),
        Table("emailed", of=f.Emailed),
        Table("social_engaged", of=f.SocialEngaged),
        Table("content_seen", of=f.ContentSeen),
        Table("contents", of=f.ContentSeen, only=("content", "day")),
        Table("event_steps", of=f.EventStep),
        Table("form_steps", of=f.FormStep),
        Table("product_steps", of=f.ProductStep),
        Table("survey_steps", of=f.SurveyStep),
        Table("referred", of=f.Referred),
        Table("consented", of=f.Consented),
        Table("milestones", of=f.Milestone),
        Table("custom_seen", of=f.CustomSeen),
        # Journeys, leads, conversions.
        Table("stages", of=f.StageEntered, but=("because",)),
        Table("segment_moves", of=f.SegmentMoved),
        Table("outlook", of=f.Outlook, but=("ahead",)),
        Table("leads", of=f.LeadMoved, but=("lead", "owner", "team", "rule", "because")),
        Table("lead_states", of=f.LeadStood, but=("lead", "owner")),
        Table("conversions", of=f.Converted, but=("path",)),
        Table(
            "paths",
            of=f.Converted,
            but=("amount_minor", "currency", "lead_at", "opened_at", "cut"),
            each="path",
            indexes=(("of_what", "at"),),
        ),
        Table("touches", of=f.TouchNoted),
        Table("deals", of=f.DealStood, but=OF_SALES),
        Table("deal_products", of=f.DealStood, only=("deal", "at", "day", "nth"), each="products", each_is="product"),
        Table("deal_people", of=f.DealPerson),
        Table("orders", of=f.Ordered, but=("products",), sums=("amount_minor",)),
        Table("order_products", of=f.Ordered, only=("subject", "order_id", "at", "day"), each="products", each_is="product"),
        Table("lowered", of=f.Lowered, sums=("amount_minor",)),
        Table("left_out", of=f.LeftOut),
        Table("needs", of=f.NeedStated),
        Table("objections", of=f.Objection),
        Table("content_answers", of=f.ContentAnswer),
        # Market, campaigns, cost.
        Table("excluded", of=f.Excluded),
        Table("spend", of=f.Spent, sums=("amount_minor",)),
        Table("media_reports", of=f.MediaReport),
        Table("insights", of=f.Insight),
        Table("press_mentioned", of=f.PressMentioned),
        Table("targets", of=f.Target),
        # What names and fields mean.
        Table("described", of=f.Described),
        Table("account_members", of=f.AccountMember),
        Table("aliases", of=f.Aliased),
        Table("spelled", of=f.Spelled),
        Table("rates", of=f.Rate),
    ),
)
