"""Orders: what was ordered, what was paid back, and what is in no figure."""

from projections.figures.dimensions import ORDERED_PRODUCT, Dimension, about, came_by, of_the_lead, stage_of
from projections.figures.figure import Figure
from projections.figures.measures import count, ratio, total
from projections.figures.views import View, as_of

ordered = as_of("orders", unit=("subject", "order_id", "at"), sums=("amount_minor",))
lowered = as_of("lowered", unit=("subject", "order_id", "at"), sums=("amount_minor",))
_COLUMNS = "subject, order_id, at, day, currency, amount_minor, n"
kept = View(
    "orders and what was paid back",
    f"SELECT {_COLUMNS} FROM orders WHERE at <= :until UNION ALL SELECT {_COLUMNS} FROM lowered WHERE at <= :until",
    unit=("subject", "order_id", "at"),
    tables=("orders", "lowered"),
    sums=("amount_minor",),
)
without = as_of("left_out", unit=("subject", "of_what", "at"))

WHY = Dimension("reason", "v.why", says="why it is in no figure, or not with all of its amount")
SOURCE = Dimension("source", "v.source", says="who sent it")

WHOSE = (*came_by("v.subject"), of_the_lead("team", "team", person="v.subject"), *about("v.subject"), stage_of("v.subject"))
OF_ORDER = (ORDERED_PRODUCT, *WHOSE)

_ORDER = ("order_placed.order", "order_placed.amount", "order_placed.currency")
_REFUND = ("refund.order", "refund.amount", "refund.currency")

orders = Figure(
    name="orders",
    says="Orders of people and accounts, each once by its id.",
    formula="number of orders",
    unit="orders",
    source="docs/orders.md",
    of=ordered,
    by=OF_ORDER,
    measure=count(),
    reads=_ORDER,
)
order_value = Figure(
    name="order_value",
    says="What was ordered, before refunds.",
    formula="sum of orders",
    unit="money",
    source="docs/orders.md",
    of=ordered,
    by=OF_ORDER,
    measure=total("amount_minor"),
    reads=_ORDER,
)
average_order_value = Figure(
    name="average_order_value",
    says="What an order comes to on average, before refunds.",
    formula="sum of orders / number of orders",
    unit="money",
    source="docs/orders.md",
    of=ordered,
    by=OF_ORDER,
    measure=ratio(total("amount_minor"), count()),
    reads=_ORDER,
)
refunded = Figure(
    name="refunded",
    says="What refunds have taken of orders, a negative amount, dated by the later of order and refund.",
    formula="sum of refunds, each at most what was left of its order",
    unit="money",
    source="docs/orders.md",
    of=lowered,
    by=OF_ORDER,
    measure=total("amount_minor"),
    reads=_REFUND,
)
net_revenue = Figure(
    name="net_revenue",
    says="What was ordered less what was paid back, each on its own day.",
    formula="orders + refunds (negative)",
    unit="money",
    source="docs/orders.md",
    of=kept,
    by=OF_ORDER,
    measure=total("amount_minor"),
    reads=_ORDER,
)
left_out = Figure(
    name="left_out",
    says="Orders and refunds that are in no figure, or not with all of their amount.",
    formula="number of touchpoints",
    unit="touchpoints",
    source="docs/orders.md",
    of=without,
    by=(WHY, SOURCE, *WHOSE),
    measure=count(),
    reads=(*_ORDER, *_REFUND, "refund.deal"),
)

FIGURES = (orders, order_value, average_order_value, refunded, net_revenue, left_out)
