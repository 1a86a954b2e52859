"""The machine: any rule at any time on a world under any weather; the oracle judges each step."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from cencomm_client import Admission, Client, Operation
from cencomm_client.automation.healing import GrantDue
from cencomm_client.enrolment import proof_of_possession
from cencomm_crypto.member.closing import reveal_body, revealed
from cencomm_crypto.member.rotation import make_rotation
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.recipients import recipients, wraps_root
from cencomm_crypto.public.primitives import sha256
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.property.device import TIMING
from tests.property.founding import DEVICES, GRACE_MS, PAIR, WINDOW_MS, WORK, Founded
from tests.property.oracle import WRAP, Violation
from tests.property.world import World

COORDINATORS = st.sampled_from(("chief", "deputy"))
ANYBODY = st.sampled_from(DEVICES)
REMOVABLE = st.sampled_from(("deputy", "officer", "analyst"))
LOSABLE = st.sampled_from(("officer", "phone", "analyst"))
CHANNELS = st.sampled_from((WORK, WORK, PAIR))
SPREAD = st.sampled_from((0.0, 0.0, 0.02, 0.1, 1.0))  # s until the next thing is done
ROLES = {"deputy": "coordinator", "officer": "officer", "analyst": "officer"}
WEATHER = st.sampled_from((0, 0, 10, 30))
SETTLE_S = TIMING.join_s[1] + 2 * TIMING.retry_s[1]
"""Within this all comes right: who was admitted has its first key after the longest wait for others
who join, and what fails meanwhile is tried again."""


class Machine(RuleBasedStateMachine):
    """Each rule tells somebody to do something and lets a little time pass: things overlap."""

    founded: dict[str, Founded]  # set by `machine_over`
    runs = 0
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="cencomm-run-", dir=_memory())
        self._world: World | None = None
        self._broken = False
        self._posts = 0
        self._age = 0

    @initialize(
        seed=st.integers(0, 2**32 - 1), history=st.sampled_from(("all", "none")), bad=WEATHER
    )
    def begin(self, seed: int, history: str, bad: int) -> None:
        """Five devices come up; everything that chance decides comes from `seed`."""
        type(self).runs += 1
        founded, folder = self.founded[history], Path(self._folder.name) / "run"
        self._watched(lambda: self._open(World(founded, folder, seed)))
        self.world.network.weather.bad = bad

    # -- what people do -----------------------------------------------------------------------

    @rule(who=ANYBODY, channel=CHANNELS, patience=st.sampled_from((60.0, 0.0)), spread=SPREAD)
    def post(self, who: str, channel: str, patience: float, spread: float) -> None:
        self._post(who, channel, patience, spread)

    @rule(who=COORDINATORS, whom=REMOVABLE, spread=SPREAD)
    def remove(self, who: str, whom: str, spread: float) -> None:
        code = self.world.code(whom)
        self._step(who, lambda _, operation: operation.remove([code]), spread)

    @rule(who=COORDINATORS, whom=REMOVABLE, lag=st.sampled_from((0.08, 0.12, 0.16, 0.2, 0.3)))
    def remove_amid_talk(self, who: str, whom: str, lag: float) -> None:
        """Everybody posts while the removal is on its way: some have not heard of it."""
        self.remove(who, whom, lag)
        for name in DEVICES:
            self._post(name, WORK, 60.0, 0.0)

    @rule(who=COORDINATORS, whom=REMOVABLE, spread=SPREAD)
    def admit(self, who: str, whom: str, spread: float) -> None:
        admission = Admission(self.world.code(whom), ROLES[whom])
        self._step(who, lambda _, operation: operation.admit([admission]), spread)

    @rule(who=COORDINATORS, whom=REMOVABLE, add=st.booleans(), spread=SPREAD)
    def change_list(self, who: str, whom: str, add: bool, spread: float) -> None:
        codes = [self.world.code(whom)]

        async def work(client: Client, operation: Operation) -> Any:
            pair = operation.channel(PAIR)
            return await pair.change_members(add=codes if add else (), remove=() if add else codes)

        self._step(who, work, spread)

    @rule(who=ANYBODY, channel=CHANNELS, spread=SPREAD)
    def rotate(self, who: str, channel: str, spread: float) -> None:
        async def work(client: Client, operation: Operation) -> Any:
            chan = operation.channel(channel)
            return await operation._poster.sender.rotate(chan.id, chan.state.epoch + 1)

        self._step(who, work, spread)

    @rule(who=ANYBODY, whom=ANYBODY, channel=CHANNELS, back=st.integers(0, 3), spread=SPREAD)
    def grant(self, who: str, whom: str, channel: str, back: int, spread: float) -> None:
        device = self.world.devices[whom].id

        async def work(client: Client, operation: Operation) -> Any:
            chan = operation.channel(channel)
            found = recipients(operation.state, chan.id, client.directory.state)
            named = [row for row in found if row.device == device]
            n = max(1, chan.state.epoch - back)
            if named:
                await operation._poster.sender.grant(GrantDue(chan.id, n, named[0], (0, 0)))

        self._step(who, work, spread)

    @rule(who=ANYBODY, spread=SPREAD)
    def rekey(self, who: str, spread: float) -> None:
        async def work(client: Client, operation: Operation) -> Any:
            client._operations.retire_box_keys()
            return await client.directory.rekey()

        self._step(who, work, spread)

    @rule(whom=LOSABLE, spread=SPREAD)
    def revoke(self, whom: str, spread: float) -> None:
        who = "chief" if whom == "analyst" else "deputy"
        device = self.world.devices[whom].id
        self._step(who, lambda client, _: client.directory.revoke(device), spread)

    @rule(whom=LOSABLE, spread=SPREAD)
    def replace(self, whom: str, spread: float) -> None:
        """A revoked device's person takes a new one, for which the NCP vouches."""
        old = self.world.devices[whom]
        if old.id not in self.world.oracle.ledger.revoked:
            return
        who = "chief" if whom == "analyst" else "deputy"
        fresh = self.world.replace(whom)
        client = fresh.open()
        vault = client.vault
        body = {
            "person": vault.person,
            "sign_pk": vault.device_key.public,
            "box_pk": vault.box_key.public,
            "proof": proof_of_possession(vault),
        }
        self.world.crash(whom)  # it goes live once somebody has vouched
        self._step(who, lambda ncp, _: ncp.directory.decide("device.add", body), spread)

    @rule(who=COORDINATORS, whom=LOSABLE, spread=SPREAD)
    def accept(self, who: str, whom: str, spread: float) -> None:
        device = self.world.devices[whom].id
        self._step(who, lambda _, operation: operation.accept_device(device), spread)

    @rule(who=ANYBODY, channel=CHANNELS, spread=SPREAD)
    def reveal(self, who: str, channel: str, spread: float) -> None:
        """Too early, unless the channel is over: then it counts."""

        async def work(client: Client, operation: Operation) -> Any:
            chan = operation.channel(channel)
            secrets = operation.view.keyring.secrets(operation.state, chan.id)
            if secrets:
                body = reveal_body(secrets[-1])
                await operation._poster.sender.entry("channel.reveal", body, chan=chan.id)

        self._step(who, work, spread)

    @precondition(lambda self: self._age > 25)
    @rule(who=COORDINATORS, spread=SPREAD)
    def close_channel(self, who: str, spread: float) -> None:
        self._step(who, lambda _, operation: operation.channel(PAIR).close(), spread)

    @precondition(lambda self: self._age > 40)
    @rule(who=COORDINATORS, spread=SPREAD)
    def close(self, who: str, spread: float) -> None:
        """Proposed by one administration, approved by the other."""

        async def work(client: Client, operation: Operation) -> Any:
            waiting = [
                found.leaf
                for found in operation.state.proposals.values()
                if not found.spent and found.person != operation.person
            ]
            if waiting:
                return await operation.approve(waiting[0])
            return await operation.close()

        self._step(who, work, spread)

    @rule(
        who=ANYBODY,
        channel=CHANNELS,
        part=st.sampled_from(("wraps", "prev_close")),
        spread=SPREAD,
    )
    def rotate_badly(self, who: str, channel: str, part: str, spread: float) -> None:
        """An insider's client gives others garbage that passes the public rules (A18)."""
        world = self.world

        async def work(client: Client, operation: Operation) -> Any:
            chan, sender = operation.channel(channel).id, operation._poster.sender
            async with sender.lock:
                state, station = operation.state, client._station
                previous = operation.view.keyring.newest_good(state, chan)
                if part == "prev_close" and previous is None:
                    return
                secret = world.random.randbytes(32)
                made = make_rotation(state, chan, station.directory, secret, previous)
                body, wraps = dict(made.body), made.wraps
                if part == "wraps":
                    found = recipients(state, chan, station.directory)
                    pieces = [wraps[at : at + WRAP] for at in range(0, len(wraps), WRAP)]
                    others = [row.device for row in found if row.device != client.device]
                    if not others:
                        return
                    victims = world.random.sample(others, world.random.randint(1, len(others)))
                    spoilt = [
                        world.random.randbytes(WRAP) if row.device in victims else piece
                        for row, piece in zip(found, pieces, strict=True)
                    ]
                    rows = [
                        (row.device, row.box_pk, sha256(piece))
                        for row, piece in zip(found, spoilt, strict=True)
                    ]
                    body["wraps_root"], wraps = wraps_root(rows), b"".join(spoilt)
                else:
                    body["prev_close"] = world.random.randbytes(48)
                header = station.author.header(
                    "channel.rotate", operation.id, chan=chan, epoch=made.n
                )
                entry = station.author.sign(header, body)
                world.oracle.forged.add(entry.inner)
                await sender.submit(entry, wraps=wraps, shares=made.shares)

        if world.devices[who].up:
            self._step(who, work, spread)

    # -- what happens to them -----------------------------------------------------------------

    @rule(bad=WEATHER)
    def weather(self, bad: int) -> None:
        """So many exchanges and pushes in a hundred are lost, doubled, late or out of order."""
        self.world.network.weather.bad = bad

    @rule(seconds=st.sampled_from((1.0, 5.0, 20.0, 60.0)))
    def wait(self, seconds: float) -> None:
        self._watched(lambda: self.world.pass_time(seconds))

    @rule(who=ANYBODY, moments=st.integers(-1, 8))
    def crash(self, who: str, moments: int) -> None:
        """A client's process dies: now, or in the middle of one of its next writes."""
        if moments < 0:
            self._watched(lambda: self.world.crash(who))
        elif self.world.devices[who].up:
            self.world.devices[who].die_after(moments)

    @rule(who=ANYBODY)
    def restart(self, who: str) -> None:
        self._watched(lambda: self.world.restart(who))

    @rule(calls=st.integers(0, 14))
    def crash_server(self, calls: int) -> None:
        """The server dies before or after one of its next calls of the store, and comes back."""
        self.world.crash_host(calls)

    @rule(who=ANYBODY, cut=st.booleans())
    def cable(self, who: str, cut: bool) -> None:
        """Somebody is cut off, or connected again."""
        (self.world.network.cut.add if cut else self.world.network.cut.discard)(who)

    # -- the end ------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Fine weather: all comes right by itself; then the window ends and everything shows."""
        try:
            if self._world is not None and not self._broken:
                self._settle()
                self._end()
        finally:
            if self._world is not None:
                self._world.close()
            self._folder.cleanup()

    @property
    def world(self) -> World:
        """The run's world."""
        assert self._world is not None
        return self._world

    def _settle(self) -> None:
        world = self.world
        world.network.weather.bad = 0
        world.network.cut.clear()
        world.pass_time(10.0)
        for name in DEVICES:
            world.restart(name)
        world.pass_time(SETTLE_S)
        world.judge_states()
        state = world.oracle.state
        if state.ended(world.now_ms()):
            return
        for name in DEVICES:
            self._at_rest(name)

    def _at_rest(self, name: str) -> None:
        """A member in good standing has sent everything and reads everything it may."""
        world, device = self.world, self.world.devices[name]
        operation = device.operation(world.oracle.state.id16)
        member = device.person in world.oracle.ledger.members
        active = world.oracle.directory.state.active(device.id)
        state = world.oracle.state
        if operation is None or not member or not active:
            return
        eligible = state.eligible(device.id, world.oracle.directory.state)
        if operation.state.size != state.size:
            raise Violation("all comes right", f"{name} is at {operation.state.size}")
        waiting = [] if device.client is None else device.client.vault.outbox(operation.id)
        if waiting and eligible:
            raise Violation("all comes right", f"{name} still has {len(waiting)} entries to send")

    def _end(self) -> None:
        """The window passes; devices close, reveal, and every good epoch is reached."""
        world = self.world
        for name in DEVICES:
            world.crash(name)
        ahead_s = (WINDOW_MS + GRACE_MS) / 1000
        world.do(asyncio.sleep(ahead_s))
        for name in DEVICES:
            world.restart(name)
        world.pass_time(60.0)
        world.judge_states()
        state = world.oracle.state
        if not state.ended(state.at):
            raise Violation("the operation ends", "nobody closed it")
        for channel in state.channels.values():
            missing = revealed(state, ChannelId(channel.id)).missing
            lost = [n for n in missing if (channel.id, n) not in world.oracle.bad]
            if lost:
                raise Violation(
                    "every good epoch is reached from the reveals", f"{channel.name}: {lost}"
                )

    # -- inside -------------------------------------------------------------------------------

    def _post(self, who: str, channel: str, patience: float, spread: float) -> None:
        self._posts += 1
        text = f"message {self._posts} of {who}"

        async def work(client: Client, operation: Operation) -> Any:
            chan = operation.channel(channel)
            return await chan.post("MSG", {"text": text}, patience_s=patience)

        self._step(who, work, spread, text=text)

    def _open(self, world: World) -> None:
        self._world = world

    def _step(self, who: str, work: Any, spread: float, *, text: str | None = None) -> None:
        def step() -> None:
            self.world.begin(who, work, text)
            self.world.pass_time(spread)
            if self._age % 10 == 0:
                self.world.judge_states()

        self._age += 1
        type(self).steps += 1
        self._watched(step)

    def _watched(self, step: Any) -> None:
        try:
            step()
        except BaseException:
            self._broken = True
            raise


def _memory() -> str | None:
    """A file system in memory where there is one: no power cut is played here."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
