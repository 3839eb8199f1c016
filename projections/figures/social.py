"""Social networks: what people do there with what is ours."""

from projections.figures.dimensions import CAMPAIGN, LEAD_TEAM, PERSON_STAGE, PROFILE, Dimension
from projections.figures.figure import Figure
from projections.figures.measures import count, distinct, mean
from projections.figures.views import as_of

reactions = as_of("social_engaged", unit=("person", "at"), name="reactions")

NETWORK = Dimension("network", "v.network", says="social network")
ACTION = Dimension("action", "v.action", says="like, comment, share, follow or reply")
POST = Dimension("post", "v.post", says="post")

_BY = (NETWORK, ACTION, POST, CAMPAIGN, LEAD_TEAM, *PROFILE, PERSON_STAGE)
_REACTED = ("social_engagement.network", "social_engagement.action")

SOCIAL = (
    Figure(
        name="social_reactions",
        says="Reactions of people on social networks to something of ours.",
        formula="number of social_engagement touchpoints",
        unit="reactions",
        source="vocabulary: social_engagement",
        of=reactions,
        by=_BY,
        measure=count(),
        reads=_REACTED,
    ),
    Figure(
        name="social_people",
        says="Distinct people who reacted. They do not add up over networks, campaigns or periods.",
        formula="distinct people",
        unit="people",
        source="vocabulary: social_engagement",
        of=reactions,
        by=_BY,
        measure=distinct("person"),
        reads=_REACTED,
    ),
    Figure(
        name="social_sentiment",
        says="Sentiment of the reactions that state one, on average, on the scale of the sender's tool.",
        formula="sum of sentiment / number of reactions with one",
        unit="ratio",
        source="as the sender's tool rates it",
        of=reactions,
        by=_BY,
        measure=mean("sentiment_millionths", 10**6, "v.sentiment <> ''"),
        reads=("social_engagement.sentiment",),
    ),
)
