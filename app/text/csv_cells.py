"""CSV as it goes out, whoever asks: senders choose what stands in its cells."""

import csv
import io
import re

from journey.readable import readable


def harmless(text: str) -> str:
    """CSV as a spreadsheet may open it: what would be a formula is text, and what is not seen in a cell is spelled out."""
    written = io.StringIO()
    rows = csv.reader(io.StringIO(text, newline=""))
    csv.writer(written, lineterminator="\n").writerows([_cell(cell) for cell in row] for row in rows)
    return written.getvalue()


_FORMULA = re.compile(r"[=+\-@\t\r;|＝＋－＠]")
_NUMBER = re.compile(r"-?\d+([./]\d+)?", re.ASCII)


def _cell(text: str) -> str:
    told = readable(text)
    return f"'{told}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else told
