"""Says what a definition lacks that the one that ships has, such as one that was stored by an older version."""

from collections.abc import Iterable, Sequence

from journey.definition import UNUSED, Definition, lacking
from projections.figures.sections import FIGURES
from schemas.definition_files import default_definition

_OF_DEFINITION = "definition: "
"""What the `source` of a figure begins with that settings of the definition decide."""


def lacks(definition: Definition) -> list[str]:
    """The settings that it says nothing in, and the definition that ships does."""
    return [path for path in lacking(definition, default_definition()) if path not in UNUSED]


def lacks_for(figures: Iterable[str], definition: Definition) -> list[str]:
    """Those of them that decide figures of these names."""
    sources = [FIGURES[name].source for name in figures]
    of = [path for one in sources if one.startswith(_OF_DEFINITION) for path in one.removeprefix(_OF_DEFINITION).split(", ")]
    return [path for path in lacks(definition) if any(f"{path}.".startswith(f"{one}.") for one in of)]


def cure(settings: Sequence[str], which: str = "the definition in use") -> str:
    """How to take up `settings` of the definition that ships."""
    return (
        f"{which} says nothing of {', '.join(settings)}, and the one that ships with this version does: `journey definition show --default`"
        " prints that one, to copy from or to take up as a whole, with `journey definition use FILE --reason WHY`"
    )
