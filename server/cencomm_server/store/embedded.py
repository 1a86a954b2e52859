"""The embedded store: SecantusDB's native server as a watched child process on loopback.

For one machine, trials and tests; production is a MongoDB replica set (docs/adr/0002). Its module
is never imported, only its program is run. DESIGN 8 says what was measured about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import secrets
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cencomm_config.errors import BadInstallation, StoreDown

from cencomm_server.store import mongo
from cencomm_server.store.leftover import stop_leftovers

_USER = "cencomm"
_READY = re.compile(rb"secantusd-rs listening on 127\.0\.0\.1:(\d+)")
_READY_WITHIN_S = 60.0  # recovery after a crash replays the write-ahead log first
_STOP_WITHIN_S = 15.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
LEAST_ROOM_BYTES = 40 << 20  # one more file of the write-ahead log, and something beside it
_SETTLED_S = 60.0  # a child that lived so long starts the back-off anew


class StoreEventKind(StrEnum):
    """What the server's log and /readyz should know about the child."""

    STARTED = "started"
    DIED = "died"
    RESTARTED = "restarted"
    NOT_RESTARTED = "not_restarted"
    LEFTOVER_STOPPED = "leftover_stopped"


@dataclass(frozen=True, slots=True)
class StoreEvent:
    """One thing that happened to the child; `detail` holds no secret."""

    kind: StoreEventKind
    detail: str


class EmbeddedStore:
    """One child on one folder: `start`, use `uri`, `stop`.

    The folder (mode 0700) holds `data/`, `password` and `secantusd.toml` (0600), `store.log` and
    `lock`, which only one server at a time can hold.
    """

    def __init__(
        self,
        program: Path,
        folder: Path,
        *,
        cache_mb: int = 256,
        driver: mongo.Driver = mongo.Driver.MOTOR,
        report: Callable[[StoreEvent], None] = lambda event: None,
    ) -> None:
        """`program`: the secantusd-rs that `make setup` fetched; `report` hears every event."""
        self._program = program.resolve()
        self._folder = folder.resolve()
        self._cache_mb = cache_mb
        self._driver = driver
        self._report = report
        self._lock: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._port = 0
        self._password = ""

    @property
    def uri(self) -> str:
        """Where the child listens, with its password; stays the same over restarts."""
        return _uri(self._port, f"{_USER}:{self._password}@", "&authMechanism=SCRAM-SHA-256")

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs; tests and `doctor` ask."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process is not None else None

    async def start(self) -> str:
        """Bring the child up and return `uri`.

        Raises BadInstallation if the program is missing, another server uses the folder, or
        somebody else made himself a user of the store; StoreDown if it does not come up.
        """
        if not os.access(self._program, os.X_OK):
            raise BadInstallation(
                f"the embedded store's program is not at {self._program}: run `make setup`, "
                "or set CENCOMM_EMBEDDED_PROGRAM, or set CENCOMM_STORE to a mongodb:// URI"
            )
        self._lock = _locked(self._folder)
        try:
            for pid in await self._stop_leftovers():
                self._report(StoreEvent(StoreEventKind.LEFTOVER_STOPPED, f"pid {pid}"))
            if not self._data.exists():
                await self._make_data()
            self._password = (self._folder / "password").read_text(encoding="ascii")
            await self._launch(self._data, "--auth")
            await self._refuse_strangers()
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep_alive(), name="embedded store")
        self._report(StoreEvent(StoreEventKind.STARTED, f"pid {self.pid}, port {self._port}"))
        return self.uri

    @property
    def room_bytes(self) -> int:
        """What is left on the disk of the data."""
        return room_bytes(self._folder)

    async def restart(self, *, gently: bool = True) -> None:
        """End the child; the watch starts it again. For one that is alive and fails everything.

        Not `gently`: with SIGKILL, for one that does not even answer; each commit was synced.
        """
        if gently:
            await self._terminate()
        elif self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """SIGTERM, wait, and let go of the folder; harmless when it is not running."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        await self._terminate()
        if self._lock is not None:
            await self._stop_leftovers()  # one whose start was cancelled half-way
            os.close(self._lock)
            self._lock = None

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _fresh(self) -> Path:
        return self._folder / "data.new"

    async def _make_data(self) -> None:
        """A new data folder with its one user, complete or not there at all.

        A user can only be made while authentication is off: once, for a tenth of a second, on a
        port that nobody was told. Whoever shares the machine with people that would lie in wait
        for it uses MongoDB (docs/adr/0002); `_refuse_strangers` finds the simple case.
        """
        fresh = self._fresh
        shutil.rmtree(fresh, ignore_errors=True)
        password = secrets.token_urlsafe(32)
        _write_secret(self._folder / "password", password)
        _write_secret(self._folder / "secantusd.toml", "[oplog]\nretention_seconds = 60.0\n")
        await self._launch(fresh)
        try:
            await mongo.create_user(_uri(self._port, ""), _USER, password, driver=self._driver)
        finally:
            await self._terminate()
        self._port = 0
        fresh.rename(self._data)

    async def _stop_leftovers(self) -> list[int]:
        pids = []
        for data in (self._data, self._fresh):
            found = await stop_leftovers(data, self._program.name, _STOP_WITHIN_S)
            pids += [child.pid for child in found]
        return pids

    async def _refuse_strangers(self) -> None:
        names = await mongo.user_names(self.uri, driver=self._driver)
        if names != [_USER]:
            raise BadInstallation(f"the embedded store in {self._folder} has users we did not make")

    async def _launch(self, data: Path, *options: str) -> None:
        """Start the child on `data` and wait for its readiness line."""
        log = self._folder / "store.log"
        with contextlib.suppress(FileNotFoundError):
            log.replace(self._folder / "store.log.1")
        with log.open("wb") as output:
            # Its own session: Ctrl-C reaches the server, which stops the child when it is done.
            # Output goes to a file: a pipe would break when the server is killed.
            self._process = await asyncio.create_subprocess_exec(
                str(self._program),
                *("--host", "127.0.0.1", "--port", str(self._port), "--storage-path", str(data)),
                *("--config", str(self._folder / "secantusd.toml")),
                *("--cache-size", f"{self._cache_mb}M", "--log-file-max", "32MB"),
                "--sync-on-commit",  # else it loses acknowledged writes on kill -9 (DESIGN 8)
                *options,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self._folder,
                env={},
                start_new_session=True,
            )
        self._port = await self._ready(self._process, log)

    async def _ready(self, process: asyncio.subprocess.Process, log: Path) -> int:
        patience = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < patience:
            line = _READY.search(_content(log))
            if line is not None:
                return int(line[1])
            if process.returncode is not None:
                raise StoreDown(f"the embedded store ended at once, see {log}")
            await asyncio.sleep(0.02)
        await self._terminate()
        raise StoreDown(f"the embedded store was not ready in {_READY_WITHIN_S:.0f} s, see {log}")

    async def _terminate(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), _STOP_WITHIN_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep_alive(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            process, since = self._process, time.monotonic()
            if process is not None:
                code = await process.wait()
                self._report(StoreEvent(StoreEventKind.DIED, f"exit status {code}"))
            if time.monotonic() - since > _SETTLED_S:
                pause = _FIRST_PAUSE_S
            while True:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
                try:
                    await self._launch(self._data, "--auth")
                except (StoreDown, OSError) as error:
                    self._report(StoreEvent(StoreEventKind.NOT_RESTARTED, str(error)))
                else:
                    self._report(StoreEvent(StoreEventKind.RESTARTED, f"pid {self.pid}"))
                    break


def uri_of_running(folder: Path) -> str | None:
    """Where the child of a server that is running on this folder listens, else None.

    For `doctor` and `export`, which look while the server works; as secret as `EmbeddedStore.uri`.
    """
    try:
        os.close(_locked(folder.resolve()))
    except BadInstallation:
        pass
    else:
        return None
    line = _READY.search(_content(folder / "store.log"))
    if line is None:
        raise StoreDown("the embedded store of the running server is not ready")
    password = (folder / "password").read_text(encoding="ascii")
    return _uri(int(line[1]), f"{_USER}:{password}@", "&authMechanism=SCRAM-SHA-256")


def room_bytes(folder: Path) -> int:
    """What is left on the disk of an embedded store's folder, or where it will be made."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _uri(port: int, credentials: str, more: str = "") -> str:
    place = f"{credentials}127.0.0.1:{port}"
    return f"mongodb://{place}/?replicaSet=secantus&retryWrites=false&authSource=admin{more}"


def _content(log: Path) -> bytes:
    return log.read_bytes()  # a few lines: it begins anew with every start


def _write_secret(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _locked(folder: Path) -> int:
    """Make the folder and hold its lock until the descriptor is closed, or the process ends."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BadInstallation(f"another server is running on the store in {folder}") from None
    return descriptor
