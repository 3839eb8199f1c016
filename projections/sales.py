"""Sales' read model: leads with stage, score and handoff, deals with value and stage, what was won and lost."""

from journey.facts import DealStood, Described, LeadMoved, LeadStood, Outlook, Scored, Spelled, StageEntered
from projections.read_model import ReadModel, Table

sales = ReadModel(
    name="sales",
    version=2,
    tables=(
        Table("stages", of=StageEntered, but=("because",)),
        Table("outlook", of=Outlook, but=("ahead",)),
        Table("leads", of=LeadMoved, but=("rule", "because")),
        Table("lead_states", of=LeadStood),
        Table("scores", of=Scored),
        Table("deals", of=DealStood, but=("products",)),
        Table("deal_products", of=DealStood, only=("deal", "at", "day", "nth"), each="products", each_is="product"),
        Table("described", of=Described),
        Table("spelled", of=Spelled),
    ),
)
