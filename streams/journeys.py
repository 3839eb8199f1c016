"""Journeys as bytes, to be kept beside the histories: a cache of the fold, never the truth."""

from pydantic import TypeAdapter

from journey.deal import DealJourney
from journey.dimension import DimensionJourney
from journey.histories import is_person
from journey.identity import LinkSummary
from journey.person import PersonJourney

Journey = PersonJourney | DealJourney | DimensionJourney

NEAR = "links:"
"""What the links of an id come to is kept like a journey, under this and the id; no subject is written so."""

_near = TypeAdapter(LinkSummary)
_person = TypeAdapter(PersonJourney)
_deal = TypeAdapter(DealJourney)


def dump(journey: Journey) -> bytes:
    """`journey` as JSON. A dimension is not kept: its history is short, and derived when it is asked for."""
    match journey:
        case PersonJourney():
            return _person.dump_json(journey)
        case DealJourney():
            return _deal.dump_json(journey)
        case DimensionJourney():
            return b""


def load(subject: str, kept: bytes) -> PersonJourney | DealJourney:
    """What `dump` made."""
    return _person.validate_json(kept) if is_person(subject) else _deal.validate_json(kept)


def dump_near(near: LinkSummary) -> bytes:
    return _near.dump_json(near)


def load_near(kept: bytes) -> LinkSummary:
    """What `dump_near` made."""
    return _near.validate_json(kept)
