"""Client and server with everything between them played: loss, delay, doubles, disorder, death.

Below `Exchange.request` and `LiveConnection` all is the product's: the handlers, the engine and
the fan-out on one side, the link, the mirror and the outbox on the other. Between them stands a
network whose every delay and fault comes from one seeded generator, in virtual time.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, cast

from cencomm_client.answers import PushFrame, parse_push
from cencomm_client.errors import Refused, TransportError, Unreachable, refusal
from cencomm_client.transport import Transport
from cencomm_crypto.errors import CencommError
from cencomm_crypto.public.ids import DeviceId, LogId, PersonId
from cencomm_crypto.public.keys import SigningKey
from cencomm_crypto.public.wire import Receipt, Submission
from cencomm_server.accounts.principal import Principal
from cencomm_server.engine.append import Appends
from cencomm_server.engine.clock import Clock
from cencomm_server.engine.handing_back import HandingBack
from cencomm_server.engine.logs import Logs
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.reading import Reading
from cencomm_server.engine.signer import Signer
from cencomm_server.errors import STATUS
from cencomm_server.events import ENTRIES
from cencomm_server.http.call import Answer, Call, Query
from cencomm_server.http.logs import LogHandlers
from cencomm_server.push.fanout import Fanout

OWNER: contextvars.ContextVar[Any] = contextvars.ContextVar("owner", default=None)
"""The process that a task belongs to: what dies with it."""

TIMEOUT_S = 2.0  # after which a client gives up an exchange
LATE_S = (1.0, 90.0)  # how long the network may keep what the client has given up


class Process:
    """Owns the tasks that its coroutines start; `kill` ends them without a farewell."""

    def __init__(self) -> None:
        self.tasks: dict[asyncio.Task[Any], None] = {}  # in the order in which they began
        self.context = contextvars.Context()
        self.context.run(OWNER.set, self)

    def spawn(self, work: Awaitable[Any]) -> asyncio.Task[Any]:
        """Run in this process, whoever calls."""

        async def run() -> Any:
            return await work

        return asyncio.get_running_loop().create_task(run(), context=self.context)

    async def kill(self) -> None:
        """Cancel all tasks, also those that others start while they end."""
        while alive := [task for task in self.tasks if not task.done()]:
            for task in alive:
                task.cancel()
            await asyncio.gather(*alive, return_exceptions=True)
        self.tasks.clear()


def owning_task(loop: asyncio.AbstractEventLoop, coro: Any, **given: Any) -> asyncio.Task[Any]:
    """Task factory: a task belongs to the process in whose context it was made."""
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **given)
    context = given.get("context")
    owner = OWNER.get() if context is None else context.get(OWNER)
    if isinstance(owner, Process):
        owner.tasks[task] = None
        task.add_done_callback(lambda done: owner.tasks.pop(done, None))
    return task


class Fault(Enum):
    """What may befall one exchange."""

    LOST = auto()  # the server never hears of it
    UNANSWERED = auto()  # the server acts; the answer is lost
    LATE = auto()  # the client gives up; the server hears of it afterwards
    DOUBLED = auto()  # the server hears of it twice


@dataclass
class Weather:
    """How often exchanges and pushes go wrong, in percent."""

    random: random.Random
    bad: int = 0

    def fault(self) -> Fault | None:
        """What befalls the next exchange."""
        if self.bad == 0 or self.random.random() * 100 >= self.bad:
            return None
        return self.random.choice(list(Fault))

    def latency(self) -> float:
        """Seconds for one way; now and then long, so that later things come first."""
        usual = self.random.uniform(0.002, 0.05)
        slow = self.bad > 0 and self.random.random() * 100 < self.bad
        return usual + (self.random.uniform(0.0, 3.0) if slow else 0.0)


class Door:
    """One server process's connection to the store: what it asks for after death never returns."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._calls_left: int | None = None
        self._died: Callable[[], None] = lambda: None
        self.shut = False

    def die_after(self, calls: int, died: Callable[[], None]) -> None:
        """Shut after so many half calls: even ones leave a write that nobody heard of."""
        self._calls_left, self._died = calls, died

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*given: Any, **named: Any) -> Any:
            await self._pass()
            result = await method(*given, **named)
            await self._pass()
            return result

        return call

    async def _pass(self) -> None:
        if self._calls_left is not None:
            self._calls_left -= 1
            if self._calls_left < 0:
                self._calls_left, self.shut = None, True
                self._died()
        if self.shut:
            await asyncio.get_running_loop().create_future()


class Host(Process):
    """One server process: handlers, engine and fan-out over a store that outlives it."""

    def __init__(self, name: str, key: SigningKey, store: Any, now_ms: Callable[[], int]) -> None:
        super().__init__()
        self.door = Door(store)
        clock = Clock(now_ms, lambda: now_ms() / 1000)
        self.logs = Logs(self.door, Signer(name, [key]), clock)
        self.appends = Appends(self.logs, rotations_per_hour=10_000)
        reading = Reading(self.logs)
        self.handlers = LogHandlers(
            appends=self.appends,
            reading=reading,
            handing_back=HandingBack(self.logs),
            founding=cast(Any, None),  # the directory is founded before any of this
        )
        self.fanout = Fanout(self.logs)
        self.gone = asyncio.Event()

    async def start(self) -> None:
        """Read everything from the store."""
        await self.logs.start()
        await self.logs.load_all()

    async def die(self) -> None:
        """Stop in the middle of everything."""
        self.door.shut = True
        self.gone.set()
        await self.kill()

    async def answer(
        self, method: str, path: str, query: Mapping[str, str], body: bytes, caller: Principal
    ) -> Answer:
        """What the gate does once it has read a request and believed its token."""
        if not self.logs.directory.state.active(caller.device):
            raise refusal("not_authenticated", "sessions end with the device", status=401)
        parts = path.strip("/").split("/")  # v1, logs[, {log}, what]
        if parts[1:] == ["logs"]:
            handler = self.handlers.create if method == "POST" else self.handlers.logs
        else:
            handler = {
                ("POST", "entries"): self.handlers.append,
                ("GET", "entries"): self.handlers.entries,
                ("GET", "checkpoint"): self.handlers.checkpoint,
                ("POST", "tail"): self.handlers.tail,  # who left before its receipt came asks so
                ("GET", "wraps"): self.handlers.wraps,
                ("POST", "wraps"): self.handlers.wraps_back,
            }[method, parts[3]]
        named = {"log": parts[2]} if len(parts) > 2 else {}
        return await handler(
            Call(
                path=MappingProxyType(named),
                query=Query(query),
                body=body,
                caller=caller,
            )
        )


class Network:
    """What connects every client with the server process that is up, if one is."""

    def __init__(self, weather: Weather) -> None:
        self.weather = weather
        self.host: Host | None = None
        self.cut: set[str] = set()  # devices whose connection is down

    async def exchange(self, who: str, work: Callable[[Host], Awaitable[Answer]]) -> Answer:
        """One request and its answer; raises Unreachable, or what the server raised."""
        await asyncio.sleep(self.weather.latency())
        host, fault = self.host, self.weather.fault()
        if host is None or who in self.cut or fault is Fault.LOST:
            raise await self._given_up()
        if fault is Fault.LATE:
            self._later(work, self.weather.random.uniform(*LATE_S))
            raise await self._given_up()
        if fault is Fault.DOUBLED:
            self._later(work, self.weather.random.uniform(0.0, 0.5))
        acting = host.spawn(work(host))
        gone = asyncio.ensure_future(host.gone.wait())
        try:
            await asyncio.wait((acting, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if host.gone.is_set():
            raise await self._given_up()
        await asyncio.sleep(self.weather.latency())
        if who in self.cut or fault is Fault.UNANSWERED:
            acting.exception()
            raise await self._given_up()
        answer: Answer = acting.result()
        return answer

    async def _given_up(self) -> Unreachable:
        await asyncio.sleep(TIMEOUT_S)
        return Unreachable("no answer")

    def _later(self, work: Callable[[Host], Awaitable[Answer]], delay_s: float) -> None:
        def deliver() -> None:
            if self.host is not None:
                self.host.spawn(_swallowed(work(self.host)))

        loop = asyncio.get_running_loop()
        loop.call_later(delay_s, deliver, context=contextvars.Context())


async def _swallowed(work: Awaitable[Answer]) -> None:
    with suppress(CencommError):
        await work


class PlayedTransport(Transport):
    """`Transport` whose requests go over the played network to the real handlers."""

    def __init__(self, network: Network, who: str, device: DeviceId, person: PersonId) -> None:
        super().__init__("http://127.0.0.1:1")
        self.network, self.who = network, who
        self.reader = Reader(device, person)
        self._caller = Principal(device, person, "human", bytes(32))
        self.token = bytes(32)

    async def _exchange(
        self,
        method: str,
        path: str,
        max_size: int,
        *,
        body: bytes | None,
        kind: str,
        query: Mapping[str, str] | None,
        token: bool,
        extra: Mapping[str, str],
    ) -> tuple[bytes, Mapping[str, str]]:
        """One exchange; raises Unreachable, or Refused with the server's code."""

        def work(host: Host) -> Awaitable[Answer]:
            return host.answer(method, path, query or {}, body or b"", self._caller)

        try:
            answer = await self.network.exchange(self.who, work)
        except (Refused, TransportError):
            raise
        except CencommError as error:
            status = STATUS.get(error.code, 500)
            raise refusal(str(error.code), error.detail, status=int(status)) from error
        return answer.body, answer.headers

    async def close(self) -> None:
        """There is no connection to close."""


class PlayedLive:
    """Stands in for `LiveConnection`: pushes from the real fan-out, appends to the real engine."""

    def __init__(
        self,
        transport: PlayedTransport,
        auth: object,
        *,
        on_connected: Callable[[], Awaitable[None]],
        on_entries: Callable[[PushFrame], Awaitable[None]],
        on_head: Callable[[PushFrame], Awaitable[None]],
    ) -> None:
        self._transport, self._network = transport, transport.network
        self._on_connected, self._on_entries, self._on_head = on_connected, on_entries, on_head
        self._frames: asyncio.Queue[tuple[bool, PushFrame]] = asyncio.Queue()
        self._lost = asyncio.Event()
        self._ended = False
        self.connected = False

    async def run(self) -> None:
        """Stay connected until `close`; raises NotAuthenticated when the session is over."""
        while True:
            self._lost = asyncio.Event()
            host = self._network.host
            try:
                await self._transport.logs()  # the handshake: one exchange
                if host is None or host.gone.is_set() or host is not self._network.host:
                    raise Unreachable("the server went away")
                host.fanout.join(self, self._transport.reader)
                try:
                    await self._on_connected()
                    self.connected = True
                    await self._hand_over(host)
                finally:
                    self.connected = False
                    host.fanout.leave(self)
            except (Unreachable, TransportError):
                pass
            await asyncio.sleep(self._network.weather.random.uniform(0.3, 2.0))

    async def _hand_over(self, host: Host) -> None:
        ended = [asyncio.ensure_future(event.wait()) for event in (self._lost, host.gone)]
        try:
            while not (self._lost.is_set() or host.gone.is_set()):
                frame = asyncio.ensure_future(self._frames.get())
                await asyncio.wait((frame, *ended), return_when=asyncio.FIRST_COMPLETED)
                if not frame.done():
                    frame.cancel()
                    continue
                whole, pushed = frame.result()
                await (self._on_entries if whole else self._on_head)(pushed)
        finally:
            for waiting in ended:
                waiting.cancel()

    async def close(self) -> None:
        """Nothing comes any more; `Link.stop` cancels `run`."""
        self._lost.set()

    def lose(self) -> None:
        """The connection breaks."""
        self._lost.set()

    async def append(self, log: LogId, submission: Submission) -> Receipt:
        """Post over the socket; raises Unreachable or Refused."""
        if not self.connected:
            raise Unreachable("not connected")
        return await self._transport.append(log, submission)

    # -- Subscriber ---------------------------------------------------------------------------

    def push(self, log: LogId, frames: bytes, head: bytes) -> bool:
        """A commit."""
        self._travel(ENTRIES in _event_of(frames), frames)
        return True

    def notify(self, log: LogId, head: bytes) -> None:
        """A head."""
        self._travel(False, head)

    def inactive(self) -> None:
        """The device may not be here any more."""
        self._lost.set()

    def _travel(self, whole: bool, frames: bytes) -> None:
        weather, loop = self._network.weather, asyncio.get_running_loop()
        if self._transport.who in self._network.cut:
            return
        fault = weather.fault()
        if fault in (Fault.LOST, Fault.UNANSWERED):
            return
        pushed = parse_push(_payload_of(frames))
        for _ in range(2 if fault is Fault.DOUBLED else 1):
            delay_s = weather.latency() + (weather.random.uniform(0, 5) if fault else 0.0)
            loop.call_later(delay_s, self._frames.put_nowait, (whole, pushed))


def _event_of(frames: bytes) -> str:
    size, start = _frame(frames, 0)
    return frames[start : start + size].decode("ascii")


def _payload_of(frames: bytes) -> bytes:
    size, start = _frame(frames, 0)
    size, start = _frame(frames, start + size)
    return frames[start : start + size]


def _frame(frames: bytes, at: int) -> tuple[int, int]:
    """Size and start of the payload of one unmasked WebSocket frame (RFC 6455 5.2)."""
    short = frames[at + 1]
    wide = {126: 2, 127: 8}.get(short, 0)
    size = int.from_bytes(frames[at + 2 : at + 2 + wide], "big") if wide else short
    return size, at + 2 + wide
