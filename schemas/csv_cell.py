"""Why a cell can't be read: said with the cell, and kept without it, so that cells alike are counted together."""

from journey.readable import readable

CELL_SHOWN_MAX = 60
"""So much of a cell is shown."""


def quoted(text: str) -> str:
    """`text` in quotes, on one line, its beginning where it is long."""
    return f'"{readable(text[:CELL_SHOWN_MAX])}{"…" if len(text) > CELL_SHOWN_MAX else ""}"'


class Unread(ValueError):
    """A cell does not hold what the map says it holds. The text is the reason, `kind` the reason without what only this cell says."""

    def __init__(self, reason: str, kind: str | None = None) -> None:
        super().__init__(reason)
        self.kind = reason if kind is None else kind

    @classmethod
    def cell(cls, text: str, why: str, cure: str = "") -> "Unread":
        """Of a cell: `"8,400.50" is no number`, and what would read it."""
        return cls(f"{quoted(text)} {why}{cure}", why)

    def at(self, where: str) -> "Unread":
        """The same, with the column that it is about."""
        return Unread(f"{where}: {self}", f"{where}: {self.kind}")
