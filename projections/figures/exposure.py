"""Exposure: advertisements that were shown to people; and apart from it, what platforms say of themselves."""

from projections.figures.dimensions import CAMPAIGN, CHANNEL, LEAD_TEAM, PERSON_STAGE, PROFILE, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import as_stated, count, distinct, ratio, total
from projections.figures.views import View, as_of

exposed = as_of("exposed", unit=("person", "at"))
reported = View(
    "reports of platforms",
    "SELECT start_on, end_on, end_on AS day, provider, channel, campaign, ad, query, impressions, clicks, reach, engagements, followers, n"
    " FROM media_reports WHERE end_on <= :until_on",
    unit=("provider", "channel", "campaign", "ad", "query", "start_on", "end_on"),
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
_CLICKED, _ENGAGED = "v.impressions > 0 AND v.clicks >= 0", "v.impressions > 0 AND v.engagements >= 0"

EXPOSURE = (
    Figure(
        name="impressions",
        says="Advertisements shown to people, without those that could not be seen (viewable: false).",
        formula="number of ad_impression touchpoints",
        unit="impressions",
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
        of=exposed,
        by=_BY,
        measure=ratio(count(), distinct("person")),
        reads=_SHOWN,
    ),
)
STATED = (
    Figure(
        name="stated_impressions",
        says="Impressions as platforms state them, dated by the last day of each report. They are no part of our impressions.",
        formula="sum of media_reported.impressions",
        unit="impressions",
        source="as stated by the platform",
        of=reported,
        by=_BY_REPORT,
        measure=total("impressions", "v.impressions >= 0"),
        reads=("media_reported.impressions",),
    ),
    Figure(
        name="stated_clicks",
        says="Clicks as platforms state them, dated by the last day of each report. They are no part of our touchpoints.",
        formula="sum of media_reported.clicks",
        unit="clicks",
        source="as stated by the platform",
        of=reported,
        by=_BY_REPORT,
        measure=total("clicks", "v.clicks >= 0"),
        reads=("media_reported.clicks",),
    ),
    Figure(
        name="stated_click_rate",
        says="Clicks of impressions, both as platforms state them, of the reports that state both.",
        formula="stated clicks / stated impressions",
        unit="rate",
        source="as stated by the platform",
        of=reported,
        by=_BY_REPORT,
        measure=ratio(total("clicks", _CLICKED), total("impressions", _CLICKED)),
        reads=("media_reported.clicks", "media_reported.impressions"),
    ),
    Figure(
        name="stated_reach",
        says="Reach as a platform states it. It adds up over neither platforms, campaigns nor periods: of more than one report there is"
        " no number.",
        formula="media_reported.reach of the one report that there is",
        unit="people",
        source="as stated by the platform",
        of=reported,
        by=_BY_REPORT,
        measure=as_stated("reach", "v.reach >= 0"),
        reads=("media_reported.reach",),
    ),
    Figure(
        name="stated_engagement_rate",
        says="Reactions of impressions, both as platforms state them, of the reports that state both.",
        formula="stated engagements / stated impressions",
        unit="rate",
        source="as stated by the platform",
        of=reported,
        by=_BY_REPORT,
        measure=ratio(total("engagements", _ENGAGED), total("impressions", _ENGAGED)),
        reads=("media_reported.engagements", "media_reported.impressions"),
    ),
    Figure(
        name="stated_followers",
        says="Followers as a platform states them. Of more than one report there is no number.",
        formula="media_reported.followers of the one report that there is",
        unit="people",
        source="as stated by the platform",
        of=reported,
        by=_BY_REPORT,
        measure=as_stated("followers", "v.followers >= 0"),
        reads=("media_reported.followers",),
    ),
)
