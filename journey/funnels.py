"""Funnels: what their steps are, and what is wrong with one."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, get_args

from journey.definition import FUNNEL_STEPS_MAX, NAME_MAX, Definition, Funnel, FunnelOrder, FunnelStep, LeadIs
from journey.errors import Refused
from journey.instants import Micros
from journey.problems import Place, Problem, meant

StepKind = Literal["milestone", "conversion", "stage", "lead"]

LEAD_STEPS: Final[tuple[str, ...]] = (*get_args(LeadIs.model_fields["lead"].annotation), "breached", "expired", "withdrawn", "closed")
"""What a lead cycle comes to, as `LeadMoved.step` has it."""
_SAID: Final[dict[StepKind, str]] = {
    "milestone": "a milestone",
    "conversion": "a conversion",
    "stage": "a stage of the journey",
    "lead": "a step of leads",
}


def steps_of(definition: Definition) -> dict[StepKind, tuple[str, ...]]:
    """The names of all steps that a funnel may have."""
    return {
        "milestone": tuple(definition.milestones),
        "conversion": tuple(one.name for one in definition.attribution.conversions),
        "stage": definition.stage_names,
        "lead": LEAD_STEPS,
    }


def kinds_of(definition: Definition, step: str) -> list[StepKind]:
    """What `step` is the name of: one kind, if a funnel can have it."""
    return [kind for kind, names in steps_of(definition).items() if step in names]


def problems_of_funnel(funnel: Funnel, place: Place, definition: Definition) -> Iterator[Problem]:
    """What is wrong with a funnel that stands at `place`."""
    who, seen = f"funnel {funnel.name!r}", set()
    for index, one in enumerate(funnel.steps):
        here = (*place, "steps", index)
        kinds = kinds_of(definition, one.step)
        if not kinds:
            known = [name for names in steps_of(definition).values() for name in names]
            near = meant(one.step, known) or f"; there are {', '.join(dict.fromkeys(known))}"
            yield Problem(here, f"{who} has the step {one.step!r}, which is no milestone, conversion, stage or step of leads{near}")
        if len(kinds) > 1:
            yield Problem(
                here, f"{who} has the step {one.step!r}, which is {' and '.join(map(_SAID.__getitem__, kinds))}: rename one of them"
            )
        if one.step in seen:
            yield Problem(here, f"{who} has the step {one.step!r} twice")
        seen.add(one.step)
        if one.optional and index == 0:
            yield Problem(here, f"{who} begins with an optional step: people enter it by the first, so it can't be")
        if one.optional and funnel.order == "any":
            yield Problem(here, f"{who} is in any order, so none of its steps can be optional: whoever takes fewer has got less far")
        if one.optional and funnel.order == "strict":
            yield Problem(here, f"{who} is strict, so none of its steps can be optional: nothing may lie between two steps")
    if sum(not one.optional for one in funnel.steps) < 2:
        yield Problem((*place, "steps"), f"{who} needs two steps that are not optional")


OPTIONAL: Final = ":optional"
"""What a step ends in that may be skipped, where a funnel is written in one line."""


class AskedFunnel(NamedTuple):
    """A funnel that is asked for: by a name of the definition's, or as steps with commas in between. `within` and `order` stand in place of
    what the definition says."""

    written: str
    within: Micros | None = None
    order: FunnelOrder | None = None

    def under(self, definition: Definition) -> Funnel:
        """Raises Refused for one that has a mistake in it."""
        if self.within is not None and self.within <= 0:
            raise Refused("a funnel takes some time: --within is more than nothing")
        found = next((one for one in definition.funnels if one.name == self.written), None)
        if found is None and "," not in self.written:
            names = [one.name for one in definition.funnels]
            there = meant(self.written, names) or (f"; there are {', '.join(names)}" if names else "")
            raise Refused(f"there is no funnel {self.written!r}{there}; or write its steps, with commas in between: lead,demo,won")
        if found is None:
            found = self._of_steps()
        more = {"within": self.within or found.within, "order": self.order or found.order}
        funnel = found.model_copy(update=more)
        for problem in problems_of_funnel(funnel, (), definition):
            raise Refused(problem.message)
        return funnel

    def _of_steps(self) -> Funnel:
        names = [name.strip() for name in self.written.split(",")]
        if not 2 <= len(names) <= FUNNEL_STEPS_MAX:
            raise Refused(f"a funnel has 2 to {FUNNEL_STEPS_MAX} steps, and {self.written!r} has {len(names)}")
        if not all(0 < len(name.removesuffix(OPTIONAL)) <= NAME_MAX for name in names):
            raise Refused(f"{self.written!r} has a step without a name, or with one of more than {NAME_MAX} letters")
        steps = tuple(FunnelStep(step=name.removesuffix(OPTIONAL), optional=name.endswith(OPTIONAL)) for name in names)
        return Funnel(name=", ".join(step.step for step in steps)[:NAME_MAX], steps=steps)
