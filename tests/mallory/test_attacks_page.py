"""docs/attacks.md: every row once, each with its test or the issue that brings it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from cencomm_client.errors import ROW_OF_REJECTION

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "attacks.md"
ROWS = [f"A{number}" for number in range(1, 56)]  # the numbering is closed; new rows go behind
LINK = re.compile(r"\[(test_a\d\d_\w+\.py)\]\(\.\./tests/mallory/(test_a\d\d_\w+\.py)\)")
LATER = re.compile(r"later: issue [3-9]")


def table() -> dict[str, list[str]]:
    """Row -> its cells: attack, rule, test."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    rows = [row for row in cells if re.fullmatch(r"A\d+", row[0])]
    found = {row[0]: row[1:] for row in rows}
    assert len(found) == len(rows)
    return found


def rows_of(file: Path) -> set[str]:
    """The rows that a test's first line names, before its colon."""
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return set(re.findall(r"A\d+", said.partition(":")[0]))


def test_every_row_stands_once_and_in_order() -> None:
    found = table()
    assert list(found) == ROWS
    for row, cells in found.items():
        assert len(cells) == 3, row
        assert all(cells), row


def test_each_row_has_its_test_or_its_issue() -> None:
    for row, (_, _, test) in table().items():
        link = LINK.fullmatch(test)
        if link is None:
            assert LATER.fullmatch(test), row
            continue
        assert link[1] == link[2], row
        assert row in rows_of(HERE / link[2]), row


def test_each_test_is_on_the_page_under_the_rows_that_it_names() -> None:
    named = {row: link[2] for row, cells in table().items() if (link := LINK.fullmatch(cells[2]))}
    for file in sorted(HERE.glob("test_a[0-9][0-9]_*.py")):
        rows = rows_of(file)
        assert f"A{int(file.name[6:8])}" in rows, file.name
        assert {row for row, test in named.items() if test == file.name} == rows, file.name


def test_alarms_name_rows_of_the_page() -> None:
    assert set(ROW_OF_REJECTION.values()) <= set(table())
