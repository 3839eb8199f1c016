"""What became of older types and versions: steps that each turn the data of one into the data of the next.

Bodies are stored as they were sent, so a step that is added later reaches the oldest of them. A step leaves the data it is given as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any

Upcaster = Callable[[str, int, dict[str, Any]], tuple[str, int, dict[str, Any]]]
Upcasters = Mapping[tuple[str, int], Upcaster]

STEPS_MAX = 16


def _rated_is_answered(type_name: str, version: int, data: dict[str, Any]) -> tuple[str, int, dict[str, Any]]:
    """A rating is an answer: two homes for one score would never agree."""
    return "survey_answered", 1, {**data, "kind": "csat"}


UPCASTERS: Upcasters = {("satisfaction_rated", 1): _rated_is_answered}


def upcast(type_name: str, version: int, data: dict[str, Any], steps: Upcasters = UPCASTERS) -> tuple[str, int, dict[str, Any]]:
    """The type, version and data of today."""
    for _ in range(STEPS_MAX):
        step = steps.get((type_name, version))
        if step is None:
            return type_name, version, data
        type_name, version, data = step(type_name, version, data)
    raise RuntimeError(f"the upcasters of {type_name!r} do not end within {STEPS_MAX} steps")


def version_of(type_name: str, steps: Upcasters = UPCASTERS) -> int:
    """Today's version of a type: the one after the last that has a step."""
    return max((version for name, version in steps if name == type_name), default=0) + 1
