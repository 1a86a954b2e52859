"""A bot: takes hits from a source, keeps them on the disk, drops them as the rate allows.

    class Gates(Bot):
        async def hits(self):
            async for row in scanner():
                yield RawHit(key=row.id, content={...})

    await Gates(client, "MERIDIAN").run()

It reads nothing of the operation (A31): it verifies the log, so that it seals only to a drop key
that stands in a verified rotate (A45), and is told what became of each of its hits.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from cencomm_config.forms import FormInvalid, FormSet, base_set
from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.public.operation.state import Member
from cencomm_crypto.public.rights import Role

from cencomm_client.bots.allowance import HOUR_MS, Allowance
from cencomm_client.bots.answers import Answers
from cencomm_client.bots.checking import KIND, Hit, checked
from cencomm_client.bots.dropping import Disk, Dropper, Landed
from cencomm_client.bots.health import ENDING, Health, health_application
from cencomm_client.bots.intake import Intake
from cencomm_client.bots.queue import Queue
from cencomm_client.bots.queued import Kept, Stage
from cencomm_client.bots.serving import Address, serving
from cencomm_client.bots.source import Outcome, RawHit, Result, Source, State
from cencomm_client.bots.webhook import QueueMemory, Webhook
from cencomm_client.client import Client
from cencomm_client.directing import expect_directed
from cencomm_client.errors import NotDirected, QueueUnwritable, TransportError, TryLater
from cencomm_client.operation import Operation
from cencomm_client.vault import Vault

KEY_NOTE = "bots/queue"  # the vault's note with the key of all its queues
AT_ONCE = 256  # hits that wait for the disk at the same time
MOST_WAITING = 100_000  # rows; beyond it the source waits
LOOK_S = 1.0  # how often the status file is written, and the rate looked at


class Bot:
    """One bot in one operation. Override `hits`, or hand in a `Source`; then `await run()`."""

    kind = KIND
    name = "bot"

    def __init__(
        self,
        client: Client,
        operation: str,
        source: Source | None = None,
        *,
        health: Address | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """`health`: an address on loopback that answers how it is (`GET /healthz`)."""
        self.client, self._operation_name = client, operation
        self._source: Source = self if source is None else source
        self._address, self._most_waiting = health, most_waiting
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._ended = False
        self._full = False  # the disk takes nothing
        self._forgot = False  # what was said was erased, and from the queue too
        self._forms: FormSet = base_set()  # the operation's, once it runs

    # -- what a developer overrides -----------------------------------------------------------

    def hits(self) -> AsyncIterator[RawHit]:
        """The hits of the source system, for as long as there are any."""
        raise NotImplementedError("override `hits`, or hand in a source")

    async def taken(self, hit: RawHit, outcome: Outcome) -> None:
        """A hit is on the disk, or known, or invalid."""

    async def done(self, key: str, outcome: Outcome) -> None:
        """A hit is in the log, or refused for good."""

    async def answered(self, key: str, result: Result) -> None:
        """People have decided about a hit: promoted, dismissed or merged. At least once."""

    async def heard(self, outcome: Outcome) -> None:
        """Of every hit, whichever its source: invalid, known before, posted or refused."""

    # -- at work ------------------------------------------------------------------------------

    async def run(self, *, until_idle: bool = False) -> Health:
        """Work until cancelled; `until_idle`: until the source has ended and all has landed.

        Raises ProtocolError(NOT_PERMITTED) where the client is no bot of the operation or is not
        admitted for the kind, QueueDamaged, AddressUnusable, LoginFailed.
        """
        async with AsyncExitStack() as stack:
            await self._enter(stack)
            operation = await self.client.operation(self._operation_name)
            member = admitted(operation, self.kind)
            self._forms, now = operation.view.form_set, self._now()
            path = queue_path(self.client.vault.path, operation.id)
            queue = await asyncio.to_thread(Queue, path, queue_key(self.client.vault), operation.id)
            disk = Disk(queue)
            stack.callback(disk.close)
            signed = await disk(lambda queue: queue.signed_since(now - HOUR_MS))
            allowance = Allowance(member.rate or 0, signed)
            self.health = Health(
                operation.name, _channel(operation, member), self._source.name, allowance.rate, now
            )
            self.health.count(await disk(Queue.counts))
            self._intake = Intake(disk, self._source.name, self._now)
            chan = member.chan or operation.state.main
            self._view, self._chan, self._joined = operation.view, chan, operation
            self._dropper = operation.part(
                lambda station, view, poster: Dropper(station, view, poster, chan, disk, allowance)
            )
            self._answers = operation.part(lambda station, view, _: Answers(station, view, disk))
            if isinstance(self._source, Webhook):
                self._source.memory = QueueMemory(disk)
            self._status = path.with_name(path.name + ENDING)
            if self._address is not None:
                await stack.enter_async_context(
                    serving(health_application(self.health), self._address)
                )
            await self._work(disk, until_idle)
        return self.health

    async def _enter(self, stack: AsyncExitStack) -> None:
        """Log in and go live; without a server hits are taken all the same, and that goes on."""

        async def connect() -> None:
            if not self.client.logged_in:
                await self.client.login()
            await self.client.go_live()

        async def go_on() -> None:
            pause_s, longest_s = self.client._station.timing.retry_s
            while True:
                await asyncio.sleep(pause_s)
                with suppress(TransportError, TryLater):
                    await connect()
                    return
                pause_s = min(2 * pause_s, longest_s)

        try:
            await connect()
        except (TransportError, TryLater):
            stack.callback(asyncio.create_task(go_on()).cancel)

    async def _work(self, disk: Disk, until_idle: bool) -> None:
        self._room.set()
        tasks = [
            asyncio.create_task(self._take()),
            asyncio.create_task(self._send(until_idle)),
            asyncio.create_task(self._tell(disk)),
            asyncio.create_task(self._listen()),
        ]
        try:
            for task in asyncio.as_completed(tasks[:2] if until_idle else tasks):
                await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._look(disk)

    async def _take(self) -> None:
        """Put what the source gives onto the disk, many at once."""
        try:
            async with asyncio.TaskGroup() as group:
                free = asyncio.Semaphore(AT_ONCE)
                async for raw in self._source.hits():
                    await self._room.wait()
                    await free.acquire()
                    task = group.create_task(self._take_one(raw))
                    task.add_done_callback(lambda _: free.release())
        except ExceptionGroup as several:
            raise several.exceptions[0] from several  # the first says what is wrong
        self._ended = True
        self._wake.set()

    async def _take_one(self, raw: RawHit) -> None:
        try:
            hit = checked(raw, self.kind, self._now(), self._forms)
            self._expect_for_all(hit)
        except (FormInvalid, NotDirected) as wrong:
            self.health.invalid += 1
            key = raw.key or ""
            fields = wrong.errors if isinstance(wrong, FormInvalid) else ()
            outcome = Outcome(
                State.INVALID, key, code=str(wrong.code), detail=wrong.detail, fields=fields
            )
            await self._source.taken(raw, outcome)
            await self.heard(outcome)
            return
        kept = await self._kept(hit)
        outcome = _known(hit.key, kept)
        if kept.fresh:
            self.health.waiting += 1
            if self.health.waiting >= self._most_waiting:
                self._room.clear()
        else:
            self.health.known += 1
        self._wake.set()
        await self._source.taken(raw, outcome)
        if outcome.state in (State.POSTED, State.REFUSED):  # in an earlier life of this bot
            await self._source.done(hit.key, outcome)
        if not kept.fresh:
            await self.heard(outcome)

    def _expect_for_all(self, hit: Hit) -> None:
        """Raise NotDirected for what is for a few alone: a bot chooses no readers (A54)."""
        state = self._view.state
        channel = state.channels[self._chan]
        expect_directed(state, channel, hit.kind, hit.content, None)

    async def _kept(self, hit: Hit) -> Kept:
        """Onto the disk; as long as that takes nothing, the hit waits here and its source there."""
        pause_s, longest_s = self.client._station.timing.retry_s
        while True:
            try:
                kept = await self._intake.take(hit)
                self._full = False
                return kept
            except QueueUnwritable as error:
                self._full = True
                self._blocked(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, longest_s)

    async def _send(self, until_idle: bool) -> None:
        """One flight after the other; what keeps all waiting is told in the health, and waits."""
        shortest_s, longest_s = self.client._station.timing.retry_s
        pause_s = shortest_s
        while True:
            self._wake.clear()
            ended = self._ended
            try:
                self._follow_admission()
                landed = await self._dropper.once()
            except CencommError as error:
                asked_s = error.retry_after_s if isinstance(error, TryLater) else 0.0
                self._blocked(error)
                await asyncio.sleep(max(asked_s, pause_s))
                pause_s = min(2 * pause_s, longest_s)
                continue
            pause_s = shortest_s
            if not self._full:
                self.health.blocked = self.health.detail = ""
            await asyncio.gather(*map(self._landed, landed))
            if landed:
                continue
            if until_idle and ended and self.health.waiting <= 0:
                return
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _follow_admission(self) -> None:
        """Where and how much this bot may drop is what the log says now: it may have been admitted
        anew. Raises ProtocolError(NOT_PERMITTED) where it is no longer for this kind; that it is
        no member at all the drop itself says."""
        operation, health = self._joined, self.health
        if operation.state.members.get(operation.person) is None:
            return
        member = admitted(operation, self.kind)
        health.rate = self._dropper.allowance.rate = member.rate or 0
        if member.chan is not None and member.chan != self._chan:
            self._chan, health.channel = member.chan, _channel(operation, member)
            self._dropper.move(member.chan)

    async def _listen(self) -> None:
        """Hand results on as they come; the source's own error ends the bot, as that of `done`."""
        while True:
            await self._hand_on()
            await asyncio.sleep(LOOK_S)

    async def _hand_on(self) -> None:
        for answer in await self._answers.new():
            if answer.source != self._source.name:
                continue  # it waits until the bot runs with the source that gave the hit
            key, result = answer.result.key, answer.result
            await self._source.answered(key, result)
            if self._source is not self:
                await self.answered(key, result)
            await self._answers.told(answer)
            self.health.answered += 1
        self.health.unopened = self._answers.unopened

    async def _landed(self, one: Landed) -> None:
        health = self.health
        health.waiting -= 1
        if health.waiting < self._most_waiting:
            self._room.set()
        if one.code:
            health.refused += 1
            outcome = Outcome(State.REFUSED, one.hit.key, code=one.code, detail=one.detail)
        else:
            health.posted += 1
            health.last_success_at = self._now()
            outcome = Outcome(State.POSTED, one.hit.key, seq=one.seq, leaf=one.leaf)
        if one.hit.source == self._source.name:
            await self._source.done(one.hit.key, outcome)
        await self.heard(outcome)

    def _blocked(self, error: CencommError) -> None:
        self.health.blocked, self.health.detail = str(error.code), error.detail

    async def _tell(self, disk: Disk) -> None:
        while True:
            await self._look(disk)
            await asyncio.sleep(LOOK_S)

    async def _look(self, disk: Disk) -> None:
        """Refresh what stands in the health, and write it."""
        health, now, allowance = self.health, self._now(), self._dropper.allowance
        health.left_this_hour, health.next_slot_at = allowance.left(now), allowance.next_at(now)
        health.live, health.at = self.client.live, now
        if self._view.forgotten and (health.waiting or not self._forgot):
            with suppress(QueueUnwritable):  # the next look tries again
                await disk(Queue.forget)
                health.count(await disk(Queue.counts))
                self._forgot = True
        with suppress(OSError):  # a full disk keeps the file as it was: no bot ends for it
            await asyncio.to_thread(health.write, self._status)

    def _now(self) -> int:
        return self.client._station.now()


def admitted(operation: Operation, kind: str) -> Member:
    """The bot's admission; raises ProtocolError(NOT_PERMITTED) if it is none, or not for `kind`."""
    member = operation.state.members.get(operation.person)
    if member is None or member.role is not Role.BOT or member.chan is None:
        raise ProtocolError(ErrorCode.NOT_PERMITTED, "this person is no bot of the operation")
    if member.kinds and kind not in member.kinds:
        raise ProtocolError(
            ErrorCode.NOT_PERMITTED, f"{kind}; admitted for {', '.join(member.kinds)}"
        )
    return member


def queue_path(vault: Path, log: bytes) -> Path:
    """Where the queue of a vault and an operation stands: beside the vault."""
    return vault.with_name(f"{vault.name}.{log.hex()[:16]}.queue")


def queue_key(vault: Vault) -> bytes:
    """The key of the queues of a vault; drawn and saved at the first time."""
    key = vault.notes.get(KEY_NOTE)
    if not isinstance(key, bytes):
        key = secrets.token_bytes(32)
        vault.put_note(KEY_NOTE, key)
        vault.save()
    return key


def _channel(operation: Operation, member: Member) -> str:
    channel = None if member.chan is None else operation.state.channels.get(member.chan)
    return "" if channel is None else channel.name


def _known(key: str, kept: Kept) -> Outcome:
    state = {Stage.POSTED: State.POSTED, Stage.REFUSED: State.REFUSED}.get(
        kept.stage, State.WAITING
    )
    return Outcome(state, key, known=not kept.fresh, seq=kept.seq, leaf=kept.leaf, code=kept.code)
