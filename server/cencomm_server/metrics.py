"""What one server process counts, for Prometheus; docs/operations.md lists every name.

One object, made in `app` and handed to whoever has something to count. Labels come from short
lists and from nowhere else: a code of the tables, a route's template, a word of the enums below,
a log's id. No person, device, account or address is ever a label (DESIGN 9), and what a stranger
sends makes no new series (A35).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from cencomm_config.errors import ServiceCode
from cencomm_crypto.errors import CencommError
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from cencomm_server.errors import STATUS

OK: Final = "ok"
MEDIA: Final = CONTENT_TYPE_PLAIN_0_0_4
MOST_LOGS = 1000  # logs with a series of their own; the largest, the rest is left out
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ENTRIES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_BYTES = (1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304)


class LoginKind(StrEnum):
    """Who logs in, and where."""

    PERSON = "person"
    REGISTRATION = "registration"
    RECOVERY = "recovery"
    BOT = "bot"
    SOCKET = "socket"


class SocketEnd(StrEnum):
    """Why this server ended a live socket; one that its client left is `left`."""

    LEFT = "left"
    STALLED = "stalled"  # took no byte for too long (A34)
    REFUSED = "refused"  # sent what is no packet of ours, or never authenticated
    SESSION = "session"  # logout, revocation, suspension
    REPLACED = "replaced"  # a newer one of the same device took its place
    STOPPING = "stopping"


class ConnectionEnd(StrEnum):
    """Why this server ended a connection that had not asked for anything, or was too slow (A35)."""

    SILENT = "silent"  # not a byte
    HEAD = "slow_head"  # no whole head of a request
    BODY = "slow_body"
    CROWDED = "crowded"  # made place for a newer one


class Limit(StrEnum):
    """Which bound refused something with `rate_limited` or `too_busy`."""

    ADDRESS = "address"
    DEVICE = "device"
    ACCOUNT = "account"
    ROTATIONS = "rotations"
    DROPS = "drops"
    SOCKETS = "sockets"
    QUEUE = "queue"
    OTHER = "other"


class Alarm(StrEnum):
    """What an operator has to look at at once; the log line says more."""

    LOG_DAMAGED = "log_damaged"
    LOG_BEHIND = "log_behind"
    ID_REUSED = "id_reused"
    REJECTED_ENTRY = "rejected_entry_in_log"


class SocketCounts(NamedTuple):
    """Open live sockets: authenticated, not yet, and of the first those that get heads alone."""

    live: int
    waiting: int
    lagging: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What is so at the moment of a scrape; whoever owns the number gives a callable for it."""

    connections: Callable[[], int] = lambda: 0
    silent: Callable[[], int] = lambda: 0  # connections without a byte yet
    sockets: Callable[[], SocketCounts] = lambda: SocketCounts(0, 0, 0)
    queue: Callable[[], tuple[int, int]] = lambda: (0, 0)  # entries that wait, their bytes
    logs_damaged: Callable[[], int] = lambda: 0
    logs_behind: Callable[[], int] = lambda: 0
    log_sizes: Callable[[], Iterable[tuple[str, int]]] = tuple  # id in hex, newest checkpoint


class Metrics:
    """Counters of one process in a registry of its own; every method is cheap and never raises."""

    def __init__(self, version: str = "") -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "cencomm_requests",
            "HTTP requests by route and code, ok or that of the failure.",
            ("method", "route", "code"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "cencomm_request_seconds",
            "Time from the head of a request to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._appends = Counter(
            "cencomm_appends",
            "Entries offered to a log, by HTTP or socket, by code.",
            ("code",),
            registry=registry,
        )
        self._commit_entries = Histogram(
            "cencomm_commit_entries",
            "Entries written in one commit.",
            buckets=_ENTRIES,
            registry=registry,
        )
        self._commit_bytes = Histogram(
            "cencomm_commit_bytes",
            "Bytes of the entries and wraps of one commit.",
            buckets=_BYTES,
            registry=registry,
        )
        self._commit_seconds = Histogram(
            "cencomm_commit_seconds",
            "Time from taking a batch off the queue to its receipts.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._pushed = Counter(
            "cencomm_pushed_entries",
            "Entries pushed, counted once for each socket.",
            registry=registry,
        )
        self._heads = Counter(
            "cencomm_pushed_heads",
            "Notices that took the place of entries: a lagging socket, or a commit too large.",
            registry=registry,
        )
        self._sockets_opened = Counter(
            "cencomm_sockets_opened", "Live sockets opened.", registry=registry
        )
        self._sockets_ended = Counter(
            "cencomm_sockets_ended",
            "Live sockets ended, by reason.",
            ("reason",),
            registry=registry,
        )
        self._connections_ended = Counter(
            "cencomm_connections_ended",
            "Connections that this server ended before an answer, by reason.",
            ("reason",),
            registry=registry,
        )
        self._logins = Counter(
            "cencomm_logins", "Logins by kind and code.", ("kind", "code"), registry=registry
        )
        self._limited = Counter(
            "cencomm_limited",
            "What a bound refused, by the bound.",
            ("limit",),
            registry=registry,
        )
        self._store_errors = Counter(
            "cencomm_store_errors", "Calls of the store that failed.", registry=registry
        )
        self._alarms = Counter(
            "cencomm_alarms", "What an operator must look at.", ("kind",), registry=registry
        )
        self._show_from_the_start()
        self._now = _Now(version)
        registry.register(self._now)
        ProcessCollector(namespace="cencomm", registry=registry)

    # -- what is counted ----------------------------------------------------------------------

    def request(self, method: str, route: str, code: str, seconds: float) -> None:
        """One HTTP request; `route` is a template, `code` empty for success."""
        method = method if method in ("GET", "HEAD", "POST") else "other"
        self._requests.labels(method, route, _code(code)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def append(self, code: str = OK) -> None:
        """One entry offered to a log."""
        self._appends.labels(_code(code)).inc()

    def commit(self, entries: int, size_bytes: int, seconds: float) -> None:
        """One batch under its checkpoint."""
        self._commit_entries.observe(entries)
        self._commit_bytes.observe(size_bytes)
        self._commit_seconds.observe(seconds)

    def pushed(self, entries: int, heads: int = 0) -> None:
        """Once per commit, for all sockets together: this runs once for 200 deliveries."""
        self._pushed.inc(entries)
        self._heads.inc(heads)

    def socket_opened(self) -> None:
        """One more live socket."""
        self._sockets_opened.inc()

    def socket_ended(self, reason: SocketEnd) -> None:
        """One less."""
        self._sockets_ended.labels(reason.value).inc()

    def connection_ended(self, reason: ConnectionEnd) -> None:
        """One that was silent, slow, or one too many."""
        self._connections_ended.labels(reason.value).inc()

    def login(self, kind: LoginKind, code: str = OK) -> None:
        """One login that succeeded or failed."""
        self._logins.labels(kind.value, _code(code)).inc()

    @contextmanager
    def logging_in(self, kind: LoginKind) -> Iterator[None]:
        """Count a login by what comes out of the block."""
        with _outcome(lambda code: self.login(kind, code)):
            yield

    @contextmanager
    def appending(self) -> Iterator[None]:
        """Count an offered entry by what comes out of the block."""
        with _outcome(self.append):
            yield

    def limited(self, limit: Limit) -> None:
        """A bound refused something."""
        self._limited.labels(limit.value).inc()

    def store_failed(self) -> None:
        """The store did not answer, or refused."""
        self._store_errors.inc()

    def alarm(self, kind: Alarm) -> None:
        """Something that an operator must look at."""
        self._alarms.labels(kind.value).inc()

    # -- what is so now -----------------------------------------------------------------------

    def watch(self, reading: Reading) -> None:
        """Ask `reading` at each scrape."""
        self._now.reading = reading

    def expose(self, checks: Mapping[str, str]) -> bytes:
        """The text that Prometheus reads; `checks` as /readyz gives them."""
        self._now.checks = dict(checks)
        return generate_latest(self.registry)

    def _show_from_the_start(self) -> None:
        """Every series that an alert could name is there at zero: a rate needs two points."""
        for reason in SocketEnd:
            self._sockets_ended.labels(reason.value)
        for end in ConnectionEnd:
            self._connections_ended.labels(end.value)
        for limit in Limit:
            self._limited.labels(limit.value)
        for alarm in Alarm:
            self._alarms.labels(alarm.value)
        self._appends.labels(OK)


class _Now(Collector):
    """Gauges read at the scrape, so that nobody keeps a number in step with the truth."""

    def __init__(self, version: str) -> None:
        self.reading = Reading()
        self.checks: dict[str, str] = {}
        self._version = version

    def collect(self) -> Iterator[Metric]:
        now = self.reading
        yield InfoMetricFamily("cencomm_build", "The program.", {"version": self._version})
        yield _gauge("cencomm_connections", "Open connections.", now.connections())
        yield _gauge("cencomm_connections_silent", "Without a byte yet.", now.silent())
        sockets = GaugeMetricFamily("cencomm_sockets", "Open live sockets.", labels=("state",))
        counts = now.sockets()
        sockets.add_metric(("live",), counts.live)
        sockets.add_metric(("waiting",), counts.waiting)
        yield sockets
        yield _gauge("cencomm_sockets_lagging", "Live sockets that get heads only.", counts.lagging)
        entries, size_bytes = now.queue()
        yield _gauge("cencomm_queue_entries", "Entries that wait for their commit.", entries)
        yield _gauge("cencomm_queue_bytes", "Bytes of the entries that wait.", size_bytes)
        yield _gauge("cencomm_logs_damaged", "Logs that have stopped.", now.logs_damaged())
        yield _gauge(
            "cencomm_logs_behind", "Logs of which the store lost signed entries.", now.logs_behind()
        )
        sizes = GaugeMetricFamily(
            "cencomm_log_size", "Entries under the newest checkpoint.", labels=("log",)
        )
        largest = sorted(now.log_sizes(), key=lambda pair: -pair[1])[:MOST_LOGS]
        for log, size in largest:
            sizes.add_metric((log,), size)
        yield sizes
        ready = GaugeMetricFamily(
            "cencomm_ready", "1 where /readyz says ok, by check.", labels=("check",)
        )
        for check, found in self.checks.items():
            ready.add_metric((check,), float(found == OK))
        yield ready


@contextmanager
def _outcome(count: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except CencommError as error:
        count(str(error.code))
        raise
    except Exception:
        count(ServiceCode.INTERNAL)
        raise
    count(OK)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _code(code: str) -> str:
    if not code:
        return OK
    return code if code == OK or code in STATUS else str(ServiceCode.INTERNAL)
