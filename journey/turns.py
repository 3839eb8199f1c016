"""What a deal's touchpoints say of its outcome, and which of it counts: the deal's turns. A function of the set of them.

Senders restate: a CRM exports today's state every night, a rep corrects a date, a stage says what a close says as well. So what is said
is read in the order in which it was said, by `stated_at` where a close has one, and what is said last holds:

- what says nothing new counts nowhere;
- what is said later and dated at or before something takes that back;
- a close that says when it was stated replaces every closing said before it, back to the reopening before; one that does not, only the
  closing that a stage of the same outcome made just before it.

A close that does not count is as never sent, except for who takes part; so is an opening that repeats the one before it, and a refund
that was sent again. Anything else that does not turn the deal still changes its fields.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import NamedTuple

from journey.channels import excluded
from journey.definition import Definition
from journey.instants import Instant
from journey.orders import NEVER_SENT, Version, again, replaces, version_of
from journey.touchpoints import (
    Close,
    DealOpened,
    DealReopened,
    DealUpdated,
    Key,
    Order,
    Refund,
    Touchpoint,
    field_names,
    stated_at,
)

WORD_BYTES = 16

Turns = Mapping[Key, str]
"""What touchpoints do to the deals that they are about, where they do anything: the outcome that the deal comes to, or NEVER_SENT."""

SaidAt = tuple[Instant, bool, str, str, str]


class StatedOutcome(NamedTuple):
    """An outcome that a touchpoint says of its deal. `said` is its place in the order in which things were said: at one instant stages
    come before explicit words."""

    said: SaidAt
    at: Instant
    outcome: str
    how: str
    """stage, plain, or stated: by a close that says when it was stated."""
    word: str
    """Of a stated close: all that it says, but for when it says so."""
    key: Key


@dataclass(frozen=True, slots=True)
class TurnsState:
    """What has to be remembered of all that was said, so that the fold can go on without reading it again."""

    last: Order | None = None
    """The place of the last touchpoint of the deal."""
    pipeline: str = ""
    opening: Order | None = None
    """The place of the last opening, and what it says."""
    opening_word: str = ""
    said: SaidAt | None = None
    """The last in the order in which things were said."""
    standing: str = "open"
    """The outcome as it was said last."""
    word: str = ""
    """Of the last news."""
    turned_at: Instant | None = None
    turned_how: str = ""
    outcome: str = "open"
    """The outcome by the last turn."""
    refunds: dict[str, Version] = field(default_factory=dict)
    """Refunds by their ids, each with the version that counts."""


def says(definition: Definition, touch: Touchpoint, before: TurnsState) -> StatedOutcome | None:
    """What `touch` says of the outcome of its deal, given what came before it in order."""
    data, at, how, said, word = touch.data, touch.occurred_at, "plain", touch.occurred_at, ""
    outcome: str
    match data:
        case Close():
            outcome = data.outcome
            stated = stated_at(data)
            if stated is not None:
                how, said, word = "stated", stated, f"{at} {_words(touch)}"
        case DealReopened():
            outcome = "open"
        case DealOpened() | DealUpdated() if data.stage is not None:
            pipeline = data.pipeline if isinstance(data, DealOpened) else before.pipeline
            how, outcome = "stage", data.stage_outcome or definition.stage_outcomes.get((pipeline, data.stage)) or ""
            # An export opens a deal at its creation with the stage of today: no opening closes, and the first changes nothing.
            if isinstance(data, DealOpened) and (before.opening is None or outcome != "open"):
                return None
        case _:
            return None
    if not outcome:
        return None
    return StatedOutcome((said, how != "stage", touch.source, touch.id, touch.subject), at, outcome, how, word, touch.key)


def turns(definition: Definition, history: Sequence[Touchpoint]) -> tuple[dict[Key, str], TurnsState]:
    """The turns of a deal whose history, in order, this is; and what is to be known of it from here on."""
    heard, found, spoken = TurnsState(), dict[Key, str](), list[StatedOutcome]()
    for touch in history:
        if excluded(definition, touch.about):
            heard = replace(heard, last=touch.order)
            continue
        one = says(definition, touch, heard)
        if one is not None:
            spoken.append(one)
        heard, is_repeated = _opened(heard, touch)
        heard = replace(heard, last=touch.order)
        if is_repeated or isinstance(touch.data, Close):
            found[touch.key] = NEVER_SENT  # A close, until it is seen to count.
    spoken.sort()
    news = _news(spoken)
    counting = _counting(news)
    found |= {one.key: one.outcome for one in counting}
    refunds = [touch for touch in history if isinstance(touch.data, Refund) and not excluded(definition, touch.about)]
    found |= dict.fromkeys((touch.key for touch in again(refunds, refund_key)), NEVER_SENT)
    if news:
        heard = replace(heard, said=spoken[-1].said, standing=news[-1].outcome, word=news[-1].word)
    elif spoken:
        heard = replace(heard, said=spoken[-1].said)
    if counting:
        heard = replace(heard, turned_at=counting[-1].at, turned_how=counting[-1].how, outcome=counting[-1].outcome)
    known = {key: version_of(touch) for touch in refunds if touch.key not in found and (key := refund_key(touch)) is not None}
    return found, replace(heard, refunds=known)


def _news(spoken: Iterable[StatedOutcome]) -> list[StatedOutcome]:
    """What of it was new when it was said."""
    standing, word, new = "open", "", list[StatedOutcome]()
    for one in spoken:
        if not _is_news(one, standing, word):
            continue
        standing, word = one.outcome, one.word
        new.append(one)
    return new


def _is_news(one: StatedOutcome, standing: str, word: str) -> bool:
    """Not so: a stage that says what is said already, a reopening of what is open, a close restated as it stood."""
    if one.how == "stage":
        return not _agrees(one.outcome, standing)
    if one.how == "stated" and one.word == word:
        return False
    return not one.outcome == standing == "open"


def _counting(news: Sequence[StatedOutcome]) -> list[StatedOutcome]:
    """What counts of the news: read backwards, from what was said last."""
    kept: list[StatedOutcome] = []
    is_replacing = False
    for one in reversed(news):
        later = kept[-1] if kept else None
        if later is not None and one.at >= later.at:
            continue  # Taken back.
        if one.outcome == "open":
            is_replacing = False
        elif is_replacing or (later is not None and _is_made_explicit(one, later)):
            continue
        else:
            is_replacing = one.how == "stated"
        kept.append(one)
    # What stood between two that are left may be gone: the latter of them may be no news any more.
    standing, counting = "open", list[StatedOutcome]()
    for one in reversed(kept):
        if one.outcome == standing == "open" or (one.how == "stage" and _agrees(one.outcome, standing)):
            continue
        standing = one.outcome
        counting.append(one)
    return counting


def _is_made_explicit(one: StatedOutcome, later: StatedOutcome) -> bool:
    """Whether `one` is the closing that a stage made, which `later` states in so many words."""
    return one.how == "stage" and later.how != "stage" and later.outcome != "open" and _agrees(one.outcome, later.outcome)


def _agrees(stage_outcome: str, standing: str) -> bool:
    return stage_outcome == standing or (stage_outcome, standing) == ("lost", "abandoned")


def _opened(heard: TurnsState, touch: Touchpoint) -> tuple[TurnsState, bool]:
    """`heard` after `touch` if that is an opening; and whether it says, at the same instant, just what the one before it said."""
    data = touch.data
    if not isinstance(data, DealOpened):
        return heard, False
    words = _words(touch)
    is_repeated = heard.opening is not None and heard.opening[0] == touch.occurred_at and heard.opening_word == words
    return replace(heard, opening=touch.order, opening_word=words, pipeline=data.pipeline), is_repeated


def onward(definition: Definition, heard: TurnsState, touches: Iterable[Touchpoint]) -> tuple[TurnsState, dict[Key, str]] | None:
    """`heard` after `touches`, in order, and their turns. None where what was said before may count otherwise now: then the deal is to be
    derived from its history, and all who take part in it."""
    found, spoken, late = dict[Key, str](), list[StatedOutcome](), set[Key]()
    for touch in touches:
        if heard.last is not None and touch.order <= heard.last:
            late.add(touch.key)
            told = _said_late(definition, heard, touch)
        else:
            told = _said_next(definition, replace(heard, last=touch.order), touch)
        if told is None:
            return None
        heard, silent, one = told
        if silent:
            found[touch.key] = NEVER_SENT  # A close, until it is seen to count.
        if one is not None:
            spoken.append(one)
    # An export says a stage and a close that is dated back at once, so that the one said first may come last.
    for one in sorted(spoken):
        if heard.said is not None and one.said <= heard.said:
            return None
        heard = replace(heard, said=one.said)
        if not _is_news(one, heard.standing, heard.word):
            continue
        if one.key in late or not _only_adds(heard, one):
            return None
        heard = replace(heard, standing=one.outcome, word=one.word, turned_at=one.at, turned_how=one.how, outcome=one.outcome)
        found[one.key] = one.outcome
    return heard, found


_Told = tuple[TurnsState, bool, StatedOutcome | None]
"""What is heard after a touchpoint, whether it counts nowhere, and what it says of the outcome."""


def _said_next(definition: Definition, heard: TurnsState, touch: Touchpoint) -> _Told | None:
    if excluded(definition, touch.about):
        return heard, False, None
    if isinstance(touch.data, Refund):
        return _refunded(heard, touch)
    one = says(definition, touch, heard)
    after, is_repeated = _opened(heard, touch)
    return after, is_repeated or isinstance(touch.data, Close), one


def _said_late(definition: Definition, heard: TurnsState, touch: Touchpoint) -> _Told | None:
    """What comes late may be no news where it is a close restated, or an opening that repeats the last one."""
    data = touch.data
    if excluded(definition, touch.about):
        return None
    one = says(definition, touch, heard)
    if isinstance(data, Close):
        return (heard, True, one) if one is not None and one.how == "stated" else None
    if isinstance(data, DealOpened) and heard.opening is not None and touch.order > heard.opening:
        after, is_repeated = _opened(heard, touch)
        if is_repeated and one is None:
            return after, True, None
    return None


def _only_adds(heard: TurnsState, one: StatedOutcome) -> bool:
    """Whether news that was said last leaves all turns before it as they are."""
    if heard.standing != heard.outcome or (heard.turned_at is not None and one.at <= heard.turned_at):
        return False
    is_closed_again = one.outcome != "open" and heard.outcome != "open"
    is_made_explicit = one.how == "plain" and heard.turned_how == "stage" and _agrees(heard.outcome, one.outcome)
    return not (is_closed_again and (one.how == "stated" or is_made_explicit))


def _refunded(heard: TurnsState, touch: Touchpoint) -> _Told | None:
    key, version = refund_key(touch), version_of(touch)
    if key is None:
        return heard, False, None
    if key in heard.refunds:
        return None if replaces(version, heard.refunds[key]) else (heard, True, None)
    return replace(heard, refunds={**heard.refunds, key: version}), False, None


def _words(touch: Touchpoint) -> str:
    """What stands for all that `touch` says, but for when it says so."""
    said = repr([(name, touch.says(name)) for name in field_names(type(touch.data)).values() if name != "stated_at"])
    return blake2b(said.encode(), digest_size=WORD_BYTES).hexdigest()


def refund_key(touch: Touchpoint) -> str | None:
    """The id of a refund; None where it has none, and counts by itself."""
    return touch.data.refund if isinstance(touch.data, Refund) else None
