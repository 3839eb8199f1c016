"""Sales' read model: leads with stage, score and handoff, deals with value and stage, what was won and lost, and the work on them."""

from journey import facts as f
from projections.read_model import ReadModel, Table

sales = ReadModel(
    name="sales",
    version=5,
    tables=(
        # Leads and their handoff.
        Table("stages", of=f.StageEntered, but=("because",)),
        Table("segment_moves", of=f.SegmentMoved, but=("because",)),
        Table("outlook", of=f.Outlook, but=("ahead",)),
        Table("leads", of=f.LeadMoved, but=("rule", "because")),
        Table("lead_states", of=f.LeadStood),
        Table("scores", of=f.Scored),
        # Deals and subscriptions.
        Table("deals", of=f.DealStood, but=("products",)),
        Table("deal_products", of=f.DealStood, only=("deal", "at", "day", "nth"), each="products", each_is="product"),
        Table("deal_people", of=f.DealPerson),
        Table("subscription_steps", of=f.SubscriptionStep),
        # The work on them.
        Table("activities", of=f.Activity),
        Table("offered", of=f.Offered),
        Table("scheduled", of=f.Scheduled),
        Table("needs", of=f.NeedStated),
        Table("objections", of=f.Objection),
        Table("ticket_steps", of=f.TicketStep),
        Table("targets", of=f.Target),
        # What people came by, and what that cost.
        Table("first_touched", of=f.FirstTouched),
        Table("spend", of=f.Spent, but=("campaign", "provider"), sums=("amount_minor",)),
        # What names and fields mean.
        Table("described", of=f.Described),
        Table("account_members", of=f.AccountMember),
        Table("aliases", of=f.Aliased),
        Table("spelled", of=f.Spelled),
        Table("rates", of=f.Rate),
    ),
)
