"""Content before stages and closes: what people had seen when they went on, and when their deals were decided. Seen before is not because
of: who is about to buy reads more, so these are associations and no causes."""

from collections.abc import Sequence
from fractions import Fraction

from projections.figures.content import CONTENT
from projections.figures.deals import COUNTRY
from projections.figures.dimensions import (
    DEAL_PROFILE,
    KIND,
    OF_THE_ACCOUNT,
    OF_THE_DEALS_PERSON,
    PIPELINE,
    PRODUCT,
    PROFILE,
    STAGE,
    Dimension,
    came_by,
)
from projections.figures.figure import Figure
from projections.figures.measures import Aggregate, MeasurePart, Outcome, count, distinct, ratio
from projections.figures.reads import STAGES
from projections.figures.stages import LEFT_STAGE, OF_LEAD, RULE
from projections.figures.views import View, last_of

# Content seen at the very instant of an entry counts for that entry, and not for the next one.
assists = View(
    "content seen before a later stage was entered",
    "SELECT s.person, s.at, s.day, s.nth, s.stage, s.left_stage, s.rule, c.content, MIN(c.at) AS seen_at, s.n FROM stages AS s"
    " JOIN content_seen AS c ON c.person = s.person AND c.at <= s.at AND (s.stayed < 0 OR c.at > s.at - s.stayed)"
    " WHERE s.at <= :until AND s.is_onward = 1 GROUP BY s.person, s.at, s.day, s.nth, s.stage, s.left_stage, s.rule, c.content, s.n",
    unit=("person", "at"),
    tables=("stages", "content_seen"),
)

_DECIDED = last_of("deals", "deal", where="outcome IN ('won', 'lost')").sql
_SEEN = (
    f"SELECT d.deal, c.person, c.content, MIN(c.at) AS seen_at FROM ({_DECIDED}) AS d"
    " JOIN (SELECT DISTINCT person, deal FROM deal_people WHERE at <= :until) AS p ON p.deal = d.deal"
    " JOIN content_seen AS c ON c.person = p.person AND c.at < d.closed_at GROUP BY d.deal, c.person, c.content"
)
_OF_DEAL = "d.deal, d.at, d.day, d.nth, d.outcome, d.account, d.pipeline, d.deal_kind, d.closed_at, d.closed_on"
# A row for the deal as a whole, and one for each piece of content that somebody of it had seen: so that "has not seen" can be said of each.
decided = View(
    "decided deals, and the content seen before",
    f"SELECT {_OF_DEAL}, '' AS person, '' AS content, 0 AS seen_at, 1 AS is_whole, d.n FROM ({_DECIDED}) AS d"
    f" UNION ALL SELECT {_OF_DEAL}, s.person, s.content, s.seen_at, 0 AS is_whole, d.n FROM ({_DECIDED}) AS d"
    f" JOIN ({_SEEN}) AS s ON s.deal = d.deal",
    unit=("deal",),
    tables=("deals", "deal_people", "content_seen"),
)

SEEN_OR_NOT = Dimension(
    "content",
    "content.content",
    # The whole deal, which names none, is beside every piece of content.
    "JOIN (SELECT content AS named, content FROM contents WHERE day <= :until_on"
    " UNION SELECT '' AS named, content FROM contents WHERE day <= :until_on) AS content ON content.named = v.content",
    "piece of content: a deal is beside each, seen or not",
    many=True,
    names=CONTENT.names,
    tables=("contents", *CONTENT.tables),
)

_BY_DEAL = (SEEN_OR_NOT, PIPELINE, KIND, PRODUCT, *OF_THE_DEALS_PERSON, *OF_THE_ACCOUNT, COUNTRY, *DEAL_PROFILE)
_WHOLE, _SEEN_BEFORE, _WON = "v.is_whole = 1", "v.is_whole = 0", "v.outcome = 'won'"
_NO_CAUSE = " An association, and no cause: who is about to buy reads more."
_READS = ("content_view.content", "content_download.content", "close.outcome", "deal_opened.people")


def _win_rate_of_the_rest() -> Aggregate:
    # There is one row of a whole deal, and one of each person of it who had seen it.
    parts = (
        MeasurePart("sum", "", f"{_WHOLE} AND {_WON}"),
        MeasurePart("distinct", "deal", f"{_SEEN_BEFORE} AND {_WON}"),
        MeasurePart("sum", "", _WHOLE),
        MeasurePart("distinct", "deal", _SEEN_BEFORE),
    )

    def outcome(sums: Sequence[int]) -> Outcome:
        all_won, won_with, all_decided, with_it = sums
        won, n = all_won - won_with, all_decided - with_it
        return Outcome(Fraction(won, n) if n else None, n, won, n)

    return Aggregate(parts, outcome)


CONTENT_BEFORE = (
    Figure(
        name="content_assists",
        says="Content seen before people entered a later stage: since they entered the one before. Each piece once for each entry.",
        formula="number of (entry, piece of content seen since the entry before, up to this one)",
        unit="assists",
        source="docs/marketing.md",
        of=assists,
        by=(STAGE, CONTENT, LEFT_STAGE, RULE, *came_by("v.person"), *OF_LEAD, *PROFILE),
        measure=count(),
        reads=("content_view.content", "content_download.content", *(one for one in STAGES if not one.startswith("content_"))),
    ),
    Figure(
        name="deals_won_after_content",
        says="Deals won before whose last close one of their people had seen content. They do not add up over content.",
        formula="distinct deals won with content seen before the close",
        unit="deals",
        source="docs/marketing.md",
        of=decided,
        dated="closed",
        by=_BY_DEAL,
        measure=distinct("deal", f"{_SEEN_BEFORE} AND {_WON}"),
        reads=_READS,
    ),
    Figure(
        name="win_rate_with_content",
        says="Of the decided deals before whose last close one of their people had seen it, or any content, the share that was won."
        + _NO_CAUSE,
        formula="won / (won + lost), of deals with it, dated by the last close",
        unit="share",
        source="docs/marketing.md",
        of=decided,
        dated="closed",
        by=_BY_DEAL,
        measure=ratio(distinct("deal", f"{_SEEN_BEFORE} AND {_WON}"), distinct("deal", _SEEN_BEFORE)),
        reads=_READS,
    ),
    Figure(
        name="win_rate_without_content",
        says="Of the decided deals before whose last close nobody of them had seen it, or any content, the share that was won." + _NO_CAUSE,
        formula="won / (won + lost), of deals without it, dated by the last close",
        unit="share",
        source="docs/marketing.md",
        of=decided,
        dated="closed",
        by=_BY_DEAL,
        measure=_win_rate_of_the_rest(),
        reads=_READS,
    ),
)
