"""A person's sessions, and the channels and campaigns that the person has come by: what the fold keeps of them, and what they assert.

A session is not cut at midnight, by another campaign or by what the sender calls a session. It makes two facts at most: one where it
starts, one where it becomes engaged.
"""

from typing import NamedTuple

from journey.facts import FirstTouched
from journey.instants import SECOND, Instant, Micros
from journey.touchpoints import Data, PageEngaged, PageView

ENGAGING_VIEWS = 2
"""So many views make a session engaged."""

ORIGINS_KEPT_MAX = 1_000
"""Channels of a person, and campaigns, that are kept as seen. Beyond that no other is called the person's first: who comes by a thousand
campaigns is missing among the people of the next one."""


class Session(NamedTuple):
    """The session that a person is in or, where none goes on, was in last."""

    number: int = 0
    """Of the person's, from 1; 0: there was none yet."""
    started_at: Instant = 0
    channel: str = ""
    campaign: str = ""
    views: int = 0
    """These, and the time, are counted until it is engaged."""
    engaged: Micros = 0
    """The time in the foreground, each time in whole microseconds, so that ten times 0.1 s is one second."""
    is_engaged: bool = False

    def after(self, data: Data, *, engaged_seconds: int) -> "Session":
        """The session after one more touchpoint of it."""
        match data:
            case PageView():
                views = self.views + 1
                return self._replace(views=views, is_engaged=views >= ENGAGING_VIEWS)
            case PageEngaged(seconds=seconds):
                engaged = self.engaged + round(seconds * SECOND)
                return self._replace(engaged=engaged, is_engaged=engaged >= engaged_seconds * SECOND)
            case _:
                return self


class Origins(NamedTuple):
    """The channels and the campaigns that a person has been seen in; none is a campaign too, and campaigns are case-folded."""

    channels: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()

    def has(self, channel: str, campaign: str) -> bool:
        return channel in self.channels and (campaign in self.campaigns or campaign.casefold() in self.campaigns)

    def after(self, person: str, at: Instant, day: str, channel: str, campaign: str) -> tuple["Origins", FirstTouched | None]:
        """With this channel and campaign; and the fact that it is a first time, where it is one."""
        (channels, campaigns), folded = self, campaign.casefold()
        is_channel = channel not in channels and len(channels) < ORIGINS_KEPT_MAX
        is_campaign = folded not in campaigns and len(campaigns) < ORIGINS_KEPT_MAX
        if not is_channel and not is_campaign:
            return self, None
        origins = Origins((*channels, channel) if is_channel else channels, (*campaigns, folded) if is_campaign else campaigns)
        return origins, FirstTouched(person, at, day, channel, campaign, int(not channels), int(is_channel), int(is_campaign))
