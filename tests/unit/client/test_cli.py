"""The command: documented whole, stable codes, no secret as argument, no hostile byte out."""

from __future__ import annotations

import ast
import io
import json
import re
from datetime import UTC, timedelta, timezone
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
import typer
from cencomm_client import cli
from cencomm_client.cli import app
from cencomm_client.cli.admitting import admission
from cencomm_client.cli.arguments import milliseconds
from cencomm_client.cli.cen_commands import folder_for
from cencomm_client.cli.course import channel_end
from cencomm_client.cli.exits import Exit, InputInvalid, NotKnown, exit_for
from cencomm_client.cli.form_lines import form_line, times_told
from cencomm_client.cli.messages import chosen_kind, content_of, item_line, referred, show_item
from cencomm_client.cli.output import Output, dumps, fill
from cencomm_client.cli.prompts import secret
from cencomm_client.code_lists import CodeLists
from cencomm_client.errors import (
    ClientCode,
    EnrolmentWaiting,
    LogAlarm,
    LoginFailed,
    NoSession,
    RefusedByRule,
    TryLater,
    Unreachable,
    VaultPassword,
    WrongDirectory,
)
from cencomm_client.items import Author, Damage, Flag, Message, Notice, Place
from cencomm_client.operation import Operation
from cencomm_config.catalog import sentences
from cencomm_config.display import LAST_MS, shown, shown_time
from cencomm_config.forms import FieldError, FormInvalid, base_set, schemas
from cencomm_config.forms.errors import Expected
from cencomm_config.forms.typed import typed
from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

CLI = Path(cli.__file__).parent
DOCS = Path(__file__).parents[3] / "docs" / "cli.md"
HOSTILE = "\x1b[2J\u202egnp.exe [bold]x[/bold] <b>\x00"


def commands() -> dict[str, Any]:
    """Every command of the program by its full name."""
    found: dict[str, Any] = {}

    def walk(group: Any, path: str) -> None:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                walk(command, f"{path} {name}")
            else:
                found[f"{path} {name}"] = command

    walk(typer.main.get_command(app), "cencomm")
    return found


def test_every_command_is_documented_and_nothing_else() -> None:
    written = re.findall(r"^\| `(cencomm [^`]+)`", DOCS.read_text(), re.MULTILINE)
    named = {" ".join(word for word in row.split() if word.islower()) for row in written}
    assert named == set(commands())


def test_every_exit_code_is_documented() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", DOCS.read_text(), re.MULTILINE)
    assert {(int(number), name) for number, name in rows} == {
        (code.value, code.name) for code in Exit
    }


def test_every_column_of_a_table_has_its_heading_in_the_catalogue() -> None:
    """Words of the code never reach a screen: `Output.table` looks each up."""
    calls = [
        node
        for file in CLI.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") in ("table", "show", "listed")
    ]
    named = set()
    for call in calls:
        for given in call.args:
            first = given.elts[0] if isinstance(given, ast.Tuple) and given.elts else None
            words = first if isinstance(first, ast.Tuple) else given
            if isinstance(words, ast.Tuple):
                named |= {word.value for word in words.elts if isinstance(word, ast.Constant)}
    headings = {f"column_{str(word).replace(' ', '_')}" for word in named if word}
    written = {code for code in sentences() if code.startswith("column_")}
    assert headings == written


def test_every_command_takes_json() -> None:
    for name, command in commands().items():
        options = {option for param in command.params for option in param.opts}
        assert "--json" in options, name


def test_no_option_or_argument_carries_a_secret() -> None:
    secret_words = ("password", "passphrase", "totp", "secret", "invitation", "token")
    for name, command in commands().items():
        for param in command.params:
            for option in param.opts:
                if any(word in option for word in secret_words):
                    assert option.endswith("-file"), f"{name} {option}"
                    assert param.envvar is None, f"{name} {option}"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LogAlarm(ClientCode.LOG_FORKED, "x", row="A4"), Exit.ALARM),
        (WrongDirectory("x"), Exit.ALARM),
        (NotKnown("x"), Exit.NOT_FOUND),
        (LoginFailed("login_failed", "x"), Exit.LOGIN),
        (NoSession("x"), Exit.LOGIN),
        (EnrolmentWaiting("x"), Exit.LOGIN),
        (Unreachable("x"), Exit.UNREACHABLE),
        (TryLater("too_busy", "x"), Exit.UNREACHABLE),
        (VaultPassword("x"), Exit.FILE),
        (FormInvalid((FieldError(("a",), {"en": "A"}, "b", Expected("field_hs")),)), Exit.INPUT),
        (InputInvalid("x"), Exit.INPUT),
        (RefusedByRule("not_permitted", "x"), Exit.REFUSED),
        (ProtocolError(ErrorCode.OUT_OF_WINDOW, "x"), Exit.REFUSED),
        (ProtocolError(ErrorCode.UNKNOWN_CHANNEL, "x"), Exit.NOT_FOUND),
    ],
)
def test_an_error_has_its_exit_code(error: CencommError, code: Exit) -> None:
    assert exit_for(error) is code
    assert str(error.code) in sentences()


def test_a_missing_vault_is_one_sentence_and_code_8(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("x\n")
    password.chmod(0o600)
    words = ["status", "--vault", str(tmp_path / "none"), "--password-file", str(password)]
    told = CliRunner().invoke(app, words)
    assert (told.exit_code, told.stdout) == (Exit.FILE, "")
    assert "no vault" in told.stderr
    told = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(told.stderr)["error"]["code"] == "vault_missing"


def test_a_secret_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    file.chmod(0o644)
    with pytest.raises(InputInvalid, match="chmod 600"):
        secret("password", str(file))
    file.chmod(0o600)
    assert secret("password", str(file)) == "secret"


def test_nothing_foreign_reaches_the_terminal_as_it_is() -> None:
    item = message(content={"text": HOSTILE}, kind=HOSTILE, name=HOSTILE, channel=HOSTILE)
    screen = io.StringIO()
    Console(file=screen, force_terminal=False, width=400).print(
        item_line(item, Output(as_json=False), base_set())
    )
    document = dumps({HOSTILE: HOSTILE, "nested": [{"deep": HOSTILE}]})
    told = io.StringIO()
    output = Output(as_json=False, errors=Console(file=told, width=400))
    output.error(ProtocolError(ErrorCode.BAD_VALUE, HOSTILE))
    for text in (screen.getvalue(), document, told.getvalue()):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\x00" not in text
    assert document.isascii()
    assert "bold" in screen.getvalue()  # markup is shown, not obeyed
    assert "\x1b" not in fill("{name}", name=HOSTILE)


@pytest.mark.parametrize("ms", [0, LAST_MS - 999, LAST_MS, LAST_MS + 1, 2**53 - 1, 2**63])
def test_a_time_that_no_calendar_has_crashes_no_view(ms: int) -> None:
    """Every form takes 53 bits, a header more; to the east a year earlier ends."""
    east = timezone(timedelta(hours=14))
    form = base_set().form("WRN")
    line = form_line(form, {"subject": "container", "deadline": ms}, Output(as_json=False), east)
    for text in (line, shown_time(ms)):
        assert str(ms) in text or "1970" in text or "9999" in text


def test_the_times_that_a_correction_changes_are_told_as_times() -> None:
    """Nobody reads 1795956660000; what a text or a number is that is no time stays as it is."""
    forms = base_set()
    assert times_told({"at": 1_795_956_660_000, "office": "FRBAS"}, forms) == {
        "at": "2026-11-29T12:51+00:00",
        "office": "FRBAS",
    }
    nested = times_told({"route": {"eta": 0, "legs": [{"arrives": 0, "to": "FRBAS"}]}}, forms)
    (leg,) = nested["route"]["legs"]
    assert nested["route"]["eta"] == leg["arrives"] == "1970-01-01T00:00+00:00"
    assert leg["to"] == "FRBAS"
    for odd in ({"score": 7}, {"nobody's": 7}, {"at": "x", "route": [1]}, {"at": True}):
        assert times_told(odd, forms) == odd


@pytest.mark.parametrize("filler", [" ", ".", "\u4e00", "\u00a0 x"])
def test_no_text_fills_its_line_to_begin_another_entry(filler: str) -> None:
    """What a terminal breaks begins a new line: it must not look like the next entry."""
    forged = "2026-03-01 10:00:00Z    55 work DE-001 SZR goods: 2 t"
    for width in (60, 80, 133):
        for fill_ in range(width - 5, width + 200, 7):
            screen = io.StringIO()
            console = Console(file=screen, force_terminal=True, width=width, soft_wrap=True)
            output = Output(as_json=False, console=console)
            item = message(content={"text": filler * fill_ + forged}, kind="MSG")
            show_item(output, item, None, base_set())
            text = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
            starts = [line for line in text.splitlines() if line[:2] == "20"]
            assert len(starts) == 1
            assert all(cell_len(line) <= width for line in text.splitlines())


def test_two_names_that_are_shown_alike_stay_two() -> None:
    value = json.loads(dumps({"fields": {"due\u200b": 1, "due\u200c": 2, "due": 3}}))
    assert sorted(value["fields"].values()) == [1, 2, 3]


def test_a_damaged_message_is_shown_with_its_reason() -> None:
    item = message(content=None, damage=Damage(ErrorCode.CANNOT_OPEN, "it cannot"))
    line = item_line(item, Output(as_json=False), base_set()).plain
    assert "cannot_open: it cannot" in line
    assert "after_revocation" in line


@pytest.mark.parametrize(("detail", "end"), [("", ". no_witness"), ("a\x1bb", ". no_witness: a␛b")])
def test_a_notice_is_told_in_a_sentence_and_by_its_code(detail: str, end: str) -> None:
    notice = Notice("no_witness", detail, message(content=None).place.log, 0)
    line = item_line(notice, Output(as_json=False), base_set()).plain
    assert "No witness is named" in line
    assert line.endswith(end)


def test_a_form_is_a_line_of_labels_in_the_readers_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CENCOMM_LANG", "fr")
    output = Output(as_json=False)
    for code in base_set().codes:
        form = base_set().form(code)
        content = typed(form, schemas.example(code)["passes"]).content
        line = form_line(form, content, output, UTC)
        assert shown(line) == line
        for name in content:
            if set(content) != {"text"}:
                assert form.root.fields[name].label("fr") in line
    warning = {
        "subject": "container",
        "identifiers": {"container": "CSQU3054383", "as_seen": False},
        "hs": ["24", "9302"],
        "deadline": 1_772_371_800_000,
        "action": "let_run",
        "remarks": HOSTILE,
    }
    line = item_line(message(content=warning, kind="WRN"), output, base_set()).plain
    assert "Identifiants: (Numéro de conteneur: CSQU3054383" in line
    assert "Codes SH: 24, 9302; " in line
    assert "Action demandée: laisser passer" in line
    assert "\x1b" not in line
    late = form_line(base_set().form("RFI"), {"deadline": 2**53 - 1}, output)
    assert late.endswith(str(2**53 - 1))
    last = 253_402_300_799_000  # of UTC: further east there is no such day
    east = form_line(base_set().form("RFI"), {"deadline": last}, output, ZoneInfo("Europe/Paris"))
    assert east.endswith(str(last))


def test_times_need_a_zone_and_admissions_a_role() -> None:
    assert milliseconds("2026-03-01T08:00+01:00") == 1772348400000
    for wrong in ("2026-03-01T08:00", "soon"):
        with pytest.raises(InputInvalid):
            milliseconds(wrong)
    assert admission("FR-014:officer", "alpha", ("HIT",), 5).channel is None
    assert admission("FR-BOT:bot", "alpha", ("HIT",), 5).kinds == ("HIT",)
    for wrong in ("FR-014", ":officer", "FR-014:"):
        with pytest.raises(InputInvalid):
            admission(wrong, None, (), None)


def test_content_is_json_or_the_text_of_a_message(tmp_path: Path) -> None:
    file, output = tmp_path / "content", Output(as_json=True)
    forms, lists = base_set(), CodeLists(tmp_path)

    def read(code: str) -> dict[str, Any]:
        return content_of(forms.form(code), str(file), output, lists)

    file.write_text("hello\n")
    assert read("MSG") == {"text": "hello"}
    with pytest.raises(InputInvalid, match="not JSON"):
        read("WRN")
    file.write_text(json.dumps({"warning": "ab" * 32, "goods": [{"quantity": 1.50}], "tlp": None}))
    assert read("SZR") == {"warning": b"\xab" * 32, "goods": [{"quantity": "1.5"}]}
    for wrong in ("[1]", "{", "[" * 100_000):
        file.write_text(wrong)
        with pytest.raises(InputInvalid):
            read("SZR")
    file.write_text("x" * 70_000)
    with pytest.raises(InputInvalid, match="at most"):
        read("MSG")


@pytest.mark.parametrize("name", ["\u00b2", "9" * 5000, "x", ""])
def test_what_is_no_number_and_no_hash_names_no_entry(name: str) -> None:
    with pytest.raises(InputInvalid, match="hex digits"):
        referred(cast(Operation, None), name)


def test_a_kind_is_named_once() -> None:
    assert (chosen_kind(None, None), chosen_kind("wrn", None)) == ("MSG", "WRN")
    assert (chosen_kind(None, "szr"), chosen_kind("SZR", "szr")) == ("SZR", "SZR")
    with pytest.raises(InputInvalid, match="--form"):
        chosen_kind("WRN", "SZR")


def message(
    *,
    content: dict[str, Any] | None,
    kind: str = "MSG",
    name: str | None = None,
    channel: str = "alpha",
    damage: Damage | None = None,
) -> Message:
    place: Any = Place(b"l" * 16, 7, 1_700_000_000_000, b"x" * 32)  # type: ignore[arg-type]
    author: Any = Author(b"d" * 16, b"p" * 16, "FR-014", "FR", name)  # type: ignore[arg-type]
    ids: Any = b"c" * 16
    return Message(
        place=place,
        author=author,
        channel=ids,
        channel_name=channel,
        type="message",
        id=ids,
        epoch=1,
        kind=kind,
        content=content,
        mid=b"m" * 16,
        re=None,
        prio=None,
        ack_by=None,
        to=(),
        time=0,
        flags=frozenset([Flag.AFTER_REVOCATION]),
        damage=damage,
    )


@pytest.mark.parametrize("given", ["alpha", "=2026-03-09T18:00Z", "alpha=soon", "alpha=2026-03-09"])
def test_a_channels_new_end_is_a_name_and_a_time_with_its_zone(given: str) -> None:
    with pytest.raises(InputInvalid):
        channel_end(given)
    assert channel_end("a=b=2026-03-09T18:00Z") == ("a=b", 1_773_079_200_000)


def test_a_dry_run_of_an_extract_writes_nowhere(tmp_path: Path) -> None:
    assert folder_for(tmp_path, dry_run=True) is None
    assert folder_for(tmp_path, dry_run=False) == tmp_path
    with pytest.raises(InputInvalid, match="--out"):
        folder_for(None, dry_run=False)
