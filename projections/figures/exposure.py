"""Exposure: advertisements that were shown to people; and apart from it, what platforms state."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, LEAD_TEAM, PERSON_STAGE, PROFILE, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import Aggregate, as_stated, count, distinct, ratio, ratio_of_one, total
from projections.figures.views import View, as_of

exposed = as_of("exposed", unit=("person", "at"))
_WHICH = ("provider", "channel", "campaign", "ad", "query", "start_on", "end_on")
# No name holds what stands between them.
_REPORT = " || '\x1f' || ".join(_WHICH)
reported = View(
    "reports of platforms",
    "SELECT start_on, end_on, end_on AS day, provider, channel, campaign, ad, query, is_brand, impressions, clicks, reach, engagements,"
    f" followers, {_REPORT} AS report, n FROM media_reports WHERE end_on <= :until_on",
    unit=_WHICH,
    tables=("media_reports",),
    grain="day",
)

AD = Dimension("ad", "v.ad", says="advertisement")
PLACEMENT = Dimension("placement", "v.placement", says="where it was shown")
PROVIDER = Dimension("provider", "v.provider", says="platform")
QUERY = Dimension("query", "v.query", says="search query")
SPAN = Dimension("span", "v.start_on || ' to ' || v.end_on", says="the first and last day that the platform's report is of")

_BY = (CHANNEL, CAMPAIGN, AD, PLACEMENT, LEAD_TEAM, *PROFILE, PERSON_STAGE)
_BY_REPORT = (PROVIDER, CHANNEL, CAMPAIGN, AD, QUERY, SPAN)
_SHOWN = ("ad_impression", "*.channel", "*.campaign")
_SEARCHED = "v.query <> '' AND v.impressions >= 0"
_REACHED = "v.reach > 0 AND v.engagements >= 0"
_CLICKED, _ENGAGED = "v.impressions > 0 AND v.clicks >= 0", "v.impressions > 0 AND v.engagements >= 0"

EXPOSURE = (
    Figure(
        name="impressions",
        says="Advertisements shown to people, without those that could not be seen (viewable: false).",
        formula="number of ad_impression touchpoints",
        unit="impressions",
        source="docs/marketing.md",
        of=exposed,
        by=_BY,
        measure=count(),
        reads=_SHOWN,
    ),
    Figure(
        name="reach",
        says="Distinct people to whom an advertisement was shown. They do not add up over channels, campaigns or periods.",
        formula="distinct people",
        unit="people",
        source="docs/marketing.md",
        of=exposed,
        by=_BY,
        measure=distinct("person"),
        reads=_SHOWN,
    ),
    Figure(
        name="frequency",
        says="How often advertisements were shown to a person who was reached, on average.",
        formula="impressions / reach",
        unit="ratio",
        source="docs/marketing.md",
        of=exposed,
        by=_BY,
        measure=ratio(count(), distinct("person")),
        reads=_SHOWN,
    ),
)


def _stated(name: str, says: str, formula: str, unit: str, measure: Aggregate, *reads: str) -> Figure:
    return Figure(
        name=name, says=says, formula=formula, unit=unit, source="as stated by the platform", of=reported, by=_BY_REPORT, measure=measure,
        reads=tuple(f"media_reported.{field}" for field in reads),
    )  # fmt: skip


STATED = (
    _stated(
        "stated_impressions",
        "Impressions as platforms state them, dated by the last day of each report. They are no part of our impressions.",
        "sum of media_reported.impressions", "impressions", total("impressions", "v.impressions >= 0"), "impressions",
    ),
    _stated(
        "stated_clicks", "Clicks as platforms state them, dated by the last day of each report. They are no part of our touchpoints.",
        "sum of media_reported.clicks", "clicks", total("clicks", "v.clicks >= 0"), "clicks",
    ),
    _stated(
        "stated_click_rate", "Clicks by impressions, both as platforms state them, of the reports that state both.",
        "stated clicks / stated impressions", "rate", ratio(total("clicks", _CLICKED), total("impressions", _CLICKED)),
        "clicks", "impressions",
    ),
    _stated(
        "stated_reach",
        "Reach as a platform states it. It does not add up over platforms, campaigns or periods: of several reports there is no number.",
        "media_reported.reach of the one report that there is", "people", as_stated("reach", "v.reach >= 0"), "reach",
    ),
    _stated(
        "stated_engagement_rate", "Reactions by impressions, both as platforms state them, of the reports that state both.",
        "stated engagements / stated impressions", "rate", ratio(total("engagements", _ENGAGED), total("impressions", _ENGAGED)),
        "engagements", "impressions",
    ),
    _stated(
        "stated_followers", "Followers as a platform states them. Of several reports there is no number.",
        "media_reported.followers of the one report that there is", "people", as_stated("followers", "v.followers >= 0"), "followers",
    ),
    _stated(
        "stated_engagement_by_reach",
        "Reactions by people reached, both as a platform states them. Reach does not add up: of several reports there is no number.",
        "media_reported.engagements / media_reported.reach of the one report that there is", "rate",
        ratio_of_one("report", total("engagements", _REACHED), total("reach", _REACHED)), "engagements", "reach",
    ),
    _stated(
        "branded_search_share",
        "Of the impressions that platforms state by search query, the share of queries with a brand term of the definition.",
        "stated impressions of branded queries / stated impressions of queries", "share",
        ratio(total("impressions", f"{_SEARCHED} AND v.is_brand = 1"), total("impressions", _SEARCHED)), "query", "impressions",
    ),
)  # fmt: skip
