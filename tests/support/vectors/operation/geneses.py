"""The first entry of an operation (PROTOCOL 7.7, 7.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cencomm_crypto.errors import DirectoryBehind, ProtocolError, Rejected
from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.primitives import EMPTY_ROOT
from cencomm_crypto.public.replay import OperationLog
from cencomm_crypto.public.wire import encode_sequenced, sequence

from tests.support.operation import CLOSES, GRACE, OPENS
from tests.support.vectors.notation import Case, Json, fixed
from tests.support.vectors.operation.acts import broken
from tests.support.vectors.stage import Stage


def founded(
    stage: Stage,
    name: str,
    rule: str,
    entry: Entry,
    failure: str | None = None,
    pin: bytes | None = None,
) -> Case:
    """A case that offers a genesis over the stage's directory, with what was appended to it."""
    item = sequence(0, stage.operation.clock, entry)
    inputs: dict[str, Json] = {"scene": stage.name}
    more = stage.directory.entries[stage.base_directory :]
    if more:
        inputs["directory"] = [encode_sequenced(later) for later in more]
    inputs["item"] = encode_sequenced(item)
    if pin is not None:
        inputs["pin"] = pin
    try:
        result = OperationLog(stage.directory.log, pin).check(item)
    except (ProtocolError, DirectoryBehind) as error:
        found: str | None = error.code
    else:
        if not isinstance(result, Rejected):
            if failure is not None:
                raise ValueError(f"{name}: accepted, {failure} is what the specification says")
            output = {"state": state_hash(result), "id": result.id32, "main": result.main}
            return Case(name, rule, "found operation", inputs, output)
        found = result.code
    if found != failure:
        raise ValueError(f"{name}: {found} came out, {failure} is what the specification says")
    return Case(name, rule, "found operation", inputs, failure=failure)


def geneses(stage: Stage) -> Iterator[Case]:
    operation = stage.operation
    body = operation.genesis_body

    def made(changed: dict[str, Any] | None = None, **header: Any) -> Entry:
        return operation.author(
            "operation.genesis", {**body, **(changed or {})}, stage.chief, **header
        )

    auditors = [auditor.id for auditor in stage.auditors]
    yield founded(stage, "genesis", "OPS-15", made())
    yield founded(stage, "genesis, another one pinned", "ENT-4", made(), "wrong_log", fixed("pin"))
    rows: list[tuple[str, str, Entry, str | None]] = [
        ("has seen an entry", "OPS-15", made(seen=Head(1, fixed("root"))), "wrong_head"),
        ("of another directory", "OPS-15", made({"directory": fixed("other")}), "wrong_log"),
        ("of rules 2", "OPS-15", made({"rules": 2}), "unknown_version"),
        ("of phases 2", "OPS-15", made({"phases": 2}), "unknown_version"),
        ("of suite 2", "OPS-15", made({"suite_min": 2}), "unknown_version"),
        ("with a wrong root of the directory", "OPS-1",
         made(dir=Head(stage.directory.head.size, fixed("root"))), "wrong_head"),
        ("with a directory of size 0", "OPS-1", made(dir=Head(0, EMPTY_ROOT)), "wrong_head"),
        ("with a directory that has not come", "OPS-1",
         made(dir=Head(stage.directory.head.size + 1, fixed("root"))), "directory_behind"),
        ("by an unknown device", "OPS-15",
         operation.author("operation.genesis", body,
                          stage.directory.new_device(stage.chief.id)), "unknown_device"),
        ("with a broken signature", "ENT-1", broken(made()), "bad_signature"),
        ("by a person without the role", "OPS-15",
         operation.author("operation.genesis", body, stage.officer), "not_permitted"),
        ("whose window ends before it begins", "OPS-15",
         made({"window": [CLOSES, OPENS]}), "bad_value"),
        ("whose window is empty", "OPS-15", made({"window": [OPENS, OPENS]}), "bad_value"),
        ("whose live begins before the window", "OPS-6",
         made({"live": [OPENS - 1, CLOSES]}), "bad_value"),
        ("whose live ends after the window", "OPS-6",
         made({"live": [OPENS, CLOSES + 1]}), "bad_value"),
        ("erased before its end", "OPS-15",
         made({"retention": {"erase_at": CLOSES + GRACE}}), "bad_value"),
        ("erased after its end", "OPS-15",
         made({"retention": {"erase_at": CLOSES + GRACE + 1}}), None),
        ("without an audit set", "OPS-13", made({"audit": {"persons": [], "k": 0}}), None),
        ("with k but no auditors", "OPS-13",
         made({"audit": {"persons": [], "k": 2}}), "bad_audit_set"),
        ("with k 1", "OPS-13", made({"audit": {"persons": auditors, "k": 1}}), "bad_audit_set"),
        ("with k above its auditors", "OPS-13",
         made({"audit": {"persons": auditors, "k": 4}}), "bad_audit_set"),
        ("with k of all", "OPS-13", made({"audit": {"persons": auditors, "k": 3}}), None),
        ("with an auditor twice", "OPS-13",
         made({"audit": {"persons": [auditors[0], *auditors[:2]], "k": 3}}), "bad_audit_set"),
        ("with an unknown auditor", "OPS-13",
         made({"audit": {"persons": [bytes(16), *auditors], "k": 2}}), "unknown_person"),
        ("with its author as auditor", "OPS-13",
         made({"audit": {"persons": [stage.chief.id, *auditors], "k": 2}}), "bad_audit_set"),
        ("with a bot as auditor", "OPS-13",
         made({"audit": {"persons": [stage.bot.id, *auditors], "k": 2}}), "bad_audit_set"),
        ("with k auditors of one administration", "OPS-13",
         made({"audit": {"persons": [stage.outsider.id, stage.analyst.id, auditors[0]], "k": 2}}),
         "bad_audit_set"),
        ("with a witness policy without k", "DIR-16",
         made({"witness": {"keys": [["w.example", stage.directory.log_key.public]], "k": 0,
                           "fresh": 60, "mode": "strict"}}), "bad_threshold"),
    ]  # fmt: skip
    for name, rule, entry, code in rows:
        yield founded(stage, f"genesis {name}", rule, entry, code)
    with stage.rewound():
        stage.directory.suspend(stage.chief)
        yield founded(stage, "genesis by a suspended person", "OPS-15", made(), "inactive")
    with stage.rewound():
        stage.directory.suspend(stage.auditors[0])
        yield founded(stage, "genesis with a suspended auditor", "OPS-13", made(), "inactive")
    with stage.rewound():
        raised = stage.directory.by_governance("suite.raise", {"suite_min": 2})
        stage.directory.append(raised)
        yield founded(stage, "genesis below the directory's suite", "DIR-10", made(), "bad_value")
