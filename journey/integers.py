"""Whole numbers as JSON carries them: exact at any size, whoever reads."""

from typing import Any

INTEGER_MAX = 2**53
"""Up to here a number in JSON is exact in every reader, also one that has no numbers but floats, as JavaScript."""


def plain(number: int) -> int | str:
    """`number` for JSON: beyond ±2^53 as decimal text."""
    return number if -INTEGER_MAX <= number <= INTEGER_MAX else str(number)


def all_plain(value: Any) -> Any:
    """`value` with every whole number in it `plain`: lists, tuples and objects at any depth."""
    match value:
        case bool():
            return value
        case int():
            return plain(value)
        case dict():
            return {name: all_plain(part) for name, part in value.items()}
        case list() | tuple():
            return [all_plain(part) for part in value]
        case _:
            return value
