"""Who was reached: people and touchpoints by channel, campaign and day, and what it cost."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, COUNTRY, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, running, total
from projections.figures.views import as_of, days_of

touched = days_of("touched", unit=("person",))
first_touched = as_of("first_touched", "is_first = 1", unit=("person",), name="first touchpoints")
spent = days_of("spend", unit=("campaign", "provider"), sums=("amount_minor",))

FUNCTION = Dimension("function", "v.function", says="who spent it: marketing or sales")
COST_KIND = Dimension("cost_kind", "v.cost_kind", says="media, agency, content, event, tools or people")
PROVIDER = Dimension("provider", "v.provider", says="who was paid, as the source states it")

TRAFFIC = ("page_view", "ad_click", "email_clicked", "*.channel", "*.campaign")

people = Figure(
    name="people",
    says="Distinct people with a touchpoint that marketing counts. They do not add up over channels, campaigns or days.",
    formula="distinct people",
    unit="people",
    source="definition: traffic",
    of=touched,
    by=(CHANNEL, CAMPAIGN, COUNTRY),
    measure=distinct("person"),
    reads=TRAFFIC,
)
new_people = Figure(
    name="new_people",
    says="People whose first touchpoint that marketing counts was in the period, by the channel and campaign of it.",
    formula="number of first touchpoints",
    unit="people",
    source="definition: traffic",
    of=first_touched,
    by=(CHANNEL, CAMPAIGN, COUNTRY),
    measure=count(),
    reads=TRAFFIC,
)
people_so_far = Figure(
    name="people_so_far",
    says="People with a touchpoint that marketing counts, from the very first on up to the end of each period, by the channel and campaign"
    " that they came by first.",
    formula="number of first touchpoints, from the first on",
    unit="people",
    source="definition: traffic",
    of=first_touched,
    by=(CHANNEL, CAMPAIGN, COUNTRY),
    measure=running(count()),
    reads=TRAFFIC,
)
touchpoints = Figure(
    name="touchpoints",
    says="Touchpoints that marketing counts.",
    formula="number of touchpoints",
    unit="touchpoints",
    source="definition: traffic",
    of=touched,
    by=(CHANNEL, CAMPAIGN, COUNTRY),
    measure=count(),
    reads=TRAFFIC,
)
spend = Figure(
    name="spend",
    says="What was spent, day by day: a cost of a period is spread evenly over its days, in whole minor units.",
    formula="sum of costs",
    unit="money",
    of=spent,
    by=(CHANNEL, CAMPAIGN, FUNCTION, COST_KIND, PROVIDER),
    measure=total("amount_minor"),
    reads=("spend_recorded.amount", "spend_recorded.currency", "spend_recorded.period_start", "spend_recorded.period_end"),
)

FIGURES = (people, new_people, people_so_far, touchpoints, spend)
