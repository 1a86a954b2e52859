"""The same course at terminals: what the commands say, and what asks for the password again."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from cencomm_client.cli.exits import Exit
from cencomm_config.catalog.pseudo import PSEUDO
from cencomm_config.display import shown_time
from cencomm_crypto.errors import ErrorCode

from tests.lifecycle.desk import Desk
from tests.lifecycle.said import FINAL, task
from tests.mallory.harness import Stage, Stages
from tests.mallory.world import (
    ALERTS,
    AUDITORS,
    CHIEF,
    CONTACT,
    DEPUTY,
    MEMBERS,
    OFFICER,
    OPERATION,
    OUTSIDER,
    RAID,
)
from tests.support.loopback import now_ms
from tests.support.vaults import PASSWORD

SECRET = "not before Lille"


async def desks(stage: Stage, *codes: str) -> list[Desk]:
    await stage.look(*MEMBERS)
    return [Desk(stage, code) for code in codes]


async def test_what_is_for_a_few_goes_where_only_they_read(stages: Stages) -> None:
    async with stages() as stage:
        chief, officer, contact = await desks(stage, CHIEF, OFFICER, CONTACT)
        content = json.dumps({"text": SECRET, "tlp": "RED"})
        words = ("post", OPERATION, ALERTS, "--file", "-")
        refused = await chief(*words, stdin=content, code=Exit.REFUSED)
        assert refused["error"]["code"] == "not_directed"
        assert "--to-only" in refused["error"]["detail"]
        first = await chief(*words, "--to-only", f"FR,{CHIEF}", stdin=content)
        again = await chief(*words, "--to-only", f"{CHIEF}, FR", stdin=content)
        shown = await officer.lines("follow", OPERATION, "--channel", ALERTS, "--once")
        said = [row for row in shown if row.get("leaf") in (first["leaf"], again["leaf"])]
        assert len(said) == 2
        # It came and opened; what a program would copy out, TLP RED keeps in.
        assert {row["damage"]["code"] for row in said} == {"handling_forbids"}
        assert {row["channel"] for row in said} == {f"{ALERTS}/FR, {CHIEF}"}
        rows = await contact.lines("follow", OPERATION, "--once")
        assert SECRET not in json.dumps(rows)
        wrong = (*words, "--to-only", "XX")
        await chief(*wrong, stdin=content, code=Exit.NOT_FOUND)


async def test_a_phase_waits_for_mandatory_tasks_and_says_the_rule(stages: Stages) -> None:
    async with stages() as stage:
        chief, officer = await desks(stage, CHIEF, OFFICER)
        asked = await chief(
            *("post", OPERATION, ALERTS, "TSK", "--file", "-"), stdin=json.dumps(task("FR"))
        )
        refused = await chief("operation", "phase", OPERATION, "post", code=Exit.REFUSED)
        assert refused["error"]["code"] == "tasks_open"
        assert f"entry {asked['seq']}" in refused["error"]["detail"]
        (row,) = (await officer("operation", "tasks", OPERATION, "--mandatory"))["tasks"]
        assert (row["leaf"], row["assignee"]) == (asked["leaf"], "FR")
        answer = ("post", OPERATION, ALERTS, "RPL", "--re", asked["leaf"], "--file", "-")
        await officer(*answer, stdin=json.dumps(FINAL))
        told = await officer("operation", "phase", OPERATION, "post", code=Exit.REFUSED)
        assert told["error"]["code"] == ErrorCode.NOT_PERMITTED
        assert "Coordinators here: FR-001 (FR), RILO-001 (RILO)" in told["error"]["detail"]
        await chief("operation", "phase", OPERATION, "post")
        told = await chief("operation", "phase", OPERATION, "prep", code=Exit.REFUSED)
        assert "From post the way leads to: debrief, suspended, closed" in told["error"]["detail"]
        await chief("operation", "phase", OPERATION, "nowhere", code=Exit.INPUT)
        told = await chief("operation", "approve", OPERATION, "first", code=Exit.INPUT)
        assert "an entry number, or the 64 hex digits" in told["error"]["detail"]
        assert "No open tasks" in await chief.text("operation", "tasks", OPERATION)


async def test_status_and_verify_say_nothing_that_is_not_in_the_catalogue(
    stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stages() as stage:
        (officer,) = await desks(stage, OFFICER)
        monkeypatch.setenv("CENCOMM_LANG", PSEUDO)
        for words in (("status",), ("verify", OPERATION)):
            lines = (await officer.text(*words)).splitlines()
            assert len(lines) > 7
            for line in lines:
                if line[:1].strip():  # no hash that goes on
                    assert not line.split("  ")[0].isascii(), line


async def test_two_sides_resume_what_one_suspended(stages: Stages) -> None:
    async with stages() as stage:
        chief, deputy = await desks(stage, CHIEF, DEPUTY)
        await chief("operation", "suspend", OPERATION)
        assert (await deputy("operation", "show", OPERATION))["phase"] == "suspended"
        proposed = await chief("operation", "resume", OPERATION)
        await deputy("operation", "approve", OPERATION, proposed["leaf"])
        assert (await chief("operation", "show", OPERATION))["phase"] == "live"


async def test_what_cannot_be_undone_asks_for_the_password_again(stages: Stages) -> None:
    """From where it came at first: here each line of standard input answers once."""
    async with stages() as stage:
        chief, deputy = await desks(stage, CHIEF, DEPUTY)
        piped = ("--password-file", "-")
        for words in (
            ("operation", "close", OPERATION),
            ("operation", "phase", OPERATION, "closed"),
            ("operation", "erase", OPERATION),
            ("operation", "cancel", OPERATION),
            ("operation", "unhold", OPERATION, "00" * 32),
            ("operation", "offboard", OPERATION, "FR"),
            ("channel", "close", OPERATION, ALERTS),
            ("revoke", "00" * 16),
            ("reset", OFFICER, "--devices"),
        ):
            size = stage.head().size
            told = await chief(*words, *piped, stdin=f"{PASSWORD}\nwrong\n", code=Exit.FILE)
            assert told["error"]["code"] == "vault_password", words
            told = await chief(*words, *piped, stdin=f"{PASSWORD}\n", code=Exit.INPUT)
            assert "password once more" in told["error"]["detail"], words
            assert stage.head().size == size
        twice = f"{PASSWORD}\n{PASSWORD}\n"
        proposed = await chief("operation", "close", OPERATION, *piped, stdin=twice)
        approve = ("operation", "approve", OPERATION, proposed["leaf"], *piped)
        told = await deputy(*approve, stdin=f"{PASSWORD}\nwrong\n", code=Exit.FILE)
        assert told["error"]["code"] == "vault_password"
        await deputy(*approve, stdin=twice)
        assert (await chief("operation", "show", OPERATION))["phase"] == "closed"


async def test_a_hold_is_lifted_and_the_operation_erased_by_two_sides(stages: Stages) -> None:
    async with stages() as stage:
        chief, deputy = await desks(stage, CHIEF, DEPUTY)
        held = await deputy("operation", "hold", OPERATION, "case 4711")
        early = await chief("operation", "close", OPERATION)
        await deputy("operation", "approve", OPERATION, early["leaf"])
        told = await chief("operation", "erase", OPERATION, code=Exit.REFUSED)
        assert told["error"]["code"] == ErrorCode.HELD
        assert "After the end also: who may create operations, in RILO" in told["error"]["detail"]
        assert f"{held['leaf']} ({DEPUTY})" in told["error"]["detail"]
        (row,) = (await chief("operation", "show", OPERATION))["holds"]
        assert (row["hold"], row["reason"]) == (held["leaf"], "case 4711")
        lift = await chief("operation", "unhold", OPERATION, held["leaf"])
        await deputy("operation", "approve", OPERATION, lift["leaf"])
        gone = await chief("operation", "phase", OPERATION, "erased")
        await deputy("operation", "approve", OPERATION, gone["leaf"])
        rows = await deputy.lines("follow", OPERATION, "--once")
        damages = {row["damage"]["code"] for row in rows if row["item"] == "message"}
        assert damages == {"body_erased"}
        assert (await deputy("verify", OPERATION))["ok"]


async def test_an_administration_is_offboarded_and_the_rest_is_said(stages: Stages) -> None:
    async with stages() as stage:
        (chief,) = await desks(stage, CHIEF)
        needed = await chief("operation", "offboard", OPERATION, "FR", code=Exit.REFUSED)
        assert needed["error"]["code"] == "successor_needed"
        words = ("operation", "offboard", OPERATION, "FR", "--successor", CONTACT)
        told = await chief.text(*words)
        assert "FR has left: 2 people removed" in told
        assert "2 devices of its people still have sessions" in told
        shown = await chief("operation", "show", OPERATION)
        roles = {row["code"]: row["role"] for row in shown["members"]}
        assert roles[CONTACT] == "coordinator"
        assert DEPUTY not in roles


async def test_an_exercise_and_a_standing_group_are_founded_and_marked(stages: Stages) -> None:
    async with stages() as stage:
        (chief,) = await desks(stage, CHIEF)
        begin = datetime.fromtimestamp(now_ms() // 1000 - 60, UTC).isoformat()
        create = ("operation", "create", "--legal", "test", "--from", begin)
        await chief(*create, "DRILL", "--standing", "--exercise")
        both = await chief(*create, "X", "--standing", "--until", begin, code=Exit.INPUT)
        assert "--standing" in both["error"]["detail"]
        assert "EXERCISE" in await chief.text("operation", "list")
        assert "EXERCISE" in (await chief.text("operation", "show", "DRILL")).splitlines()[0]
        shown = await chief("operation", "show", "DRILL")
        assert shown["exercise"]
        assert shown["window"][1] - shown["review_at"] == 30 * 86_400_000


@pytest.mark.parametrize("given", ["--from", "--until"])
async def test_a_channel_gets_a_window_of_its_own(stages: Stages, given: str) -> None:
    async with stages() as stage:
        (chief,) = await desks(stage, CHIEF)
        soon = now_ms() // 1000 * 1000 + 3_600_000
        moment = datetime.fromtimestamp(soon / 1000, UTC).isoformat()
        await chief("channel", "create", OPERATION, "night", given, moment)
        shown = await chief("operation", "show", OPERATION)
        (night,) = [row for row in shown["channels"] if row["name"] == "night"]
        assert night["window"][given == "--until"] == soon


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--administration", "FR", "--administration", "XX"), Exit.NOT_FOUND, "the code XX"),
        (("--member", OFFICER, "--administration", "BE"), Exit.REFUSED, "one of the three"),
        (("--role", "officer", "--administration", "BE"), Exit.REFUSED, "one of the three"),
        (("--role", "king"), Exit.REFUSED, "role 'king' read, one of analyst"),
        (("--parent", ALERTS, "--until", "2099-01-01T00:00Z"), Exit.INPUT, "inside the operation"),
        (("--until", "2020-01-01T00:00Z"), Exit.INPUT, "a start before its end"),
        (("--from", "1960-01-01T00:00Z"), Exit.INPUT, "since 1970"),
    ],
)
async def test_a_channel_leaves_out_nobody_and_nothing_that_was_named(
    stages: Stages, words: tuple[str, ...], code: Exit, told: str
) -> None:
    async with stages() as stage:
        (chief,) = await desks(stage, CHIEF)
        size = stage.head().size
        refused = await chief("channel", "create", OPERATION, "new", *words, code=code)
        assert told in refused["error"]["detail"]
        assert stage.head().size == size


async def test_a_directed_channel_takes_no_window_of_its_own(stages: Stages) -> None:
    async with stages() as stage:
        (chief,) = await desks(stage, CHIEF)
        soon = datetime.fromtimestamp(now_ms() // 1000 + 3_600, UTC).isoformat()
        words = ("channel", "create", OPERATION, "new", "--parent", ALERTS, "--member", OFFICER)
        refused = await chief(*words, "--until", soon, code=Exit.REFUSED)
        assert "its parent's window" in refused["error"]["detail"]
        await chief(*words)
        await chief("channel", "create", OPERATION, "few", "--member", OFFICER)
        shown = await chief("operation", "show", OPERATION)
        readers = {row["name"]: row["readers"] for row in shown["channels"]}
        few = [OFFICER, CHIEF]
        assert (readers[ALERTS], readers["few"], readers[f"{ALERTS}/new"]) == (None, few, few)


async def test_what_is_typed_for_an_operation_is_judged_as_it_was_typed(stages: Stages) -> None:
    """Before the server is asked, in dates and words, and with the code for wrong input."""
    async with stages() as stage:
        (chief,) = await desks(stage, CHIEF)
        soon = datetime.fromtimestamp(now_ms() // 1000 + 3_600, UTC).isoformat()
        create = ("operation", "create")
        begin = ("--from", "2020-01-01T00:00Z")
        for words, told in (
            (("X", *begin, "--until", "2019-01-01T00:00Z", "--legal", "x"), "before its end"),
            (("X", *begin, "--until", "2020-01-02T00:00Z", "--legal", "x"), "2020-01-02 00:00:00Z"),
            (("X", "--from", "0001-01-01T00:00Z", "--standing", "--legal", "x"), "since 1970"),
            ((" ", *begin, "--until", soon, "--legal", "x"), "NAME: 1 bytes of text read"),
            (("é" * 40, *begin, "--until", soon, "--legal", "x"), "NAME: 80 bytes of text read"),
            (("X", *begin, "--until", soon, "--legal", ""), "--legal: 0 bytes of text read"),
        ):
            refused = await chief(*create, *words, code=Exit.INPUT)
            assert refused["error"]["code"] == "input_invalid"
            assert told in refused["error"]["detail"]
        admit = ("operation", "admit", OPERATION)
        for named, told in (
            ((f"{OUTSIDER}:king",), "role 'king' read"),
            ((f"{OUTSIDER}:officer", "--channel", "raid"), "--channel is for a bot or an expert"),
            ((f"{OUTSIDER}:officer", "--rate", "5"), "--rate is for a bot"),
            ((f"{OUTSIDER}:expert", "--channel", "raid", "--kind", "HIT"), "--kind is for a bot"),
        ):
            assert told in (await chief(*admit, *named, code=Exit.INPUT))["error"]["detail"]
        told = await chief("operation", "role", OPERATION, OFFICER, "king", code=Exit.INPUT)
        assert "role 'king' read" in told["error"]["detail"]
        told = await chief("operation", "hold", OPERATION, " ", code=Exit.INPUT)
        assert "REASON" in told["error"]["detail"]
        early = ("operation", "extend", OPERATION, "--until", "2020-01-01T00:00Z")
        told = await chief(*early, code=Exit.REFUSED)
        end = (await chief("operation", "show", OPERATION))["window"][1]
        assert f"the operation ends at {shown_time(end)}" in told["error"]["detail"]


async def test_of_operations_of_one_name_each_is_named_by_its_id(stages: Stages) -> None:
    async with stages() as stage:
        (chief,) = await desks(stage, CHIEF)
        soon = datetime.fromtimestamp(now_ms() // 1000 + 3_600, UTC).isoformat()
        words = ("--from", "2020-01-01T00:00Z", "--until", soon, "--legal", "x")
        made = await chief("operation", "create", OPERATION, *words)
        told = await chief("operation", "show", OPERATION, code=Exit.NOT_FOUND)
        assert made["log"] in told["error"]["detail"]
        assert (await chief("operation", "show", made["log"]))["phase"] == "draft"
        told = await chief("operation", "show", "NONE", code=Exit.NOT_FOUND)
        assert "no operation is called NONE" in told["error"]["detail"]


async def test_the_auditors_and_a_list_of_members_are_changed_by_commands(stages: Stages) -> None:
    async with stages() as stage:
        chief, deputy = await desks(stage, CHIEF, DEPUTY)
        audit = ("operation", "audit", OPERATION)
        told = await chief(*audit, "--auditor", AUDITORS[0], "--quorum", "1", code=Exit.REFUSED)
        assert told["error"]["code"] == ErrorCode.BAD_AUDIT_SET
        both = ("--auditor", AUDITORS[1], "--auditor", AUDITORS[0])
        made = await chief(*audit, *both, "--quorum", "2")
        await deputy("operation", "approve", OPERATION, made["leaf"])
        assert (await chief("operation", "show", OPERATION))["auditors"] == [*reversed(AUDITORS)]
        members = ("channel", "members", OPERATION, RAID)
        await chief(*members, code=Exit.INPUT)
        await chief(*members, "--add", CONTACT, "--remove", OFFICER)
        told = await chief(*members, "--remove", OFFICER, code=Exit.REFUSED)
        assert told["error"]["code"] == ErrorCode.NOT_MEMBER
        shown = await chief("operation", "show", OPERATION)
        (raid,) = [row for row in shown["channels"] if row["name"] == RAID]
        assert raid["readers"] == [CONTACT, DEPUTY, CHIEF]
        await chief("post", OPERATION, RAID, "MSG", "--file", "-", stdin='{"text": "go"}')


async def test_an_operation_has_its_live_phase_and_its_end_of_keeping(stages: Stages) -> None:
    async with stages() as stage:
        (chief,) = await desks(stage, CHIEF)
        now = now_ms() // 1000 * 1000

        def at(hours: int) -> str:
            return datetime.fromtimestamp(now / 1000 + hours * 3_600, UTC).isoformat()

        create = ("operation", "create", "TIMED", "--from", at(-1), "--until", at(9))
        legal = ("--legal", "test", "--grace", "0")
        for words, told in (
            (("--live-from", at(2), "--live-until", at(10)), "inside the operation's window"),
            (("--erase-at", at(9)), "after the end and its grace"),
        ):
            refused = await chief(*create, *words, *legal, code=Exit.INPUT)
            assert told in refused["error"]["detail"]
        times = ("--live-from", at(2), "--live-until", at(3), "--erase-at", at(20))
        await chief(*create, *times, *legal)
        await chief("operation", "phase", "TIMED", "prep")
        early = await chief("operation", "phase", "TIMED", "live", code=Exit.REFUSED)
        assert early["error"]["code"] == ErrorCode.OUT_OF_WINDOW
        assert f"from {shown_time(now + 2 * 3_600_000)}" in early["error"]["detail"]
        made = await (await stage.client(CHIEF)).operation("TIMED")
        assert made.state.genesis["retention"]["erase_at"] == now + 20 * 3_600_000


async def test_a_form_that_an_editor_began_with_a_mark_is_no_plain_text(stages: Stages) -> None:
    """Else what is RED in it would be read by all, as a text without a mark of handling."""
    async with stages() as stage:
        (chief,) = await desks(stage, CHIEF)
        size = stage.head().size
        said = json.dumps({"text": SECRET, "tlp": "RED"})
        file = stage.folder / "message.json"
        file.write_text(f"\ufeff{said}", encoding="utf-8")
        words = ("post", OPERATION, ALERTS, "MSG", "--file")
        for given, stdin in ((str(file), ""), ("-", f"\ufeff{said}")):
            told = await chief(*words, given, stdin=stdin, code=Exit.REFUSED)
            assert told["error"]["code"] == "not_directed"
        twice = '{"text": "x", "tlp": "RED", "tlp": "CLEAR"}'
        told = await chief(*words, "-", stdin=twice, code=Exit.INPUT)
        assert "'tlp' stands twice" in told["error"]["detail"]
        assert stage.head().size == size
