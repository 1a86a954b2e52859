"""Two operators behind a dangerous command, or one by an explicit setting; doctor says which."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from cencomm_config.errors import BadInstallation, OperatorsNeeded
from cencomm_server import installation
from cencomm_server import operators as operators_module
from cencomm_server.cli import app
from cencomm_server.operators import Approval, Operators
from typer.testing import CliRunner

ANNA, BRUNO, CLARA = (
    Approval("anna", "a passphrase of anna"),
    Approval("bruno", "a passphrase of bruno"),
    Approval("clara", "a passphrase of clara"),
)


@pytest.fixture(autouse=True)
def cheap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hash is half a second of a slow core; one test holds what it costs."""
    if "at_its_cost" not in request.node.name:
        monkeypatch.setattr(operators_module, "MEMORY_KIB", 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    installation.create(tmp_path, "x")
    return tmp_path


def named(folder: Path, *who: Approval) -> Operators:
    operators = Operators(folder, single=False)
    for one in who:
        operators.add(one.name, one.passphrase, [])
    return Operators(folder, single=False)


def written(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "operators.log").read_text().splitlines()]


def test_a_passphrase_is_kept_at_its_cost(folder: Path) -> None:
    named(folder, ANNA)
    (kept,) = json.loads((folder / "keys/operators.json").read_text()).values()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")


def test_two_named_operators_stand_behind_a_command_and_it_is_written_down(folder: Path) -> None:
    named(folder, ANNA, BRUNO).approve("export", [BRUNO, ANNA])
    last = written(folder)[-1]
    assert (last["command"], last["operators"]) == ("export", ["anna", "bruno"])
    text = (folder / "keys/operators.json").read_text()
    assert ANNA.passphrase not in text + (folder / "operators.log").read_text()
    for name in ("keys/operators.json", "operators.log"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "approvals",
    [
        [],
        [ANNA],
        [ANNA, ANNA],
        [ANNA, CLARA],
        [ANNA, Approval("bruno", "wrong")],
        [ANNA, BRUNO, CLARA],
    ],
)
def test_fewer_or_wrong_ones_do_not(folder: Path, approvals: list[Approval]) -> None:
    operators = named(folder, ANNA, BRUNO)
    before = written(folder)
    with pytest.raises(OperatorsNeeded):
        operators.approve("export", approvals)
    assert written(folder) == before


def test_without_two_named_nothing_dangerous_runs_until_one_is_accepted_explicitly(
    folder: Path,
) -> None:
    with pytest.raises(OperatorsNeeded, match="single_operator"):
        named(folder, ANNA).approve("export", [ANNA])
    Operators(folder, single=True).approve("export", [])
    assert written(folder)[-1] | {"at": 0} == {"at": 0, "command": "export", "operators": []}


def test_a_third_operator_comes_by_two_and_one_goes_by_two(folder: Path) -> None:
    operators = named(folder, ANNA, BRUNO)
    with pytest.raises(OperatorsNeeded):
        operators.add(CLARA.name, CLARA.passphrase, [ANNA])
    operators.add(CLARA.name, CLARA.passphrase, [ANNA, BRUNO])
    with pytest.raises(OperatorsNeeded):
        operators.remove("anna", [CLARA])
    operators.remove("anna", [BRUNO, CLARA])
    assert Operators(folder, single=False).names == ("bruno", "clara")


@pytest.mark.parametrize(
    ("name", "passphrase"), [("", "long enough"), ("A", "long enough"), ("anna", "short")]
)
def test_what_is_no_name_or_no_passphrase_is_refused(
    folder: Path, name: str, passphrase: str
) -> None:
    with pytest.raises(OperatorsNeeded):
        named(folder).add(name, passphrase, [])


def test_a_damaged_file_is_named(folder: Path) -> None:
    (folder / "keys/operators.json").write_text("[1]")
    with pytest.raises(BadInstallation, match=r"operators\.json"):
        Operators(folder, single=False)


def test_the_command_asks_for_both_and_reads_their_passphrases_from_files(folder: Path) -> None:
    def told(*words: object) -> tuple[int, dict[str, Any]]:
        given = [*map(str, words), "--data", str(folder), "--json"]
        result = CliRunner().invoke(app, given)
        return result.exit_code, json.loads(result.stdout)

    files = {}
    for one in (ANNA, BRUNO):
        files[one.name] = folder / f"{one.name}.txt"
        files[one.name].write_text(one.passphrase + "\n")
        files[one.name].chmod(0o600)
        words = ("operator", "add", one.name, "--new-passphrase-file", files[one.name])
        assert told(*words)[0] == 0
    assert told("operator", "list") == (0, {"operators": ["anna", "bruno"], "single": False})
    code, answer = told("logkey", "next")
    assert (code, answer["code"]) == (3, "operators_needed")
    by = ["--operator", "anna", "--operator", "bruno"]
    for file in files.values():
        by += ["--passphrase-file", str(file)]
    code, answer = told("logkey", "next", *by)
    assert code == 0
    held = installation.load(folder).other_log_key
    assert held is not None
    assert answer == {"log_key": held.public.hex()}
    files["anna"].chmod(0o644)
    assert told("logkey", "next", *by)[0] == 3
