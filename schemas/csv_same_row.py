"""Whether a row of a file is the one that could not be read before, put right. Exports have the same name every month, so that it stands
at the same line says nothing by itself.
"""

import re
from difflib import SequenceMatcher

from schemas.csv_map import CsvRows

ALIKE_MIN = 0.75
"""How much of two rows that can't be compared cell by cell has to be the same."""

_WORDS = re.compile(rb"[0-9A-Za-z]+")


def is_same_row(rows: CsvRows, before: bytes, now: bytes, *, is_tied: bool) -> bool:
    """Whether `now`, a row that can be read, is the row `before`, which could not be. In doubt it is another.

    It is the same in each cell that could be read, and `is_tied`: it shares what another month's row does not, its time, the id that
    it states, or a row beside it. A row without cells of its own (a quote that is not closed, a delimiter too many) is the same where
    all its letters and digits are, in order; or, where it is tied, nearly all.
    """
    same = rows.agree(before, now)
    if same is not None:
        return same and is_tied
    words, words_now = _WORDS.findall(before), _WORDS.findall(now)
    if not words or words == words_now:
        return bool(words)
    match = SequenceMatcher(None, words, words_now, autojunk=False)
    is_cut = sum(block.size for block in match.get_matching_blocks()) == len(words)
    return (is_cut or match.ratio() >= ALIKE_MIN) and is_tied
