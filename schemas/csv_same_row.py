"""Whether a row of a file is the one that could not be read before, put right. Exports have the same name every month, so that it stands
at the same line says nothing by itself.
"""

import re

from schemas.csv_map import CsvRows

LEFT_MIN = 0.5
"""How much of a row that can't be compared cell by cell has to be left of it, where it was cut off."""

_WORDS = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
"""Letters of any script, in UTF-8, and digits."""


def is_same_row(rows: CsvRows, before: bytes, now: bytes, *, is_tied: bool, is_timed: bool) -> bool:
    """Whether `now`, a row that can be read, is the row `before`, which could not be. In doubt it is another.

    It is the same in each cell that could be read, and `is_tied`: it shares what another month's row does not, its time, the id that
    it states, or a row beside it. A row without cells of its own (a quote that is not closed, a delimiter too many) is the same where
    all its letters and digits are, in order, and its time is among them (`is_timed`) or it is tied. Where it is tied it may be cut off.
    """
    same = rows.agree(before, now)
    if same is not None:
        return same and is_tied
    words, words_now = _WORDS.findall(before), _WORDS.findall(now)
    if not words or words == words_now:
        return bool(words) and (is_tied or is_timed)
    rest = iter(words_now)
    return is_tied and len(words) >= LEFT_MIN * len(words_now) and all(word in rest for word in words)
