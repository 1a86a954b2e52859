"""Puts the server together, starts it in order and stops it in reverse.

The only place that knows every concrete part; nothing here decides anything. Whoever leaves the
block of `running` has every acknowledged entry durable and the embedded store stopped.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from importlib.metadata import version

import structlog
from aiohttp import web
from cencomm_config.errors import LogBehind
from cencomm_config.settings import ServerSettings, host_and_port
from cencomm_crypto.errors import ErrorCode, ProtocolError

from cencomm_server import installation as installations
from cencomm_server import sightings
from cencomm_server.accounts.hashing import SecretHasher
from cencomm_server.accounts.services import AccountLimits, AccountServices
from cencomm_server.engine.append import Appends
from cencomm_server.engine.clock import Clock
from cencomm_server.engine.erasing import Eraser
from cencomm_server.engine.following import Follower
from cencomm_server.engine.handing_back import HandingBack
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.reading import MAX_PAGE_BYTES, Reading
from cencomm_server.engine.restoring import Restoring
from cencomm_server.events import SOCKET_PATH
from cencomm_server.followers import CommittedDirectory, DirectoryFollower
from cencomm_server.founding import Founding
from cencomm_server.http.accounts import AccountHandlers
from cencomm_server.http.gate import Gate, Limits
from cencomm_server.http.listener import Listener, tls_context
from cencomm_server.http.live import LiveAuth
from cencomm_server.http.logs import LogHandlers
from cencomm_server.http.running import RunningHandlers
from cencomm_server.installation import Installation
from cencomm_server.metrics import Metrics
from cencomm_server.metrics import Reading as MetricsReading
from cencomm_server.push.fanout import Fanout
from cencomm_server.push.sockets import LiveSockets
from cencomm_server.readiness import Readiness
from cencomm_server.routes import monitoring, routes
from cencomm_server.store.counted import CountedStore
from cencomm_server.store.embedded import EmbeddedStore, StoreEvent, uri_of_running
from cencomm_server.store.mongo import Driver, open_store
from cencomm_server.store.port import Store
from cencomm_server.store.tending import Tended
from cencomm_server.throttle import Rates, Throttle

STORE_FOLDER = "store"  # of the embedded store, inside the data folder
_log = structlog.get_logger("server")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that takes requests; `directory` is the 32-byte id, None before the genesis."""

    url: str
    port: int
    name: str
    log_key: bytes
    directory: bytes | None
    embedded: bool
    metrics: str | None

    def as_json(self) -> dict[str, object]:
        """What `run --json` prints and the ready file holds."""
        return {
            "ready": True,
            "url": self.url,
            "port": self.port,
            "pid": os.getpid(),
            "name": self.name,
            "log_key": self.log_key.hex(),
            "directory": None if self.directory is None else self.directory.hex(),
            "store": "embedded" if self.embedded else "mongodb",
            "metrics": self.metrics,
        }


@asynccontextmanager
async def running(settings: ServerSettings) -> AsyncIterator[Running]:
    """Start everything; at the end stop everything.

    Raises BadInstallation, BadSettings, StoreDown, UnknownFormat, or LOG_DAMAGED of the directory.
    """
    installation = installations.load(settings.data_dir)
    tls = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = tls_context(settings.tls_cert, settings.tls_key)
    async with AsyncExitStack() as stack:
        clock = Clock()
        store, child = await _open_store(settings, clock, stack)
        metrics = Metrics(version("cencomm"))
        counted = CountedStore(store, metrics.store_failed).as_store()
        logs = Logs(counted, installation.signer(), clock, metrics)
        await logs.start()
        listener = Listener(
            settings.host, settings.port, tls, metrics=metrics, most=settings.max_connections
        )
        stack.push_async_callback(listener.close)
        origin = settings.origin_on(listener.port)
        parts = _Parts(settings, installation, counted, child, logs, origin)
        stack.push_async_callback(parts.stop)
        parts.start()
        metrics.watch(parts.reading(listener))
        monitor = await _serve_monitoring(settings, parts, stack)
        await listener.serve(parts.application, shutdown_timeout_s=settings.shutdown_grace_s)
        directory = parts.directory.state
        host = settings.listen.rpartition(":")[0]
        _log.info("started", port=listener.port, embedded=settings.embedded)
        server = Running(
            url=f"{'http' if tls is None else 'https'}://{host}:{listener.port}",
            port=listener.port,
            name=installation.name,
            log_key=installation.log_key.public,
            directory=None if directory is None else directory.id32,
            embedded=settings.embedded,
            metrics=monitor,
        )
        with sightings.shown(settings.data_dir, os.getpid(), server.url):
            yield server
        _log.info("stopping")


class _Parts:
    """Every service over one store; `stop` ends them in the order in which nothing is lost."""

    def __init__(
        self,
        settings: ServerSettings,
        installation: Installation,
        store: Store,
        child: EmbeddedStore | None,
        logs: Logs,
        origin: str,
    ) -> None:
        self._logs, self.metrics = logs, logs.metrics
        # The embedded store's folder is one process's alone; of another store others may write.
        self._following = Follower(logs) if child is None else None
        self._eraser = Eraser(logs, after_s=settings.erase_after_s)
        self._tasks: list[asyncio.Task[None]] = []
        self.directory = CommittedDirectory(logs)
        handing_back = HandingBack(logs)
        self._appends = Appends(
            logs,
            rotations_per_hour=settings.rotations_per_hour,
            hold_s=settings.hold_s,
            restoring=Restoring(logs, handing_back.gathering),
        )
        self._throttle = throttle = Throttle(
            Rates(**{field.name: getattr(settings, field.name) for field in fields(Rates)}),
            metrics=logs.metrics,
        )
        self._sockets = LiveSockets(
            fanout=Fanout(logs),
            appends=self._appends,
            authenticate=lambda auth, request: live_auth(auth, gate.address_key(request)),
            admit=lambda request: throttle.stranger(gate.address_key(request)),
            charge=lambda device, size: throttle.device(device, None, size),
            origins=(origin, *settings.allowed_origins),
            max_sockets=settings.max_sockets,
            buffer_bytes=settings.socket_buffer_bytes,
            metrics=logs.metrics,
        )
        self._hasher = SecretHasher(threads=settings.argon2_threads, queue=settings.argon2_queue)
        self._accounts = accounts = AccountServices(
            store=store,
            directory=self.directory,
            sockets=self._sockets,
            hasher=self._hasher,
            clock=logs.clock.now_ms,
            key=installation.sealing_key,
            origin=origin,
            limits=AccountLimits(
                **{field.name: getattr(settings, field.name) for field in fields(AccountLimits)}
            ),
            metrics=logs.metrics,
        )
        live_auth = LiveAuth(accounts.live, throttle, logs.metrics)
        self._follower = DirectoryFollower(accounts.revocations)
        logs.listen(self._follower.committed)
        self._readiness = Readiness(
            {
                "store": store.ping if child is None else Tended(store.ping, child).check,
                "clock": self._check_clock,
                "directory": self._check_directory,
                "logs": self._check_logs,
            }
        )
        running = RunningHandlers(
            readiness=self._readiness,
            metrics=logs.metrics,
            directory=self.directory,
            name=installation.name,
            log_key=installation.log_key.public,
            version=version("cencomm"),
            limits={
                "submission_bytes": settings.max_submission_bytes,
                "read_bytes": MAX_PAGE_BYTES,
            },
        )
        table = routes(
            running,
            AccountHandlers(accounts, logs.metrics),
            LogHandlers(
                appends=self._appends,
                reading=Reading(logs),
                handing_back=handing_back,
                founding=Founding(installation, self.directory),
            ),
        )
        limits = Limits(
            json_bytes=settings.max_json_bytes,
            submission_bytes=settings.max_submission_bytes,
            proxies=settings.proxies,
            over_tls=settings.tls_cert is not None,
            operator_token=""
            if settings.metrics_token is None
            else settings.metrics_token.get_secret_value(),
        )
        gate = Gate(accounts.sessions, limits, throttle, logs.metrics)
        self.application: web.Application = gate.application(table)
        self.monitoring: web.Application = gate.application(monitoring(running))
        for path in (SOCKET_PATH, SOCKET_PATH + "/"):  # the library's clients add the slash
            self.application.router.add_route("GET", path, self._sockets.handle)

    def reading(self, listener: Listener) -> MetricsReading:
        """What the metrics ask at each scrape."""
        return MetricsReading(
            connections=lambda: listener.connections,
            silent=lambda: listener.silent,
            sockets=self._sockets.counts,
            queue=self._appends.waiting,
            logs_damaged=lambda: len(self._logs.damaged()),
            logs_behind=lambda: len(self._logs.behind()),
            log_sizes=lambda: ((log.log_id.hex(), log.size) for log in self._logs.by_id()),
        )

    def start(self) -> None:
        """Begin what runs beside the requests."""
        self._tasks = [
            asyncio.create_task(self._logs.load_all(), name="load logs"),
            asyncio.create_task(self._accounts.live.sweep(), name="sweep sessions"),
            asyncio.create_task(self._readiness.watch(), name="watch readiness"),
            asyncio.create_task(self._eraser.run(), name="erase bodies"),
        ]
        if self._following is not None:
            self._tasks.append(asyncio.create_task(self._following.run(), name="follow store"))

    async def stop(self) -> None:
        """Refuse what is new, write what is queued, then end sockets and tasks."""
        self._readiness.stop()
        await self._appends.stop()
        await self._sockets.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._follower.stop()
        self._hasher.close()

    async def _check_clock(self) -> None:
        for runtime in self._logs.by_id():
            self._logs.clock.next_at(runtime.last_at)
        self._logs.clock.now_ms()

    async def _check_directory(self) -> None:
        await self._logs.open_directory()

    async def _check_logs(self) -> None:
        damaged = self._logs.damaged()
        if damaged:
            raise ProtocolError(ErrorCode.LOG_DAMAGED, f"{len(damaged)} logs have stopped")
        behind = self._logs.behind()
        if behind:
            raise LogBehind(f"{len(behind)} logs hold less than was signed")


async def _serve_monitoring(
    settings: ServerSettings, parts: _Parts, stack: AsyncExitStack
) -> str | None:
    """/metrics on a port of its own, where the settings ask for one; its address."""
    if settings.metrics_listen is None:
        return None
    host, port = host_and_port(settings.metrics_listen)
    listener = Listener(host, port, None, metrics=parts.metrics)
    stack.push_async_callback(listener.close)
    await listener.serve(parts.monitoring, shutdown_timeout_s=0.0)
    return f"http://{settings.metrics_listen.rpartition(':')[0]}:{listener.port}"


@asynccontextmanager
async def store_beside(settings: ServerSettings) -> AsyncIterator[Store]:
    """The store for `doctor` and `export`, whether a server runs on it now or not."""
    async with AsyncExitStack() as stack:
        uri = uri_of_running(settings.data_dir / STORE_FOLDER) if settings.embedded else None
        if uri is None:
            store, _ = await _open_store(settings, Clock(), stack)
            yield store
            return
        driver = Driver(settings.store_driver)
        store = await open_store(uri, settings.store_database, driver=driver)
        stack.push_async_callback(store.close)
        yield store


async def _open_store(
    settings: ServerSettings, clock: Clock, stack: AsyncExitStack
) -> tuple[Store, EmbeddedStore | None]:
    """The store, and its process where it is a child of ours."""
    embedded = None
    uri, driver = settings.store.get_secret_value(), Driver(settings.store_driver)
    if settings.embedded:
        embedded = EmbeddedStore(
            settings.embedded_program,
            settings.data_dir / STORE_FOLDER,
            cache_mb=settings.embedded_cache_mb,
            driver=driver,
            report=_report,
        )
        uri = await embedded.start()
        stack.push_async_callback(embedded.stop)
    store = await open_store(uri, settings.store_database, driver=driver, clock=clock.wall_ms)
    stack.push_async_callback(store.close)
    return store, embedded


def _report(event: StoreEvent) -> None:
    _log.warning("embedded_store", happened=event.kind, detail=event.detail)
