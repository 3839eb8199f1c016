"""Conversions, each once: won deals, leads, orders and whatever else the definition names; and the customers that they make."""

from projections.figures.defined import CUSTOMER, CUSTOMERS, WON
from projections.figures.dimensions import (
    KIND,
    LEAD_TEAM,
    MAIN_CONTACT,
    PERSON_STAGE,
    PIPELINE,
    PROFILE,
    Dimension,
    about,
    came_by,
    main_contact,
    product_of_conversion,
    stage_of,
)
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, total
from projections.figures.reads import CONVERSIONS, PURCHASES, VALUE
from projections.figures.views import View, history, last_of

_WON = last_of("deals", "deal", where="outcome = 'won'")
DEALS = (
    "SELECT k.column1 AS conversion, d.deal, SUBSTR(d.deal, 6) AS of_what, d.at AS stood_at, d.nth, d.closed_at AS at,"
    " d.closed_on AS day, d.account, d.pipeline, d.deal_kind, d.amount_minor, d.currency, d.n"
    f" FROM ({_WON.sql}) AS d JOIN (VALUES :won) AS k ON k.column1 <> ''"
)
"""A deal that stands as won is one conversion of each kind that won deals are, also where it names nobody."""

SUBJECT_OF_DEAL = "CASE WHEN account = '' THEN '' ELSE 'account:' || account END"

CONVERTED = (
    "conversions AS c LEFT JOIN (SELECT subject, 'order:' || order_id AS of_what, CAST(SUM(amount_minor) AS BIGINT) AS lowered_minor"
    " FROM lowered WHERE at <= :until GROUP BY subject, order_id) AS l ON l.subject = c.person AND l.of_what = c.of_what"
)
NET = "c.amount_minor + COALESCE(l.lowered_minor, 0)"
"""The value of a row of `CONVERTED` less what was paid back up to the instant asked until."""
OF_PERSON = "c.at <= :until AND c.conversion NOT IN (VALUES :won)"
"""Of whoever takes part in a deal there is a row, so these are told apart: all other conversions are a person's own."""

converted = View(
    "conversions",
    f"SELECT conversion, of_what, '' AS whose, {SUBJECT_OF_DEAL} AS subject, at, day,"
    f" deal, stood_at, nth, pipeline, deal_kind, amount_minor, currency, n FROM ({DEALS}) AS d"
    " UNION ALL SELECT c.conversion, c.of_what, c.person AS whose, c.person AS subject, c.at, c.day, '' AS deal, 0 AS stood_at, 0 AS nth,"
    " '' AS pipeline, '' AS deal_kind,"
    f" {NET} AS amount_minor, c.currency, c.n FROM {CONVERTED} WHERE {OF_PERSON}",
    unit=("conversion", "of_what", "whose", "at"),
    tables=("deals", "conversions", "lowered"),
    options=(WON,),
)

_PEOPLE = (
    "SELECT c.person, c.conversion, c.of_what, c.at, c.day, COALESCE(d.account, '') AS account,"
    " COALESCE(d.deal, '') AS deal, COALESCE(d.stood_at, 0) AS stood_at, COALESCE(d.nth, 0) AS nth, COALESCE(d.pipeline, '') AS pipeline,"
    " COALESCE(d.deal_kind, '') AS deal_kind, c.n FROM conversions AS c"
    f" LEFT JOIN ({DEALS}) AS d ON d.conversion = c.conversion AND d.deal = 'deal:' || c.of_what AND d.at = c.at"
    " WHERE c.at <= :until AND (d.of_what IS NOT NULL OR c.conversion NOT IN (VALUES :won))"
)
people_converted = View(
    "people who converted",
    _PEOPLE,
    unit=("conversion", "of_what", "person", "at"),
    tables=("deals", "conversions"),
    options=(WON,),
)

_JOINED = history("described", "subject", where="field = 'account'")
_CUSTOMERS = (
    "SELECT 'account:' || d.account AS customer, d.conversion, d.of_what, d.at, d.day, '' AS person,"
    " d.deal AS contact_of, d.deal, d.stood_at, d.nth, d.pipeline, d.deal_kind, d.n"
    f" FROM ({DEALS}) AS d WHERE :customer = 'account' AND d.account <> '' AND d.conversion IN (VALUES :customers)"
    " UNION ALL SELECT CASE WHEN :customer = 'account' AND COALESCE(j.value, '') <> '' THEN 'account:' || j.value ELSE p.person END"
    " AS customer, p.conversion, p.of_what, p.at, p.day, p.person,"
    " '' AS contact_of, p.deal, p.stood_at, p.nth, p.pipeline, p.deal_kind, p.n"
    f" FROM ({_PEOPLE}) AS p LEFT JOIN ({_JOINED.sql}) AS j ON j.subject = p.person AND j.at <= p.at AND p.at < j.to_at"
    " WHERE p.conversion IN (VALUES :customers) AND (:customer <> 'account' OR p.account = '')"
)
CUSTOMERS_MADE = (
    "customer", "conversion", "of_what", "at", "day", "person", "contact_of", "deal", "stood_at", "nth", "pipeline", "deal_kind",
)  # fmt: skip
customers_made = View(
    "conversions that make customers",
    f"SELECT {', '.join(CUSTOMERS_MADE)},"
    " CASE WHEN ROW_NUMBER() OVER (PARTITION BY customer ORDER BY at, conversion, of_what) = 1 THEN 1 ELSE 0 END AS is_first,"
    f" 1 AS n FROM ({_CUSTOMERS}) AS a",
    unit=("conversion", "of_what", "customer", "at"),
    tables=("deals", "conversions", "described"),
    options=(WON, CUSTOMERS, CUSTOMER),
)

CONVERSION = Dimension("conversion", "v.conversion", says="kind of conversion, as the definition names it")


def _whose(person: str, deal: str) -> tuple[Dimension, ...]:
    """What the person of a conversion came by: `person` is SQL of whose own it is; of others, of which it is "", it is `deal`'s."""
    who = f"COALESCE({{name}}_person.person, {person})"
    return came_by(who, beside=main_contact(deal), of=MAIN_CONTACT, whose="the person, of a deal its main contact,")


_OF_DEAL = (PIPELINE, KIND)
_BY = (CONVERSION, *_OF_DEAL, product_of_conversion("v.whose"), *_whose("v.whose", "v.deal"), *about("v.subject"), stage_of("v.subject"))
BY_CUSTOMER = (
    CONVERSION,
    *_OF_DEAL,
    product_of_conversion("v.person"),
    *_whose("v.person", "v.contact_of"),
    *about("v.customer"),
    PERSON_STAGE,
)

conversions = Figure(
    name="conversions",
    says="Conversions, as the definition names them: won deals, leads, orders. A deal counts once, on the day of its last close.",
    formula="number of conversions",
    unit="conversions",
    source="definition: attribution.conversions",
    of=converted,
    by=_BY,
    measure=count(),
    reads=CONVERSIONS,
)
conversion_value = Figure(
    name="conversion_value",
    says="Value of the conversions as last stated, less what was paid back up to the instant asked until.",
    formula="sum of their values, dated by the conversion",
    unit="money",
    tells="deal_value",
    source="definition: attribution.conversions",
    of=converted,
    by=_BY,
    measure=total("amount_minor"),
    reads=VALUE,
)
converting_people = Figure(
    name="converting_people",
    says="Distinct people with a conversion; of a deal, all its people. They do not add up over kinds of conversion or periods.",
    formula="distinct people",
    unit="people",
    source="definition: attribution.conversions",
    of=people_converted,
    by=(CONVERSION, *_OF_DEAL, product_of_conversion("v.person"), *came_by("v.person"), LEAD_TEAM, *PROFILE, PERSON_STAGE),
    measure=distinct("person"),
    reads=CONVERSIONS,
)
customers = Figure(
    name="customers",
    says="Distinct customers with a conversion that makes one: the account where there is one at the conversion, else the person,"
    " unless the definition says that customers are people.",
    formula="distinct accounts and people",
    unit="customers",
    source="definition: customer, attribution.conversions",
    of=customers_made,
    by=BY_CUSTOMER,
    measure=distinct("customer"),
    reads=(*PURCHASES, "close.account"),
)
new_customers = Figure(
    name="new_customers",
    says="Customers whose first conversion that makes one was in the period.",
    formula="number of customers, dated by their first such conversion",
    unit="customers",
    source="definition: customer, attribution.conversions",
    of=customers_made,
    by=BY_CUSTOMER,
    measure=count("v.is_first = 1"),
    reads=(*PURCHASES, "close.account"),
)

FIGURES = (conversions, conversion_value, converting_people, customers, new_customers)
