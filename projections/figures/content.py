"""Content: what people read, watch and download."""

from projections.figures.dimensions import CAMPAIGN, LEAD_TEAM, PERSON_STAGE, PROFILE, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, quantiles, ratio
from projections.figures.views import as_of, last_of

seen = as_of("content_seen", unit=("person", "content", "at"), name="content seen")

_TITLES = last_of("described", "subject", "field", where="field = 'title' AND SUBSTR(subject, 1, 8) = 'content:'")
CONTENT = Dimension(
    "content",
    "v.content",
    says="piece of content",
    names=f"SELECT SUBSTR(c.subject, 9), c.value FROM ({_TITLES.sql}) AS c",
    tables=("described",),
)

_BY = (CONTENT, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE)
VIEWED = "v.step = 'viewed'"
_KNOWN = f"{VIEWED} AND v.progress_millionths >= 0"
_SEEN = ("content_view.content", "content_download.content")

CONTENTS = (
    Figure(
        name="content_views",
        says="How often content was read, watched or listened to.",
        formula="number of content_view touchpoints",
        unit="views",
        source="vocabulary: content_view",
        of=seen,
        by=_BY,
        measure=count(VIEWED),
        reads=("content_view.content",),
    ),
    Figure(
        name="content_downloads",
        says="How often content was downloaded.",
        formula="number of content_download touchpoints",
        unit="downloads",
        source="vocabulary: content_download",
        of=seen,
        by=_BY,
        measure=count("v.step = 'downloaded'"),
        reads=("content_download.content",),
    ),
    Figure(
        name="content_people",
        says="Distinct people who read, watched or downloaded content. They do not add up over content, campaigns or periods.",
        formula="distinct people",
        unit="people",
        source="vocabulary: content_view, content_download",
        of=seen,
        by=_BY,
        measure=distinct("person"),
        reads=_SEEN,
    ),
    Figure(
        name="content_completion",
        says="Of the views that say how far they came, the share that came to the end.",
        formula="views with all of it / views that state their progress",
        unit="share",
        source="vocabulary: content_view",
        of=seen,
        by=_BY,
        measure=ratio(count(f"{VIEWED} AND v.progress_millionths >= 1000000"), count(_KNOWN)),
        reads=("content_view.progress",),
    ),
    Figure(
        name="time_on_content",
        says="How long a view lasted, of those that say so.",
        formula="median and 90 % quantile (type 7) of the time of a view",
        unit="duration",
        source="vocabulary: content_view",
        of=seen,
        by=_BY,
        measure=quantiles("took", "1/2", "9/10", where=f"{VIEWED} AND v.took >= 0"),
        reads=("content_view.seconds",),
    ),
)
