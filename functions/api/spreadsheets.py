"""The reconciliation as a file for a spreadsheet: CSV and XLSX.

Text from outside never becomes a formula: a CSV cell that would begin one gets an apostrophe, and
an XLSX cell is written as text.
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import xlsxwriter  # type: ignore[import-untyped] # it ships no types

from shared.domain.reconciliation import LineState, ReconciledLine, Totals

Cell = str | int | Decimal | datetime | None

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MONEY = "#,##0.00;[Red]-#,##0.00"
_FORMULA = re.compile(r"^[=+\-@\t\r\n|]")
_MOST_ROWS = 1_048_000  # a sheet holds 1,048,576
_PERIODS = {1: "month", 3: "quarter", 12: "year"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, and how wide it is shown."""

    title: str
    width: int
    money: bool = False


COLUMNS = (
    Column("Customer", 28),
    Column("PSA", 10),
    Column("License", 34),
    Column("State", 14),
    Column("Reason", 40),
    Column("Active", 9),
    Column("Consumed", 10),
    Column("Planned", 9),
    Column("Billed", 9),
    Column("Difference", 11),
    Column("Period", 9),
    Column("Unit price", 12, money=True),
    Column("Amount", 13, money=True),
    Column("Difference amount", 17, money=True),
    Column("Unit cost", 12, money=True),
    Column("Cost", 13, money=True),
    Column("Margin", 13, money=True),
    Column("Amount a month", 15, money=True),
    Column("Difference a month", 17, money=True),
    Column("Margin a month", 15, money=True),
    Column("Agreement", 26),
    Column("Agreement id", 13),
    Column("Line id", 12),
    Column("Product", 30),
    Column("Explanation", 60),
    Column("As of (UTC)", 18),
    Column("Customer id", 18),
    Column("Row ids", 42),
)
_TOTALS = (
    Column("Customer", 28),
    Column("PSA", 10),
    Column("Lines", 8),
    Column("Amount a month", 15, money=True),
    Column("Lines without an amount", 22),
    Column("Cost a month", 15, money=True),
    Column("Margin a month", 15, money=True),
    Column("Lines without a margin", 22),
    Column("Under-billed a month", 19, money=True),
    Column("Over-billed a month", 19, money=True),
    *(Column(state.value.replace("_", " ").capitalize(), 13) for state in LineState),
    Column("As of (UTC)", 18),
)


def csv_file(lines: Iterable[ReconciledLine]) -> bytes:
    """Return lines as CSV: RFC 4180, UTF-8 with a byte order mark, by which Excel knows it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([column.title for column in COLUMNS])
    for line in lines:
        writer.writerow([_plain(cell) for cell in cells(line)])
    return text.getvalue().encode("utf-8-sig")


def xlsx_file(lines: Iterable[ReconciledLine]) -> bytes:
    """Return lines as a workbook, with a sheet of the customers' totals.

    Rows leave the memory as they are written; lines have to come customer by customer.
    """
    content = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd hh:mm",
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(content, options) as book:
        sheet, totals = _Sheet(book, "Lines", COLUMNS), _Sheet(book, "Customers", _TOTALS)
        everything: dict[str, Totals] = {}
        own: dict[str, Totals] = {}
        last: ReconciledLine | None = None
        for line in lines:
            if last is not None and line.customer_id != last.customer_id:
                _write_totals(totals, last.customer_name, own)
                own = {}
            sheet.write(cells(line))
            for found in (own, everything):
                found.setdefault(line.psa, Totals(line.psa)).add(line)
            last = line
        if last is not None:
            _write_totals(totals, last.customer_name, own)
        for one in everything.values():
            sheet.write(_sum(one), bold=True)
            totals.write(_total_cells(f"All of {one.psa}", one), bold=True)
        sheet.close(without=len(everything))
        totals.close(without=len(everything))
    return content.getvalue()


def cells(line: ReconciledLine) -> tuple[Cell, ...]:
    """Return a line's cells in the order of ``COLUMNS``."""
    return (
        line.customer_name,
        line.psa,
        line.name,
        line.state.value.replace("_", " "),
        "; ".join(line.reasons),
        line.active,
        line.consumed,
        line.planned,
        line.billed,
        line.difference,
        None if line.months is None else _PERIODS.get(line.months, f"{line.months} months"),
        line.unit_price,
        line.amount,
        line.difference_amount,
        line.unit_cost,
        line.cost,
        line.margin,
        line.a_month(line.amount),
        line.a_month(line.difference_amount),
        line.a_month(line.margin),
        line.agreement_name,
        line.agreement_id,
        line.line_id,
        line.product_name,
        "; ".join(line.explanation),
        line.checked_at,
        line.customer_id,
        " ".join(line.rows),
    )


def _write_totals(sheet: "_Sheet", customer: str, own: dict[str, Totals]) -> None:
    for name in sorted(own):
        sheet.write(_total_cells(customer, own[name]))


def _total_cells(customer: str, totals: Totals) -> tuple[Cell, ...]:
    states = totals.states
    return (
        customer,
        totals.psa,
        totals.lines,
        totals.amount,
        totals.amount_unknown,
        totals.cost,
        totals.margin,
        totals.margin_unknown,
        states[LineState.UNDER_BILLED].amount,
        states[LineState.OVER_BILLED].amount,
        *(states[state].lines for state in LineState),
        totals.oldest,
    )


def _sum(totals: Totals) -> tuple[Cell, ...]:
    """A row below the lines; amounts of other periods than a month are not added up."""
    sums: dict[str, Cell] = {
        "Customer": f"All of {totals.psa}",
        "PSA": totals.psa,
        "Reason": f"{totals.lines} lines; {totals.amount_unknown} without an amount",
        "Amount a month": totals.amount,
        "Difference a month": sum(
            (state.amount for state in totals.states.values()), start=Decimal("0.00")
        ),
        "Margin a month": totals.margin,
    }
    return tuple(sums.get(column.title) for column in COLUMNS)


def _plain(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M}"
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if not isinstance(cell, str):
        return "" if cell is None else str(cell)
    return f"'{cell}" if _FORMULA.match(cell) else cell


class _Sheet:
    """A sheet with a frozen header; rows are written from the top, and never read again."""

    def __init__(self, book: xlsxwriter.Workbook, name: str, columns: tuple[Column, ...]) -> None:
        self._sheet = book.add_worksheet(name)
        self._columns = columns
        self._row = 0
        self._formats = {
            (money, bold): book.add_format(
                {"num_format": MONEY if money else "General", "bold": bold, "valign": "top"}
            )
            for money in (False, True)
            for bold in (False, True)
        }
        self._dates = {
            bold: book.add_format({"num_format": "yyyy-mm-dd hh:mm", "bold": bold, "valign": "top"})
            for bold in (False, True)
        }
        header = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        for place, column in enumerate(columns):
            self._sheet.set_column(place, place, column.width)
            self._sheet.write_string(0, place, column.title, header)
        self._sheet.freeze_panes(1, 1)

    def write(self, row: tuple[Cell, ...], *, bold: bool = False) -> None:
        """Write the next row."""
        if self._row >= _MOST_ROWS:
            return
        self._row += 1
        for place, (cell, column) in enumerate(zip(row, self._columns, strict=True)):
            if isinstance(cell, datetime):
                self._sheet.write_datetime(self._row, place, cell, self._dates[bold])
            elif isinstance(cell, str):
                self._sheet.write_string(self._row, place, cell, self._formats[False, bold])
            elif cell is not None:
                self._sheet.write_number(self._row, place, cell, self._formats[column.money, bold])

    def close(self, *, without: int) -> None:
        """Let the rows be filtered, but for the last ones, which are totals."""
        last = max(0, self._row - without)
        self._sheet.autofilter(0, 0, last, len(self._columns) - 1)
