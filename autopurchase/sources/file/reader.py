"""An order file, read order by order in little memory, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from autopurchase import providers
from autopurchase.domain.errors import BadInput
from autopurchase.domain.money import Money
from autopurchase.domain.shop import Reject, ShopLine, ShopOrder
from autopurchase.sources.file import translate
from autopurchase.sources.file.columns import Row, filled
from autopurchase.sources.file.csv_rows import csv_rows
from autopurchase.sources.file.excel_rows import excel_rows
from autopurchase.sources.file.json_rows import json_rows
from autopurchase.sources.file.kind import file_kind
from autopurchase.sources.memory import Memory

PROVIDERS = frozenset(providers.PROVIDERS)


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is written. ``encoding`` of CSV and JSON: empty means UTF-8, with or without a mark at its start.

    ``decimal_comma``: ``12,50`` is an amount. ``sheet``: the Excel sheet, empty means the first. ``providers``: the
    providers that rows may name.
    """

    encoding: str = ""
    decimal_comma: bool = False
    sheet: str = ""
    providers: frozenset[str] = PROVIDERS


def read_orders(path: Path, *, options: FileOptions | None = None) -> Iterator[ShopOrder | Reject]:
    """Orders of a file and the rows that could not be taken, in the order of the file.

    Rows that follow each other with one order number become one order. Where the number comes again later, a further
    order with the same number and only the further lines is given, its totals counted from all lines so far: whoever
    takes it adds the lines. A line number repeated within an order is a reject; the first one stays. Raises BadInput
    when the file as a whole, or from some row on, cannot be read; what was given before stands.
    """
    options = options or FileOptions()
    reading = _Reading(options)
    for position, row in _rows(Path(path), options):
        yield from reading.take(position, row)
    yield from reading.finish()


def _rows(path: Path, options: FileOptions) -> Iterator[tuple[str, Row | Reject]]:
    kind = file_kind(path)
    if kind == "excel":
        return excel_rows(path, options.sheet)
    encoding = options.encoding or "utf-8-sig"
    return csv_rows(path, encoding) if kind == "csv" else json_rows(path, encoding)


@dataclass(slots=True)
class _Group:
    """Rows of one order that follow each other."""

    head: translate.Header
    cells: tuple[str | None, ...] = ()  # of the last row, as far as they speak of the order
    lines: list[ShopLine] = field(default_factory=list)
    rows: list[tuple[str, Row]] = field(default_factory=list)


class _Reading:
    """One reading of a file: the order being collected and the memory of what was seen."""

    def __init__(self, options: FileOptions) -> None:
        self._options = options
        self._memory = Memory()
        self._group: _Group | None = None

    def take(self, position: str, row: Row | Reject) -> Iterator[ShopOrder | Reject]:
        """Add a row; gives the order that it ends, and the row itself when it is bad."""
        if isinstance(row, Reject):
            yield row
            return
        if self._group and self._group.head.number != row.get("order_number"):
            yield from self.finish()
        try:
            self._add(position, row)
        except BadInput as error:
            yield Reject(position, error.sentence, filled(row))

    def finish(self) -> Iterator[ShopOrder | Reject]:
        """Give the collected order."""
        group, self._group = self._group, None
        if group is None or not group.lines:
            return
        if self._unknowable(group.head):
            yield from (Reject(position, _UNKNOWABLE, filled(row)) for position, row in group.rows)
            return
        order = translate.order(group.head, group.lines, self._goods(group))
        yield replace(order, state="open") if self._alive(order) else order

    def _add(self, position: str, row: Row) -> None:
        try:
            head = self._head(row)
            line = translate.line(row, head.currency, self._options.decimal_comma, self._options.providers)
        except BadInput:
            self._memory.put("bad", row.get("order_number"))
            raise
        self._check_repeated(head.number, line)
        self._group = self._group or _Group(head)
        self._group.head = head
        self._group.cells = translate.header_cells(row)
        self._group.lines.append(line)
        self._group.rows.append((position, row))

    def _head(self, row: Row) -> translate.Header:
        """What is known of the order, this row's word included."""
        if self._group and self._group.cells == translate.header_cells(row):
            translate.check_required(row)
            return self._group.head
        head = translate.header(row, self._options.decimal_comma)
        if self._group:
            return translate.merge(self._group.head, head)
        self._check_currency(head)
        return head

    def _check_repeated(self, number: str, line: ShopLine) -> None:
        if not self._memory.first("line", number, line.line_no):
            raise BadInput(
                f"Line {line.line_no} of order {number} is in the file more than once; the first one was taken."
            )

    def _check_currency(self, head: translate.Header) -> None:
        """An order has one currency, also where its rows are far apart."""
        known = self._memory.get("order", head.number)
        if known and known >> 1 != _currency_code(head.currency):
            raise BadInput(f"Order {head.number} has another currency in an earlier row: an order has one currency.")

    def _unknowable(self, head: translate.Header) -> bool:
        """Whether a sum paid is stated but what it must cover is not known."""
        stated = head.paid_amount is not None and head.order_total is None
        return stated and bool(self._memory.get("bad", head.number))

    def _alive(self, order: ShopOrder) -> bool:
        """Whether a line of the order is live, here or earlier in the file; remembered with the currency."""
        alive = order.state == "open" or bool(self._memory.get("order", order.number) & 1)
        self._memory.put("order", order.number, value=_currency_code(order.currency) << 1 | alive)
        return alive

    def _goods(self, group: _Group) -> Money:
        """Value of the order's lines in the file so far."""
        here = translate.goods_total(group.lines, group.head.currency)
        total = self._memory.get("goods", group.head.number) + here.minor
        self._memory.put("goods", group.head.number, value=total)
        return Money(total, here.currency)


def _currency_code(currency: str) -> int:
    return int.from_bytes(currency.encode())


_UNKNOWABLE = (
    "Another row of this order was rejected and order_total is not stated, so it cannot be known whether the order is "
    "paid in full: correct that row, or state order_total."
)
