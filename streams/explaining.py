"""Why a person is where it is, derived when asked: see `journey.explain`, which this looks up the history for."""

from dataclasses import dataclass

from journey.definition import Definition
from journey.errors import NotThere, Refused
from journey.explain import LEAD_STEPS, Evidence, Explanation, evidence, explain
from journey.histories import is_person, is_subject
from journey.instants import Instant, iso
from streams.lookup import links, looked_up
from streams.ports import Bodies


@dataclass(frozen=True, slots=True)
class Explained:
    """`ties` are the links that make the ids one person."""

    subject: str
    ids: tuple[str, ...]
    definition: str
    position: int
    until: str
    ties: tuple[Evidence, ...]
    reasons: Explanation


async def explained(definition: Definition, histories: Bodies, subject: str, until: Instant, stage: str = "") -> Explained:
    """The reasons of the person that `subject` is an id of, up to `until`. Raises Refused where there can be none."""
    if stage and stage not in definition.stage_names and stage not in LEAD_STEPS:
        stages = ", ".join(definition.stage_names)
        raise Refused(f"there is no stage {stage!r} in the definition; it has {stages}; and leads are {' and '.join(LEAD_STEPS)}")
    if is_subject(subject) and not is_person(subject):
        raise NotThere(f"{subject!r} is no person, and only persons are at stages; `journey timeline {subject}` tells its story")
    world, one, history, turns = await looked_up(definition, histories, subject)
    tying = links(world, one)
    return Explained(
        subject=one.name,
        ids=one.ids,
        definition=definition.fingerprint,
        position=await histories.position(),
        until=iso(until),
        ties=tuple(evidence(link) for link in tying),
        reasons=explain(definition, one, history, turns, tying, until, stage),
    )
