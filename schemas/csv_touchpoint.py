"""One touchpoint of each row of a file, as a map says it: compiled for the file's columns."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

import orjson

from journey.money import nearest
from journey.touchpoints import TYPES
from schemas.csv_cell import Unread
from schemas.csv_fields import IDS, FieldContext, FieldRule, Make, make
from schemas.csv_rules import TouchpointRule
from schemas.csv_template import Cells, Get, Template
from schemas.csv_time import time_reader

CURRENCY_LETTERS = 3


@dataclass(frozen=True, slots=True)
class RowTouchpoint:
    """See `compiled`."""

    type: str
    label: str
    head: dict[str, str]
    id: Get | None
    subject: Get
    time: Get
    read_time: Callable[[Cells, int, str], str]
    around: FieldContext
    when: tuple[tuple[int, Callable[[str], bool]], ...]
    fields: tuple[tuple[str, Make], ...]
    rule: TouchpointRule
    money: tuple[str, ...]

    def _round(self, data: dict[str, object]) -> None:
        """Bring amounts into whole minor units: an export may carry more digits."""
        currency = data.get("currency")
        for name in self.money:
            if name in data and isinstance(currency, str):
                # What is no amount is a dead letter, which says so.
                with suppress(ValueError, ArithmeticError):
                    said = Decimal(str(data[name]))
                    amount, is_rounded = nearest(said, currency)
                    if amount != said:
                        data[name] = str(amount)
                    self.around.noticed.rounded += is_rounded

    def _currency_of(self, cells: list[str], row: int) -> str:
        """Where the currency of the row is from."""
        spec = self.rule.data.root["currency"]
        if isinstance(spec, FieldRule):
            return spec.column(self.around, cells, row)
        columns = [column.name for column in spec.columns] if isinstance(spec, Template) else []
        return " ".join(columns) or "currency"

    def id_and_body(self, cells: list[str], row: int, hashed: str) -> tuple[str, bytes]:
        """Raises Unread where the row does not hold what the map says."""
        id = f"{hashed}-{self.label}" if self.id is None else self.id(cells, row)
        subject, written = self.subject(cells, row), self.time(cells, row)
        if id is None or subject is None or written is None:
            raise self._blank(id, subject)
        wrong: list[Unread] = []
        time, data = "", {}
        try:
            time = self.read_time(cells, row, written)
        except Unread as unread:
            wrong.append(unread.at(self.rule.time.column(self.around, cells, row)))
        for name, made in self.fields:
            try:
                value = made(cells, row)
            except Unread as unread:
                wrong.append(unread)
                continue
            if value is not None:
                data[name] = value
        if isinstance(currency := data.get("currency"), str) and len(currency) != CURRENCY_LETTERS:
            wrong.append(Unread.cell(currency, "is no currency of ISO 4217: three letters, such as EUR").at(self._currency_of(cells, row)))
        if wrong:
            raise Unread("; ".join(map(str, wrong)), "; ".join(one.kind for one in wrong))
        self._round(data)
        return id, orjson.dumps({**self.head, "id": id, "subject": subject, "time": time, "data": data})

    def known(self, cells: list[str], row: int) -> dict[str, str]:
        """What can be read of a touchpoint that can't be made: a letter's meant name, where its id is stated."""
        found = {"type": self.type, "source": self.head["source"]}
        for what, get in (("id", self.id), ("subject", self.subject)):
            with suppress(Unread):
                if get is not None and (text := get(cells, row)) is not None:
                    found[what] = text
        with suppress(Unread):
            if (written := self.time(cells, row)) is not None:
                found["time"] = self.read_time(cells, row, written)
        return found

    def _blank(self, id: str | None, subject: str | None) -> Unread:
        if id is None:
            what, cell = "id", self.rule.id
        else:
            what, cell = ("subject", self.rule.subject) if subject is None else ("time", self.rule.time.cell)
        return Unread(f"{what} {cell.said if cell else ''} is blank")


def compiled(rule: TouchpointRule, source: str, around: FieldContext, seen: Counter[str]) -> RowTouchpoint:
    """`seen` counts the touchpoints of a row by type."""
    index, file, when = around.index, around.file, rule.time
    own_zone = when.own_zone(around)
    seen[rule.type] += 1
    return RowTouchpoint(
        type=rule.type,
        label=rule.type if seen[rule.type] == 1 else f"{rule.type}-{seen[rule.type]}",
        head={"specversion": "1.0", "source": source, "type": rule.type},
        id=None if rule.id is None else rule.id.compiled(index, file, is_id=True),
        subject=rule.subject.compiled(index, file, is_id=True),
        time=when.cell.compiled(index, file),
        read_time=when.read_time(around, when.format, time_reader(when.format, own_zone, when.plus, when.zone_column)),
        around=around,
        when=tuple((index[column.name], condition.holds()) for column, condition in rule.when.items()),
        fields=tuple((name, make(spec, around.of(name), is_id=name in IDS)) for name, spec in rule.data.root.items()),
        rule=rule,
        money=TYPES[rule.type].money,
    )
