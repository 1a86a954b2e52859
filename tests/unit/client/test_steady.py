"""Names in Arabic or Hebrew move no number of a terminal's line."""

from __future__ import annotations

import io

import pytest
from cencomm_client.cli.output import Output
from cencomm_client.cli.steady import MARK, steadied
from cencomm_config.display import REPLACEMENT, shown
from rich.console import Console


@pytest.mark.parametrize("text", ["", "FR-014", "Zoë Müller", "貨物", "12:00 (3)"])
def test_text_from_left_to_right_stays_as_it_is(text: str) -> None:
    assert steadied(text) == text


@pytest.mark.parametrize("text", ["أحمد", "שרה", "FR-014 (أحمد)", "٣٤"])
def test_text_from_right_to_left_ends_with_a_mark(text: str) -> None:
    assert steadied(text) == text + MARK
    assert steadied(text + "\n") == text + MARK + "\n"


def test_a_table_has_the_mark_between_a_name_and_the_number_after_it() -> None:
    out = io.StringIO()
    output = Output(as_json=False, console=Console(file=out, width=80, color_system=None))
    output.table(("name", "entries"), [("أحمد", "12"), ("FR-014", "3")])
    *_, arabic, latin = out.getvalue().splitlines()
    assert 0 < arabic.index(MARK) < arabic.index("12")
    assert MARK not in latin


def test_a_mark_of_somebody_else_is_not_shown() -> None:
    assert shown(f"FR{MARK}-014") == f"FR{REPLACEMENT}-014"
