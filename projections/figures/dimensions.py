"""Dimensions: what a figure may be broken down and filtered by.

A column of the view, or one that is joined as of the instant that the figure dates its rows by.
"""

import re
from dataclasses import dataclass
from typing import Final

from journey.facts import NEVER
from projections.figures.views import Grain, history, last_of


@dataclass(frozen=True, slots=True)
class Dimension:
    """`column` is SQL over the view's row `v` and what `join` joins, under the dimension's name. In it stand `{at}` and `{day}`, what the
    figure dates the row by, and `{holds}`, whether a row of `history` held then; `{holds <name>}` of one that is joined under another name.
    Its values are text. A row may be in several groups of a dimension that is `many`, so these do not add up. `names` is SQL of what values
    are called: the value, its name. `tables` are those that its SQL reads. Of a dimension with as many values as there are people, `top` is
    how many cells a list has where nobody asks for another number: those of the highest value.

    Of a dimension that says within how many days something counts, `days` are those that a breakdown has; a filter may ask for any.
    `order`: its values stand in this order, others by their names after them; None: by their size. `option` names what of the definition
    lists its values: a filter may ask for each of them, also where no row has it yet, and for no other."""

    name: str
    column: str
    join: str = ""
    says: str = ""
    many: bool = False
    names: str = ""
    top: int = 0
    tables: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    order: tuple[str, ...] | None = None
    option: str = ""


def spelled(sql: str, dimension: Dimension, at: str, day: str, grain: Grain) -> str:
    """`sql` of `dimension` for a figure that dates its rows by `at` and `day`."""
    held = ("at", at, "to_at") if grain == "instant" else ("day", day, "to_day")
    since, instant, to = held

    def holds(found: re.Match[str]) -> str:
        joined = found[1] or dimension.name
        return f"{joined}.{since} <= {instant} AND {instant} < {joined}.{to}"

    return _HOLDS.sub(holds, sql).replace("{at}", at).replace("{day}", day)


_HOLDS = re.compile(r"\{holds ?(\w*)\}")


def described(name: str, subject: str, field: str, says: str = "") -> Dimension:
    """A field of a person, an account or an owner as it was described last up to the row's instant; "" where it never was.

    `subject` is SQL: `v.person`, `'account:' || v.account`, `'owner:' || v.owner`.
    """
    says = says or f"{field} as of the row's instant"
    return Dimension(name, f"COALESCE({name}.value, '')", _as_described(name, subject, field), says, tables=_DESCRIBED)


def about(subject: str, since: str = "") -> tuple[Dimension, ...]:
    """The fields of whom `subject` is SQL of, a person or an account, and of the account: itself, or that which the person was in. All as
    of the row's instant, or as of `since`, SQL of another one. And the person's segments."""
    when = "as of when it began" if since else "as of the row's instant"
    fields = [
        Dimension(
            field,
            f"COALESCE({field}.value, '')",
            _as_described(field, subject, field, since),
            f"{_SAID.get(field, field)} {when}",
            tables=_DESCRIBED,
        )
        for field in PROFILE_FIELDS
    ]
    for field in ACCOUNT_FIELDS:
        name = f"account_{field}" if field in PROFILE_FIELDS else field
        account = f"account_with_{name}"
        whole = f"CASE WHEN SUBSTR({subject}, 1, 8) = 'account:' THEN {subject} ELSE 'account:' || {account}.value END"
        join = f"{_as_described(account, subject, 'account', since)} {_as_described(name, whole, field, since)}"
        says = f"{_SAID.get(field, field)} of the account {when}"
        fields.append(Dimension(name, f"COALESCE({name}.value, '')", join, says, tables=_DESCRIBED))
    return (*fields, segment_of(subject, since))


def segment_of(person: str, since: str = "") -> Dimension:
    """The segments that `person`, SQL of one, was in."""
    past = history("segment_moves", "person", "segment")
    join = f"LEFT JOIN ({past.sql}) AS segment ON segment.person = {person} AND segment.step = 'entered' AND {_held('segment', since)}"
    when = "when it began" if since else "as of the row's instant"
    says = f"segment that the person was in {when}: who is in several is in each"
    return Dimension("segment", "COALESCE(segment.segment, '')", join, says, many=True, tables=past.tables, option=OF_SEGMENTS)


PROFILE_FIELDS: Final = ("country", "region", "language", "age_band", "job_title", "seniority", "department")
ACCOUNT_FIELDS: Final = ("industry", "revenue_band", "tier", "country", "employees")
_SAID: Final = {"age_band": "band of age", "job_title": "job title", "revenue_band": "band of revenue", "employees": "number of employees"}


_DESCRIBED: Final = ("described",)
OF_SEGMENTS: Final = "segments"
"""The option that lists the segments of the definition."""


def _as_described(name: str, subject: str, field: str, since: str = "") -> str:
    past = history("described", "subject", where=f"field = '{field}'").sql
    return f"LEFT JOIN ({past}) AS {name} ON {name}.subject = {subject} AND {_held(name, since)}"


def _held(name: str, since: str = "") -> str:
    return f"{name}.at <= {since} AND {since} < {name}.to_at" if since else f"{{holds {name}}}"


CURRENCY: Final = Dimension("currency", "v.currency", says="currency of the amount")
CHANNEL: Final = Dimension("channel", "v.channel", says="channel")
OWNER: Final = Dimension("owner", "v.owner", says="owner")
TEAM: Final = Dimension("team", "v.team", says="team that was stated")
PIPELINE: Final = Dimension("pipeline", "v.pipeline", says="pipeline")
STAGE: Final = Dimension("stage", "v.stage", says="stage")
KIND: Final = Dimension("kind", "v.deal_kind", says="kind of deal: new business, renewal, …")
REASON: Final = Dimension("reason", "v.reason", says="reason")
LEAD_SOURCE: Final = Dimension("lead_source", "v.lead_source", says="source of the lead")

TEAM_OF_OWNER: Final = described("team_of_owner", "'owner:' || v.owner", "team", "team of the owner as of the row's instant")
PROFILE: Final = about("v.person")
"""Fields of the row's person, and of the account that the person was in; and the person's segments."""
SEGMENT: Final = segment_of("v.person")
INDUSTRY: Final = described("industry", "'account:' || v.account", "industry")

_ACCOUNT_FIELDS: Final = ("tier", "revenue_band", "employees")
OF_THE_ACCOUNT: Final = (
    INDUSTRY,
    *(described(field, "'account:' || v.account", field, f"{field} of the account as of the row's instant") for field in _ACCOUNT_FIELDS),
)
"""What the account of a row was described by."""
_NAMES = last_of("described", "subject", "field", where="field = 'name' AND SUBSTR(subject, 1, 9) = 'campaign:'")
CAMPAIGN_TITLES: Final = f"SELECT SUBSTR(c.subject, 10), c.value FROM ({_NAMES.sql}) AS c"
_JOINED = "SELECT alias, MAX(campaign) AS campaign FROM aliases WHERE at <= :until AND :until < until_at GROUP BY alias"
# A name that a campaign itself has is no alias. Of two campaigns that claim an alias, the last by name has it.
_STATED = "SELECT 1 FROM described AS d WHERE d.subject = 'campaign:' || a.name AND d.field = 'name' AND d.at <= :until"


CAMPAIGNS_BY_NAME: Final = (
    "SELECT a.name, a.campaign FROM ("
    f"SELECT alias AS name, campaign FROM ({_JOINED}) AS j WHERE NOT EXISTS (SELECT 1 FROM spelled AS s WHERE s.name = j.alias)"
    f" UNION ALL SELECT s.name, j.campaign FROM spelled AS s JOIN ({_JOINED}) AS j ON j.alias = s.folded"
    f") AS a WHERE NOT EXISTS ({_STATED})"
)
"""The campaign that a name in facts is, by however it is spelled; a campaign's own name is not among them."""


def campaign_of(column: str, join: str = "", says: str = "campaign", tables: tuple[str, ...] = ()) -> Dimension:
    """The campaign that `column` is SQL of, by its own name, with what `join` joins for it, of `tables`."""
    return Dimension(
        "campaign",
        f"COALESCE(campaign.campaign, {column})",
        # By whatever name it is spelled: one small join, where there are as many rows as touchpoints.
        f"{join} LEFT JOIN ({CAMPAIGNS_BY_NAME}) AS campaign ON campaign.name = {column}",
        f"{says}, its aliases joined as of the instant that is asked until",
        names=CAMPAIGN_TITLES,
        tables=(*tables, "aliases", "described", "spelled"),
    )


CAMPAIGN: Final = campaign_of("v.campaign")


# --- what a row's person came by, is in and belongs to


def came_by(
    person: str, *, beside: str = "", of: tuple[str, ...] = (), since: str = "{at}", whose: str = "the person"
) -> tuple[Dimension, Dimension]:
    """Channel and campaign of the first touchpoint that marketing counts of `person`, SQL of one over what `beside` joins, of the tables
    `of`: as of the row's instant, or as of `since`, SQL of another one. "" where nothing had touched the person until then. `{name}` in
    both stands for the dimension."""

    def joined(name: str) -> str:
        first = f"LEFT JOIN first_touched AS {name}_touch ON {name}_touch.person = {person} AND {name}_touch.is_first = 1"
        return f"{beside} {first} AND {name}_touch.at <= {since}".replace("{name}", name).strip()

    tables = tuple(dict.fromkeys((*of, "first_touched")))
    says = f"channel that {whose} came by first"
    channel = Dimension("channel", "COALESCE(channel_touch.channel, '')", joined("channel"), says, tables=tables)
    return channel, campaign_of("COALESCE(campaign_touch.campaign, '')", joined("campaign"), f"campaign that {whose} came by first", tables)


def stage_of(person: str, since: str = "") -> Dimension:
    """The stage of the journey that `person`, SQL of one, was in."""
    past = history("stages", "person")
    join = f"LEFT JOIN ({past.sql}) AS stage ON stage.person = {person} AND {_held('stage', since)}"
    says = "stage of the journey that the person was in as of the row's instant"
    return Dimension("stage", "COALESCE(stage.stage, '')", join, says, tables=past.tables)


PERSON_STAGE: Final = stage_of("v.person")

FIRST_TOUCH_MONTH: Final = Dimension(
    "first_touch_month",
    "COALESCE(SUBSTR(first_touch_month.day, 1, 7), '')",
    "LEFT JOIN first_touched AS first_touch_month ON first_touch_month.person = v.person AND first_touch_month.is_first = 1"
    " AND first_touch_month.at <= :until",
    "month of the first touchpoint of the person that marketing counts, the cohort; it is the same at all instants",
    tables=("first_touched",),
    order=(),
)
EVER: Final = "ever"
DAYS_MAX: Final = 9_999
WITHIN: Final = Dimension(
    "within",
    "v.within",
    says=f"within how many days the later step was reached: whole days up to {DAYS_MAX:,}, each of 24 hours, or {EVER}, which counts where"
    " nobody asks; a period is complete so many days after its end, and with ever never",
    days=("30", "60", "90", EVER),
    order=("30", "60", "90", EVER),
)


def of_the_lead(name: str, says: str, since: str = "", person: str = "v.person") -> Dimension:
    """A field of the last lead cycle of `person`, SQL of one."""
    past = history("lead_states", "person")
    join = f"LEFT JOIN ({past.sql}) AS {name} ON {name}.person = {person} AND {_held(name, since)}"
    says = f"{says} of the person's last lead as of the row's instant"
    return Dimension(name, f"COALESCE({name}.{name}, '')", join, says, tables=past.tables)


def cohort_of(person: str) -> Dimension:
    """The month in which `person`, SQL of one, was first touched."""
    join = f"LEFT JOIN first_touched AS cohort_touch ON cohort_touch.person = {person} AND cohort_touch.is_first = 1"
    return Dimension(
        "cohort",
        "COALESCE(SUBSTR(cohort_touch.day, 1, 7), '')",
        f"{join} AND cohort_touch.at <= {{at}}",
        'month of the first touchpoint that marketing counts of the person; "" where nothing had touched them until then',
        tables=("first_touched",),
    )


LEAD_TEAM: Final = of_the_lead("team", "team")


# --- whose a deal is

_FIRST = "LEFT JOIN first_touched AS t ON t.person = p.person AND t.is_first = 1 AND t.at <= :until"
_PLACE = f"ROW_NUMBER() OVER (PARTITION BY p.deal ORDER BY p.is_primary DESC, COALESCE(t.at, {NEVER}), p.person) AS nth_person"


def _person_of_deals(where: str) -> str:
    """A row a deal at most: of its people of whom `where` holds the main contact; of several or none the one who was touched first."""
    people = last_of("deal_people", "person", "deal").sql
    ranked = f"SELECT p.deal, p.person, p.cycle, {_PLACE} FROM ({people}) AS p {_FIRST} WHERE {where}"
    return f"SELECT deal, person, cycle FROM ({ranked}) AS r WHERE nth_person = 1"


MAIN_CONTACT: Final = ("deal_people", "first_touched")
"""The tables that a deal's main contact is found in."""


def main_contact(deal: str = "v.deal") -> str:
    """Joins the main contact of `deal`, SQL of one, for the dimension `{name}`."""
    return f"LEFT JOIN ({_person_of_deals('TRUE')}) AS {{name}}_person ON {{name}}_person.deal = {deal}"


OF_THE_DEALS_PERSON: Final = (
    *came_by(
        "{name}_person.person",
        beside=main_contact(),
        of=MAIN_CONTACT,
        whose="the deal's main contact, of several or none the one touched first,",
    ),
)
"""What the person whose a deal is came by."""
DEAL_LEAD_SOURCE: Final = Dimension(
    "lead_source",
    "COALESCE(lead_source.lead_source, '')",
    f"LEFT JOIN ({_person_of_deals('p.cycle > 0')}) AS lead_source_person ON lead_source_person.deal = v.deal"
    f" LEFT JOIN ({last_of('lead_states', 'person', 'cycle').sql}) AS lead_source"
    " ON lead_source.person = lead_source_person.person AND lead_source.cycle = lead_source_person.cycle",
    "source of the lead that the deal came of",
    tables=(*MAIN_CONTACT, "lead_states"),
)


def of_the_deals_person(field: str) -> Dimension:
    """A field of the person whose a deal is. An account has a country too."""
    name = f"person_{field}" if field in ACCOUNT_FIELDS else field
    join = f"{main_contact().replace('{name}', name)} {_as_described(name, f'{name}_person.person', field)}"
    says = f"{_SAID.get(field, field)} of the deal's main contact as of the row's instant"
    return Dimension(name, f"COALESCE({name}.value, '')", join, says, tables=(*MAIN_CONTACT, "described"))


DEAL_PROFILE: Final = tuple(map(of_the_deals_person, PROFILE_FIELDS))


def product_of(at: str = "v.at", nth: str = "v.nth") -> Dimension:
    """The products of the row's deal as it stood at `at` and `nth`."""
    return Dimension(
        "product",
        "COALESCE(product.product, '')",
        "LEFT JOIN (SELECT DISTINCT deal, at, nth, product FROM deal_products) AS product"
        f" ON product.deal = v.deal AND product.at = {at} AND product.nth = {nth}",
        "product: a deal with several is in each",
        many=True,
        tables=("deal_products",),
    )


PRODUCT: Final = product_of()

_OF_ORDERS = "LEFT JOIN (SELECT DISTINCT subject, order_id, product FROM order_products) AS"
ORDERED_PRODUCT: Final = Dimension(
    "product",
    "COALESCE(product.product, '')",
    f"{_OF_ORDERS} product ON product.subject = v.subject AND product.order_id = v.order_id",
    "product: an order with several is in each",
    many=True,
    tables=("order_products",),
)


def product_of_conversion(whose: str) -> Dimension:
    """The products of the deal that the row's conversion is of, or of the order of `whose`, SQL of a person."""
    deal = product_of("v.stood_at")
    order = f"{_OF_ORDERS} of_order ON v.deal = '' AND of_order.subject = {whose} AND 'order:' || of_order.order_id = v.of_what"
    return Dimension(
        "product",
        "COALESCE(product.product, of_order.product, '')",
        f"{deal.join} {order}",
        "product: a deal or an order with several is in each",
        many=True,
        tables=(*deal.tables, "order_products"),
    )
