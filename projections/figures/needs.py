"""What sales hears: the needs that people state and the objections that they raise, by topic, beside the content that answers them.
Content answers the topics that its `answers` list, else those of its `topics`. A gap is a topic that none answers."""

from projections.figures.content import CONTENT
from projections.figures.deals import COUNTRY
from projections.figures.dimensions import (
    DEAL_PROFILE,
    KIND,
    LEAD_TEAM,
    OF_THE_ACCOUNT,
    OF_THE_DEALS_PERSON,
    PERSON_STAGE,
    PIPELINE,
    PRODUCT,
    PROFILE,
    Dimension,
    came_by,
)
from projections.figures.figure import Figure
from projections.figures.market import LOST_TO
from projections.figures.measures import count, distinct, total
from projections.figures.views import View, last_of

_VOICED = (
    "SELECT person, at, day, 'need' AS voice, topic, severity, '' AS competitor, deal, n FROM needs WHERE at <= :until"
    " UNION ALL SELECT person, at, day, 'objection' AS voice, topic, '' AS severity, competitor, deal, n FROM objections"
    " WHERE step = 'raised' AND at <= :until"
)
_ANSWERED = "LEFT JOIN (SELECT DISTINCT topic FROM content_answers WHERE at <= :until) AS a ON a.topic ="
voiced = View(
    "needs and objections",
    f"SELECT t.*, CASE WHEN a.topic IS NULL THEN 0 ELSE 1 END AS is_answered FROM ({_VOICED}) AS t {_ANSWERED} t.topic",
    unit=("person", "topic", "at"),
    tables=("needs", "objections"),
    beside=("content_answers",),
)
_LOST = last_of("deals", "deal", where="outcome = 'lost'").sql
# What names no deal belongs to those that its person had open then.
_RAISED = (
    f"SELECT d.deal, t.topic FROM ({_LOST}) AS d JOIN ({_VOICED}) AS t ON 'deal:' || t.deal = d.deal AND t.at <= d.closed_at"
    f" UNION SELECT d.deal, t.topic FROM ({_LOST}) AS d JOIN deal_people AS p ON p.deal = d.deal AND p.at <= :until"
    f" JOIN ({_VOICED}) AS t ON t.person = p.person AND t.deal = '' AND t.at >= d.opened_at AND t.at <= d.closed_at"
)
_RAISED_IN = ("needs", "objections", "deal_people")
lost = View(
    "deals lost that raised a topic",
    f"SELECT d.* FROM ({_LOST}) AS d WHERE d.deal IN (SELECT r.deal FROM ({_RAISED}) AS r)",
    unit=("deal",),
    tables=("deals", *_RAISED_IN),
)

TOPIC = Dimension("topic", "v.topic", says="topic of the need or the objection")
VOICE = Dimension("voice", "v.voice", says="need or objection")
SEVERITY = Dimension("severity", "v.severity", says="how much it matters, as stated")
ANSWERED = Dimension(
    "answered", "CASE v.is_answered WHEN 1 THEN 'yes' ELSE 'no' END", says="whether there is content that answers the topic; no is a gap"
)
ANSWERING = Dimension(
    "content",
    "COALESCE(content.content, '')",
    "LEFT JOIN (SELECT DISTINCT topic, content FROM content_answers WHERE at <= :until) AS content ON content.topic = v.topic",
    "content that answers the topic: several pieces may",
    many=True,
    names=CONTENT.names,
    tables=("content_answers", *CONTENT.tables),
)
RAISED = Dimension(
    "topic",
    "topic.topic",
    f"JOIN ({_RAISED}) AS topic ON topic.deal = v.deal",
    "topic that was raised before the deal was lost: a deal is in each of its topics",
    many=True,
    tables=("deals", *_RAISED_IN),
)
GAP = Dimension(
    "gap",
    "gap.topic",
    f"JOIN (SELECT r.* FROM ({_RAISED}) AS r {_ANSWERED} r.topic WHERE a.topic IS NULL) AS gap ON gap.deal = v.deal",
    "topic without content that answers it, raised before the deal was lost: a deal is in each of its gaps",
    many=True,
    tables=("deals", *_RAISED_IN, "content_answers"),
)

_BY = (TOPIC, ANSWERED, VOICE, SEVERITY, LOST_TO, ANSWERING, *came_by("v.person"), LEAD_TEAM, *PROFILE, PERSON_STAGE)
_BY_DEAL = (RAISED, GAP, LOST_TO, PIPELINE, KIND, PRODUCT, *OF_THE_DEALS_PERSON, *OF_THE_ACCOUNT, COUNTRY, *DEAL_PROFILE)
_SAID = ("need_stated.topic", "objection_raised.topic")
_WAS_LOST = ("close.outcome", *_SAID, "content_published.answers", "content_published.topics")

NEEDS = (
    Figure(
        name="topics_raised",
        says="Needs that people stated and objections that they raised, each time.",
        formula="number of need_stated and objection_raised touchpoints",
        unit="mentions",
        source="docs/marketing.md",
        of=voiced,
        by=_BY,
        measure=count(),
        reads=_SAID,
    ),
    Figure(
        name="people_raising",
        says="Distinct people who stated a need or raised an objection. They do not add up over topics or periods.",
        formula="distinct people",
        unit="people",
        source="docs/marketing.md",
        of=voiced,
        by=_BY,
        measure=distinct("person"),
        reads=_SAID,
    ),
    Figure(
        name="deals_lost_on_topic",
        says="Deals lost before whose last close a topic was raised, as a need or an objection. By gap: a topic that no content answers.",
        formula="number of deals, dated by the last close",
        unit="deals",
        source="docs/marketing.md",
        of=lost,
        dated="closed",
        by=_BY_DEAL,
        measure=count(),
        reads=_WAS_LOST,
    ),
    Figure(
        name="value_lost_on_topic",
        says="Value of the deals lost before whose last close a topic was raised. By gap with --top: what is missing, the dearest first.",
        formula="sum of their values, dated by the last close",
        unit="money",
        tells="deal_value",
        source="docs/marketing.md",
        of=lost,
        dated="closed",
        by=_BY_DEAL,
        measure=total("amount_minor"),
        reads=("close.amount", "close.currency", *_WAS_LOST),
    ),
)
