"""The table of outside names that ships, and what a definition adds to it."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from journey.errors import Refused
from journey.outside_names import OutsideName
from schemas.csv_yaml import constant, read_yaml, refused

SHIPPED = Path(__file__).parent / "definitions" / "outside_names.yaml"

_TABLE = TypeAdapter(dict[str, OutsideName])


def load_outside_names(path: Path) -> dict[str, OutsideName]:
    """A table of names in a YAML file. Raises Refused, with file and line."""
    content = read_yaml(path)
    try:
        return _TABLE.validate_python(_plain(content))
    except ValidationError as error:
        raise refused(path, content, error) from error


@cache
def shipped_names() -> Mapping[str, OutsideName]:
    return load_outside_names(SHIPPED)


def outside_names(stated: Mapping[str, Mapping[str, object]]) -> dict[str, OutsideName]:
    """The shipped names, with those of a definition in their place. Raises Refused."""
    try:
        return {**shipped_names(), **_TABLE.validate_python(stated)}
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors()]
        raise Refused(*(f"outside_names.{one}" for one in wrong)) from error


def _plain(content: object) -> object:
    match content:
        case dict():
            return {str(key): _plain(value) for key, value in content.items()}
        case list():
            return [_plain(one) for one in content]
    return constant(content)
