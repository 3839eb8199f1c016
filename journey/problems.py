"""What is wrong with a definition, where, and what was perhaps meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

Place = tuple[str | int, ...]
"""Where in a definition: the keys and positions that lead there, as they are written in its file."""


PROBLEMS_MAX = 1_000
"""How many are looked for in one definition: what was perhaps meant takes a millisecond to find."""


class Problem(NamedTuple):
    path: Place
    message: str


def near(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that is most like `word`, if any is."""
    folded = {known.casefold(): known for known in words}
    found = get_close_matches(word.casefold(), folded, n=1)
    return folded[found[0]] if found else None


def meant(word: str, words: Iterable[str]) -> str:
    """`; did you mean 'demo'?` where one of `words` is near."""
    found = near(word, words)
    return "" if found is None else f"; did you mean {found!r}?"
