"""What every figure can be broken down by, or why its rows cannot: the dimensions that a company looks at its numbers by."""

from typing import Final

from projections.figures.dimensions import ACCOUNT_FIELDS, PROFILE_FIELDS
from projections.figures.figure import Figure

FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "channel": ("channel",),
    "campaign": ("campaign",),
    "content": ("content",),
    "product": ("product",),
    "owner": ("owner",),
    "team": ("team",),
    "profile": tuple(field for field in PROFILE_FIELDS if field != "country"),
    "account": tuple(field for field in ACCOUNT_FIELDS if field != "country"),
    "country": ("country",),
    "pipeline": ("pipeline",),
    "kind": ("kind",),
    "stage": ("stage",),
    "segment": ("segment",),
}
"""The names of the dimensions of each: a figure has all of them, or none."""

_PEOPLE: Final = (
    "touched",
    "first_touched",
    "sessions",
    "stages",
    "milestones",
    "orders",
    "lowered",
    "left_out",
    "segment_moves",
    "consented",
)
_LEADS: Final = ("leads", "lead_states", "scores")
_BY_CHANNEL: Final = "what people came by is kept as a channel and a campaign; content is credited with conversions, in attribution"
_IN_NO_DEAL: Final = "only deals have it, and what is won by them"
NOT_TOLD: Final = "marketing is not told of salespeople; sales' figures of leads and deals have it"
NOT_TOLD_STAGE: Final = "marketing is not told of the stage of a deal; sales' figures of deals have it"
_IN_BOTH: Final = (
    "figures of stages are the same in both read models, and marketing's does not hold salespeople; those of leads and deals have it"
)
_ABOUT_NOTHING: Final = "only deals and orders say what they are about, and so the conversions of them"
_NOBODYS: Final = "what was spent is neither a person's nor a deal's"
_SEEN: Final = ("exposed", "emailed", "social_engaged", "content_seen")
_STATED: Final = ("media_reports", "insights", "press_mentioned")
_OF_NOBODY: Final = "what platforms, providers and the press say is about nobody, and sold by nobody"
_OF_PANELS: Final = "a panel answers as a whole, and is nobody's"
_OF_ITS_PEOPLE: Final = "a deal is in no segment, its people are: figures of people and conversions have it"
_OF_ONE_CHANNEL: Final = "it is about one channel already"
_LEFT_OUT: Final = "what is excluded is looked at no further than for the reason"
_NO_PERSON: Final = {"survey_steps": _OF_PANELS, **dict.fromkeys(_STATED, _OF_NOBODY), "excluded": _LEFT_OUT}
_VOICED: Final = ("needs", "objections")
_NOT_SELLING: Final = "what people see, answer and react to is not about a deal, an order or a salesperson"
_SET_FOR: Final = "a target is set for the company, a team or an owner, and each of these has its own figure"

_REASONS: Final[dict[str, dict[str, str]]] = {
    "channel": {
        **dict.fromkeys(("emailed", "social_engaged"), _OF_ONE_CHANNEL),
        "content_seen": "content is reached in a session, and visits are by channel",
        "survey_steps": _OF_PANELS,
        **dict.fromkeys(_STATED, _OF_NOBODY),
        "excluded": _LEFT_OUT,
    },
    "campaign": {
        "spend": "sales is told what a win cost by channel, and not what campaigns cost",
        "consented": "a consent is for a purpose and a channel, whatever the campaign",
        **_NO_PERSON,
    },
    "content": {
        "exposed": "an advertisement is no piece of content",
        **dict.fromkeys(("emailed", "social_engaged", "survey_steps"), "a message, a post and a survey are no pieces of content"),
        **dict.fromkeys(_STATED, _OF_NOBODY),
        "excluded": _LEFT_OUT,
        **dict.fromkeys((*_PEOPLE, *_LEADS, "deals", "conversions"), _BY_CHANNEL),
        "spend": "a cost is stated for a campaign, and not for a piece of its content",
    },
    "product": {
        **dict.fromkeys((*_SEEN, *_VOICED, "survey_steps"), _NOT_SELLING),
        **dict.fromkeys(_STATED, _OF_NOBODY),
        "excluded": _LEFT_OUT,
        "paths": "a conversion is credited as one, and a deal or an order may be about several products",
        **dict.fromkeys((*_PEOPLE, *_LEADS), _ABOUT_NOTHING),
        "left_out": "much of it has no order, and so nothing that says what it is about",
        "spend": _NOBODYS,
    },
    "owner": {
        **dict.fromkeys((*_SEEN, *_VOICED, "survey_steps"), _NOT_SELLING),
        **dict.fromkeys(_STATED, _OF_NOBODY),
        "excluded": _LEFT_OUT,
        "spend": _NOBODYS,
        **dict.fromkeys((*_PEOPLE, "leads", "lead_states", "deals", "conversions", "paths"), NOT_TOLD),
        "stages": _IN_BOTH,
    },
    "team": {"spend": _NOBODYS, **dict.fromkeys(("deals", "conversions", "paths"), NOT_TOLD), **_NO_PERSON},
    **{
        name: {
            **dict.fromkeys((*_PEOPLE, *_LEADS), _IN_NO_DEAL),
            "spend": _NOBODYS,
            **dict.fromkeys((*_SEEN, *_VOICED, "survey_steps"), _NOT_SELLING),
            **dict.fromkeys(_STATED, _OF_NOBODY),
            "excluded": _LEFT_OUT,
        }
        for name in ("pipeline", "kind")
    },
    **{name: {"spend": _NOBODYS, **_NO_PERSON} for name in ("profile", "account", "country")},
    "stage": {"spend": _NOBODYS, **_NO_PERSON, "deals": NOT_TOLD_STAGE},
    "segment": {
        "paths": "a conversion is credited as one, and a person may be in several segments",
        "deals": _OF_ITS_PEOPLE,
        "spend": _NOBODYS,
        **_NO_PERSON,
    },
}
"""By family, for each table that a figure's rows may be made of: the first that they are."""


def has(figure: Figure, family: str) -> bool:
    """Whether it has the dimensions of `family`; of a deal its account's country goes by that name."""
    return all(name in figure.dimensions for name in FAMILIES[family])


def lacking(figure: Figure) -> dict[str, str]:
    """The families that `figure` does not have, each with the reason; "" where nobody has said one."""
    reasons = {}
    for family in FAMILIES:
        if not has(figure, family):
            said = {"targets": _SET_FOR, **_REASONS.get(family, {})}
            found = [reason for table, reason in said.items() if table in figure.of.tables]
            reasons[family] = found[0] if found else ""
    return reasons
