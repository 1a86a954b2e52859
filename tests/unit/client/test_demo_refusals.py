"""The demonstration meets every refusal of DESIGN 4 and 5 once; what it cannot meet has its reason.

Who adds a code adds it to `cencomm_client.demo.refusals.MET` with an act of the play that meets it,
or here with the reason why none can.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cencomm_client
import cencomm_config
from cencomm_client import demo
from cencomm_client.demo.refusals import MET
from cencomm_client.errors import ClientCode
from cencomm_config.errors import ServiceCode
from cencomm_crypto.errors import CencommError, ErrorCode

UNMET: dict[str, tuple[str, ...]] = {
    "bytes that only a program writes which is not ours; tests/unit/crypto, tests/fuzz": (
        *("malformed", "not_canonical", "wrong_type", "unknown_type", "unknown_version"),
        *("wrong_scope", "bad_signature", "bad_key", "key_reused", "duplicate_id"),
    ),
    "a form refuses such a content first (form_invalid); tests/integration/test_bad_input.py": (
        "too_deep",
    ),
    "a member that rotates falsely; the play has no traitor: tests/mallory A18, A20, A22": (
        *("bad_recipients", "bad_count", "bad_epoch_link", "bad_commit", "rotation_mismatch"),
    ),
    "a member that seals falsely; the play has no traitor: tests/mallory A9 to A11": (
        *("cannot_open", "forged_metadata"),
    ),
    "who loses a race signs or seals anew by itself and posts what was wanted": (
        *("stale_seen", "stale_directory", "wrong_epoch", "stale_epoch", "directory_behind"),
    ),
    "a vault that was copied and used twice; tests/integration/test_lost_devices.py": (
        *("seen_decreased", "vault_behind", "id_reused"),
    ),
    "72 hours after the proposal; tests/unit/crypto, tests/lifecycle with a moved clock": (
        "proposal_expired",
    ),
    "more people, channels or devices than a play of twelve has; tests/unit/crypto": ("too_many",),
    "signatures of custodians, who are no members; tests/unit/client/test_root.py": (
        *("bad_serial", "bad_threshold", "root_refused"),
    ),
    "only a hostile server does it; the demonstration's own hostile servers play A1, A4, A6, ...": (
        *("log_damaged", "wrong_log", "wrong_head", "bad_proof", "bad_note", "log_gap"),
        *("log_rewritten", "log_rolled_back", "log_forked", "checkpoint_forged"),
        *("checkpoint_mismatch", "entry_rejected", "entry_withheld", "body_withheld"),
        *("directory_withheld", "receipt_forged", "wrong_directory", "stopped", "clock_ahead"),
    ),
    "a server on a restored backup; tests/integration/test_restore_drill.py, tests/mallory A50": (
        *("void", "log_behind", "entries_lost", "log_restored"),
    ),
    "a newer program wrote it; tests/mallory A28": ("newer_protocol",),
    "bodies go after a day of the operator's choosing; tests/lifecycle erases": ("body_erased",),
    "who may log in, before any right in an operation; tests/unit/server, tests/integration": (
        *("login_failed", "not_authenticated", "session_expired", "account_exists", "no_session"),
    ),
    "who is enrolled, before any right in an operation; tests/unit/client/test_enrolment.py": (
        *("invitation_unknown", "invitation_spent", "enrolment_proof", "enrolment_waiting"),
        *("not_enrolled", "request_damaged"),
    ),
    "requests that no client of ours makes; tests/unit/server, tests/integration": (
        *("bad_origin", "bad_request", "not_found", "method_not_allowed", "unsupported_media"),
    ),
    "founding the deployment, before there are members; tests/unit/server": (
        *("wrong_deployment", "setup_refused", "no_directory"),
    ),
    "a server in trouble, whoever asks; tests/integration/test_fault_*.py": (
        *("too_busy", "store_down", "store_full", "clock_jumped", "shutting_down", "internal"),
    ),
    "the operator's commands, not a member's; tests/unit/server": (
        *("bad_settings", "bad_installation", "operators_needed", "unknown_format"),
    ),
    "a line or an address that fails, no act is judged; tests/unit/client/test_transport.py": (
        *("unreachable", "insecure_url", "answer_too_large", "answer_malformed", "redirected"),
    ),
    "a code of a newer server that this client does not know; tests/unit/client": ("refused",),
    "a file of the device: lost, damaged, locked; tests/unit/client/test_vault.py, _replica.py": (
        *("vault_missing", "vault_exists", "vault_locked", "vault_damaged", "vault_format"),
        *("vault_password", "replica_damaged", "replica_format", "replica_behind"),
        *("replica_locked", "queue_damaged", "report_damaged"),
    ),
    "a custodian's file; tests/unit/client/test_root.py": (
        *("root_file_missing", "root_file_exists", "root_file_locked", "root_file_damaged"),
        *("root_file_format", "root_file_passphrase", "draft_damaged"),
    ),
    "a source system at a bot's door, no member; tests/unit/client/test_bot_webhook.py": (
        *("queue_full", "request_malformed", "request_reused", "request_too_large", "request_slow"),
        *("folder_unusable", "signature_wrong", "time_outside", "address_unusable"),
    ),
    "words and files of the command line, and the play has none; tests/unit/client/test_cli.py": (
        *("input_invalid", "not_known", "file_unusable", "list_invalid", "form_set_invalid"),
    ),
}


def every_code() -> set[str]:
    """The three enumerations, and what classes outside them give."""
    for package in (cencomm_client, cencomm_config):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    given = {
        cls.__dict__["code"]
        for cls in subclasses(CencommError)
        if isinstance(cls.__dict__.get("code"), str)
        and cls.__module__.startswith(("cencomm_client", "cencomm_config", "cencomm_crypto"))
    }
    return {str(code) for code in (*ErrorCode, *ServiceCode, *ClientCode, *given)}


def subclasses(base: type[CencommError]) -> Iterator[type[CencommError]]:
    for found in base.__subclasses__():
        yield found
        yield from subclasses(found)


def tried() -> set[str]:
    """Codes that the acts name: in a call of `refused` or `refused_post`, or beside its who."""
    found: set[str] = set()
    for file in Path(demo.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            values: list[ast.expr] = []
            if node.func.attr in ("refused", "refused_post"):
                values = node.args
            elif ast.unparse(node.func) == "self.refusals.append":
                values = [value for one in node.args for value in getattr(one, "elts", ())]
            code = values[1] if len(values) > 1 else None
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                found.add(code.value)
    return found


def test_each_code_is_met_by_the_demonstration_or_has_its_reason_why_not() -> None:
    listed = Counter([*MET, *(code for codes in UNMET.values() for code in codes)])
    assert [code for code, times in listed.items() if times > 1] == []
    assert set(listed) - every_code() == set(), "codes that there are not"
    assert every_code() - set(listed) == set(), "codes that stand in neither list"


def test_each_code_that_is_met_is_named_by_an_act_of_the_play() -> None:
    assert tried() == MET


def test_a_reason_names_tests_that_are_there() -> None:
    root = Path(__file__).parents[3]
    for reason in UNMET:
        for word in reason.replace(",", " ").replace(":", " ").replace(";", " ").split():
            if word.startswith("tests/"):
                assert list(root.glob(word)), reason
