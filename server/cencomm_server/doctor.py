"""`doctor`: looks at everything, changes nothing; a finding is a name, a verdict, a sentence."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum

from cencomm_config.errors import ServiceCode
from cencomm_config.settings import ServerSettings, unknown_variables
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.replay import DirectoryLog

from cencomm_server import installation as installations
from cencomm_server import sightings
from cencomm_server.engine.clock import SKEW_MS
from cencomm_server.http.listener import tls_context
from cencomm_server.operators import Operators
from cencomm_server.readiness import OK
from cencomm_server.replaying import Replayed, replay
from cencomm_server.store.documents import FORMAT, LogKind
from cencomm_server.store.embedded import LEAST_ROOM_BYTES, room_bytes
from cencomm_server.store.port import Store


class Verdict(StrEnum):
    """How bad it is; a warning alone does not change the exit code."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; `code` is there where something is wrong."""

    name: str
    verdict: Verdict
    detail: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order in which they were made."""

    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing failed."""
        return all(finding.verdict is not Verdict.FAILED for finding in self.findings)

    def as_json(self) -> dict[str, object]:
        """What `doctor --json` prints."""
        return {
            "ok": self.is_well,
            "checks": [
                {
                    "name": finding.name,
                    "status": finding.verdict.value,
                    "code": finding.code,
                    "detail": finding.detail,
                }
                for finding in self.findings
            ],
        }


OpenStore = Callable[[ServerSettings], AbstractAsyncContextManager[Store]]


async def examine(
    read_settings: Callable[[], ServerSettings], open_store: OpenStore, environ: Mapping[str, str]
) -> Report:
    """Look at settings, keys, TLS, store, clock and logs; stops where a later one needs more."""
    notes = _Notes()
    settings = notes.settings(read_settings, environ)
    if settings is None:
        return notes.report()
    installation = notes.try_installation(settings)
    notes.tls(settings)
    if installation is None:
        return notes.report()
    notes.operators(settings)
    await _look_at_servers(settings, notes)
    notes.disk(settings)
    try:
        async with open_store(settings) as store:
            await store.ping()
            meta = await store.meta()
            where = "embedded" if settings.embedded else "mongodb"
            notes.ok("store", f"{where}, takes a durable write, format {meta.format} of {FORMAT}")
            await _look_at_logs(store, installation, notes)
    except CencommError as error:
        notes.failed("store", error)
    return notes.report()


async def _look_at_servers(settings: ServerSettings, notes: _Notes) -> None:
    """What only a running process knows: a clock that jumped under it, a log that it stopped."""
    for seen in await sightings.look(settings.data_dir):
        wrong = {part: code for part, code in seen.checks.items() if code != OK}
        name = f"server {seen.pid}"
        if set(wrong.values()) == {ServiceCode.NO_DIRECTORY}:
            notes.warning(name, "waits for the directory's genesis", ServiceCode.NO_DIRECTORY)
        elif wrong:
            text = ", ".join(f"{part} {code}" for part, code in wrong.items())
            notes.add(name, Verdict.FAILED, f"not ready: {text}", next(iter(wrong.values())))
        else:
            notes.ok(name, "runs and is ready")


async def _look_at_logs(
    store: Store, installation: installations.Installation, notes: _Notes
) -> None:
    docs = sorted(await store.logs(), key=lambda doc: doc.kind is not LogKind.DIRECTORY)
    if not docs or docs[0].kind is not LogKind.DIRECTORY:
        notes.warning("directory", "no genesis yet; `cencomm root` posts it", "no_directory")
        return
    newest_at = 0
    directory: Replayed | None = None
    for doc in docs:
        name = f"{doc.kind} {doc.log.hex()}"
        try:
            found = await replay(store, doc, installation, directory)
        except CencommError as error:
            notes.failed(name, error)
            if doc.kind is LogKind.DIRECTORY:
                return
            continue
        directory = directory or found
        newest_at = max(newest_at, found.at)
        _note_log(name, found, notes)
    _note_log_key(directory, installation, notes)
    ahead_ms = newest_at - time.time_ns() // 1_000_000
    if ahead_ms > SKEW_MS:
        notes.add("clock", Verdict.FAILED, f"{ahead_ms} ms behind the newest entry", "clock_jumped")
    else:
        notes.ok("clock", f"not behind the newest entry by more than {SKEW_MS // 1000} s")


def _note_log_key(
    directory: Replayed | None, installation: installations.Installation, notes: _Notes
) -> None:
    """Whether the server can sign what comes next, and whether an old key waits for its end."""
    if directory is None or not isinstance(directory.log, DirectoryLog):
        return
    named, held = directory.log.state.log_key, installation.log_keys
    if named not in [key.public for key in held]:
        detail = f"the directory names {named.hex()[:16]}..., which is not held here"
        notes.add("log key", Verdict.FAILED, detail, "bad_installation")
    elif named != installation.log_key.public or len(held) > 1:
        state = "is named: run `cencomm-server logkey adopt`"
        if named == installation.log_key.public:
            state = "waits: `cencomm root logkey` names it"
        notes.warning("log key", f"the next one {state}", "")
    else:
        notes.ok("log key", "held, and the one that the directory names")


def _note_log(name: str, found: Replayed, notes: _Notes) -> None:
    text = f"{found.size} entries replayed, head of size {found.covered} verified"
    if found.signed > found.size:
        text += f"; {found.signed} were signed: members have to hand the rest back"
        notes.add(name, Verdict.FAILED, text, ServiceCode.LOG_BEHIND)
    elif found.unnamed:
        text += f"; {found.unnamed} lost: members have to bring them, or governance to name them"
        notes.add(name, Verdict.FAILED, text, ServiceCode.LOG_BEHIND)
    elif found.rejected:
        count = len(found.rejected)
        text += f"; {count} that the rules reject, first {found.rejected[0]}"
        notes.add(name, Verdict.FAILED, text, "log_damaged")
    elif found.missing_wraps:
        text += f"; {found.missing_wraps} rotations without their wraps"
        notes.add(name, Verdict.FAILED, text, "log_damaged")
    elif found.covered < found.size:
        text += "; the rest gets its head at the next start"
        notes.warning(name, text, "")
    else:
        notes.ok(name, text)


class _Notes:
    """Collects findings."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []

    def report(self) -> Report:
        return Report(tuple(self._findings))

    def add(self, name: str, verdict: Verdict, detail: str, code: str = "") -> None:
        self._findings.append(Finding(name, verdict, detail, code))

    def ok(self, name: str, detail: str) -> None:
        self.add(name, Verdict.OK, detail)

    def warning(self, name: str, detail: str, code: str) -> None:
        self.add(name, Verdict.WARNING, detail, code)

    def failed(self, name: str, error: CencommError) -> None:
        self.add(name, Verdict.FAILED, error.detail or str(error.code), str(error.code))

    def settings(
        self, read: Callable[[], ServerSettings], environ: Mapping[str, str]
    ) -> ServerSettings | None:
        try:
            settings = read()
        except CencommError as error:
            self.failed("settings", error)
            return None
        mistyped = unknown_variables(environ)
        if mistyped:
            names = ", ".join(mistyped)
            self.warning("settings", f"in the environment and no settings: {names}", "bad_settings")
        elif settings.hold_s:
            self.warning(
                "settings", f"hold_s: {settings.hold_s:.0f} s after each start take nothing", ""
            )
        else:
            self.ok("settings", "all values can be used")
        return settings

    def try_installation(self, settings: ServerSettings) -> installations.Installation | None:
        try:
            found = installations.load(settings.data_dir)
        except CencommError as error:
            self.failed("data folder", error)
            return None
        self.ok("data folder", f"deployment {found.name}, both keys for their owner alone")
        return found

    def operators(self, settings: ServerSettings) -> None:
        try:
            kept = Operators.of(settings)
        except CencommError as error:
            self.failed("operators", error)
            return
        if kept.single:
            detail = "one alone is accepted for dangerous commands: setting single_operator"
            self.warning("operators", detail, "")
        elif kept.enough:
            self.ok("operators", f"{len(kept.names)} are named; two must stand behind a command")
        else:
            detail = f"{len(kept.names)} of two are named; dangerous commands are refused"
            self.warning("operators", detail, "operators_needed")

    def disk(self, settings: ServerSettings) -> None:
        """Of the embedded store; another one's is not ours to see."""
        if not settings.embedded:
            return
        room = room_bytes(settings.data_dir)
        text = f"{room >> 20} MB are left on the embedded store's disk"
        if room < LEAST_ROOM_BYTES:
            least = LEAST_ROOM_BYTES >> 20
            full = f"{text}; at least {least} expected"
            self.add("disk", Verdict.FAILED, full, ServiceCode.STORE_FULL)
        else:
            self.ok("disk", text)

    def tls(self, settings: ServerSettings) -> None:
        if settings.tls_cert is None or settings.tls_key is None:
            return
        try:
            tls_context(settings.tls_cert, settings.tls_key)
        except CencommError as error:
            self.failed("tls", error)
        else:
            self.ok("tls", "certificate and key fit")
