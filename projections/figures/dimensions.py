"""Dimensions: what a figure may be broken down and filtered by.

A column of the view, or one that is joined as of the instant that the figure dates its rows by.
"""

import re
from dataclasses import dataclass
from typing import Final

from projections.figures.views import Grain, history, last_of


@dataclass(frozen=True, slots=True)
class Dimension:
    """`column` is SQL over the view's row `v` and what `join` joins, under the dimension's name. In it stand `{at}` and `{day}`, what the
    figure dates the row by, and `{holds}`, whether a row of `history` held then; `{holds <name>}` of one that is joined under another name.
    Its values are text. A row may be in several groups of a dimension that is `many`, so these do not add up. `names` is SQL of what values
    are called: the value, its name. Of a dimension with as many values as there are people, `top` is how many cells a list has where
    nobody asks for another number: those of the highest value."""

    name: str
    column: str
    join: str = ""
    says: str = ""
    many: bool = False
    names: str = ""
    top: int = 0


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
    return Dimension(name, f"COALESCE({name}.value, '')", _as_described(name, subject, field), says or f"{field} as of the row's instant")


def of_the_account(name: str, field: str) -> Dimension:
    """A field of the account that the row's person was in, both as of the row's instant."""
    account = f"account_with_{name}"
    subject = f"'account:' || {account}.value"
    join = f"{_as_described(account, 'v.person', 'account')} {_as_described(name, subject, field)}"
    return Dimension(name, f"COALESCE({name}.value, '')", join, f"{field} of the person's account as of the row's instant")


def about(subject: str, since: str = "") -> tuple[Dimension, ...]:
    """The fields of whom `subject` is SQL of, a person or an account, and of the account: itself, or that which the person was in. All as
    of the row's instant, or as of `since`, SQL of another one."""
    when = "as of when it began" if since else "as of the row's instant"
    fields = [
        Dimension(field, f"COALESCE({field}.value, '')", _as_described(field, subject, field, since), f"{_SAID.get(field, field)} {when}")
        for field in PROFILE_FIELDS
    ]
    for field in ACCOUNT_FIELDS:
        name = f"account_{field}" if field in PROFILE_FIELDS else field
        account = f"account_with_{name}"
        whole = f"CASE WHEN SUBSTR({subject}, 1, 8) = 'account:' THEN {subject} ELSE 'account:' || {account}.value END"
        join = f"{_as_described(account, subject, 'account', since)} {_as_described(name, whole, field, since)}"
        fields.append(Dimension(name, f"COALESCE({name}.value, '')", join, f"{_SAID.get(field, field)} of the account {when}"))
    return tuple(fields)


PROFILE_FIELDS: Final = ("country", "region", "language", "age_band", "job_title", "seniority", "department")
ACCOUNT_FIELDS: Final = ("industry", "revenue_band", "tier", "country", "employees")
_SAID: Final = {"age_band": "band of age", "job_title": "job title", "revenue_band": "band of revenue", "employees": "number of employees"}


def _as_described(name: str, subject: str, field: str, since: str = "") -> str:
    past = history("described", "subject", where=f"field = '{field}'").sql
    held = f"{name}.at <= {since} AND {since} < {name}.to_at" if since else f"{{holds {name}}}"
    return f"LEFT JOIN ({past}) AS {name} ON {name}.subject = {subject} AND {held}"


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
COUNTRY: Final = described("country", "v.person", "country")
PROFILE: Final = about("v.person")
"""Fields of the row's person, and of the account that the person was in."""
INDUSTRY: Final = described("industry", "'account:' || v.account", "industry")

OF_THE_PERSON: Final = (
    COUNTRY,
    *(described(field, "v.person", field) for field in ("region", "language", "job_title", "seniority", "department")),
)
"""What a row's person was described by."""
_ACCOUNT_FIELDS: Final = ("tier", "revenue_band", "employees")
OF_THE_ACCOUNT: Final = (
    INDUSTRY,
    *(described(field, "'account:' || v.account", field, f"{field} of the account as of the row's instant") for field in _ACCOUNT_FIELDS),
)
"""What the account of a row was described by."""
OF_ITS_ACCOUNT: Final = (
    *(of_the_account(field, field) for field in ("industry", *_ACCOUNT_FIELDS)),
    of_the_account("account_country", "country"),
)
"""What the account that a row's person was in was described by."""

_NAMES = last_of("described", "subject", "field", where="field = 'name' AND SUBSTR(subject, 1, 9) = 'campaign:'")
_JOINED = "SELECT alias, MAX(campaign) AS campaign FROM aliases WHERE at <= :until AND :until < until_at GROUP BY alias"
# A name that a campaign itself has is no alias. Of two campaigns that claim an alias, the last by name has it.
_STATED = "SELECT 1 FROM described AS d WHERE d.subject = 'campaign:' || a.name AND d.field = 'name' AND d.at <= :until"
CAMPAIGN: Final = Dimension(
    "campaign",
    "COALESCE(campaign.campaign, v.campaign)",
    # By whatever name it is spelled: one small join, where there are as many rows as touchpoints.
    "LEFT JOIN (SELECT a.name, a.campaign FROM ("
    f"SELECT alias AS name, campaign FROM ({_JOINED}) AS j WHERE NOT EXISTS (SELECT 1 FROM spelled AS s WHERE s.name = j.alias)"
    f" UNION ALL SELECT s.name, j.campaign FROM spelled AS s JOIN ({_JOINED}) AS j ON j.alias = s.folded"
    f") AS a WHERE NOT EXISTS ({_STATED})) AS campaign ON campaign.name = v.campaign",
    "campaign, its aliases joined as of the instant that is asked until",
    names=f"SELECT SUBSTR(c.subject, 10), c.value FROM ({_NAMES.sql}) AS c",
)
PRODUCT: Final = Dimension(
    "product",
    "COALESCE(product.product, '')",
    "LEFT JOIN (SELECT DISTINCT deal, at, nth, product FROM deal_products) AS product"
    " ON product.deal = v.deal AND product.at = v.at AND product.nth = v.nth",
    "product: a deal with several is in each",
    many=True,
)
