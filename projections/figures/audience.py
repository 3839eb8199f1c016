"""Who was reached: people and touchpoints by channel, campaign and day, and what it cost."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, LEAD_TEAM, PERSON_STAGE, PROFILE, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, ratio, running, total
from projections.figures.reads import TRAFFIC
from projections.figures.views import View, as_of, days_of

touched = days_of("touched", unit=("person",))
first_touched = as_of("first_touched", "is_first = 1", unit=("person",), name="first touchpoints")
reached = View(
    "people, and whether they became leads",
    "SELECT t.person, t.at, t.day, t.channel, t.campaign, CASE WHEN l.person IS NULL THEN 0 ELSE 1 END AS is_lead, t.n"
    " FROM first_touched AS t LEFT JOIN (SELECT DISTINCT person FROM leads WHERE step = 'created' AND at <= :until) AS l"
    " ON l.person = t.person WHERE t.is_first = 1 AND t.at <= :until",
    unit=("person",),
    tables=("first_touched", "leads"),
)
left_out = days_of("excluded", unit=("subject",), name="excluded touchpoints")
spent = days_of("spend", unit=("campaign", "provider"), sums=("amount_minor",))

REASON = Dimension("reason", "v.why", says="bot, test, agent, or the network: internal, datacenter")
TYPE = Dimension("type", "v.type", says="type of touchpoint")
FUNCTION = Dimension("function", "v.function", says="who spent it: marketing or sales")
COST_KIND = Dimension("cost_kind", "v.cost_kind", says="media, agency, content, event, tools or people")
PROVIDER = Dimension("provider", "v.provider", says="who was paid, as the source states it")
SPENT = ("spend_recorded.amount", "spend_recorded.currency", "spend_recorded.period_start", "spend_recorded.period_end")

people = Figure(
    name="people",
    says="Distinct people with a touchpoint that marketing counts. They do not add up over channels, campaigns or days.",
    formula="distinct people",
    unit="people",
    source="definition: traffic",
    of=touched,
    by=(CHANNEL, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE),
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
    by=(CHANNEL, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE),
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
    by=(CHANNEL, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE),
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
    by=(CHANNEL, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE),
    measure=count(),
    reads=TRAFFIC,
)
visit_to_lead = Figure(
    name="visit_to_lead",
    says="Of the people whose first touchpoint that marketing counts was in the period, the share that ever became a lead up to the"
    " instant asked until, by the channel and campaign that they came by first.",
    formula="people who became a lead / people, dated by their first touchpoint",
    unit="share",
    source="definition: traffic, lead",
    of=reached,
    by=(CHANNEL, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE),
    measure=ratio(count("v.is_lead = 1"), count()),
    within_days=None,
    reads=TRAFFIC,
)
spend = Figure(
    name="spend",
    says="What was spent, day by day: a cost of a period is spread evenly over its days, in whole minor units.",
    formula="sum of costs",
    unit="money",
    source="docs/marketing.md",
    tells="spend",
    of=spent,
    by=(CHANNEL, CAMPAIGN, FUNCTION, COST_KIND, PROVIDER),
    measure=total("amount_minor"),
    reads=SPENT,
)
excluded_touchpoints = Figure(
    name="excluded_touchpoints",
    says="Touchpoints that are in no other figure, by reason: of bots, tests, and networks and agents that the definition excludes.",
    formula="number of touchpoints",
    unit="touchpoints",
    source="definition: bots",
    of=left_out,
    by=(REASON, TYPE),
    measure=count(),
    reads=("page_view.bot", "page_view.test", "page_view.network", "page_view.agent", "*.bot", "*.test", "*.network", "*.agent"),
)

FIGURES = (people, new_people, people_so_far, touchpoints, visit_to_lead, spend, excluded_touchpoints)
