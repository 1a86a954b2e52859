"""A participant's process: the SDK as a program would use it, and reports of what it saw."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyotp
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.ids import LogId

from cencomm_client.automation.standing import Verdict
from cencomm_client.automation.timing import Timing
from cencomm_client.cen import prepare, releases_due
from cencomm_client.client import Client
from cencomm_client.demo.hindsight import Dump, open_everything
from cencomm_client.demo.values import plain, wire
from cencomm_client.demo.verbs import Verb
from cencomm_client.enrolment import TotpSeed
from cencomm_client.items import Control, Message
from cencomm_client.operation import Operation
from cencomm_client.plan import Admission, OperationPlan
from cencomm_client.station import Settings, wall_clock

SETTINGS = Settings(timing=Timing.brisk())  # waits of 5 to 20 s would not fit a one-minute window
POLL_S = 0.05
WAIT_S = 30.0
T = TypeVar("T")


class Participant:
    """One device of one person, or of a bot."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._client: Client | None = None
        self._operation: Operation | None = None
        self._watch: asyncio.Task[None] | None = None
        self._seen_ms: dict[bytes, int] = {}
        self._folder = Path()
        self._vouching = asyncio.Lock()
        self._invited = False

    @property
    def verbs(self) -> dict[str, Verb]:
        """What the conductor may ask: every public coroutine of this class."""
        kind = type(self)
        return {
            name: getattr(self, name)
            for name in dir(kind)
            if not name.startswith("_") and inspect.iscoroutinefunction(getattr(kind, name))
        }

    async def leave(self) -> None:
        """The end of the process: save and close everything."""
        if self._watch is not None:
            self._watch.cancel()
        if self._client is not None:
            await self._client.close()

    @property
    def client(self) -> Client:
        """The open client; ValueError before enrolment."""
        if self._client is None:
            raise ValueError("not enrolled yet")
        return self._client

    @property
    def operation(self) -> Operation:
        """The operation that was joined; ValueError before."""
        if self._operation is None:
            raise ValueError("no operation joined yet")
        return self._operation


class Enrolment(Participant):
    """Keys, accounts, invitations."""

    async def request(
        self, directory: str, account: str, url: str, vault: str, password: str
    ) -> dict[str, Any]:
        """A contact point's first device: its request to the root."""
        self._folder = Path(vault).parent
        self._client, request = await Client.apply_as_contact_point(
            Path(vault),
            password,
            directory_id=bytes.fromhex(directory),
            code=account,
            server=url,
            settings=SETTINGS,
        )
        return {"request": request.text(), "person": request.person.hex()}

    async def enrol(self, invitation: str, vault: str, password: str) -> dict[str, Any]:
        """A new device from an invitation; returns once its keys were handed in."""
        self._folder = Path(vault).parent
        self._client = await Client.enrol(invitation, Path(vault), password, settings=SETTINGS)
        self._invited = True
        return {"device": self._client.device.hex()}

    async def register(self) -> dict[str, Any]:
        """First registration; the second factor goes to this process's own file."""
        if self._invited:  # whoever a root appointed is told so by the custodians
            await self.client.wait_enrolled(every_s=0.1)

        async def authenticator(seed: TotpSeed) -> str:
            await asyncio.to_thread(self._keep_seed, seed.secret)
            return pyotp.TOTP(seed.secret).now()

        await self.client.register(authenticator)
        await self.client.go_live()
        return {"account": self.client.code}

    async def login_like(self, account_file: str) -> dict[str, Any]:
        """Log in a further device; waits for a time-step that nobody has used."""
        await self.client.wait_enrolled(every_s=0.1)
        secret = (await asyncio.to_thread(Path(account_file).read_text)).strip()
        one_time = pyotp.TOTP(secret)
        used_s = (await asyncio.to_thread(Path(account_file).stat)).st_mtime
        next_step_s = (used_s // one_time.interval + 1) * one_time.interval
        await asyncio.sleep(max(0.0, next_step_s - time.time()) + 0.2)
        await self.client.login(totp=one_time.now)
        await self.client.go_live()
        return {"account": self.client.code}

    async def invite(self, account: str, kind: str) -> dict[str, Any]:
        """Invite a person of the own administration."""
        return {"invitation": await self.client.invite(account, kind)}

    async def invite_own(self) -> dict[str, Any]:
        """Invite a further device of this person."""
        return {"invitation": await self.client.directory.invite_own_device()}

    async def vouch(self, account: str) -> dict[str, Any]:
        """Vouch for what came, until a device of `account` is among it."""
        until = time.monotonic() + WAIT_S
        async with self._vouching:
            before = set(self.client.directory.person(account).devices)
            while time.monotonic() < until:
                await self.client.directory.vouch()
                now = set(self.client.directory.person(account).devices)
                if now - before or (before and account != self.client.code):
                    return {"devices": [device.hex() for device in now]}
                await asyncio.sleep(POLL_S)
        raise ProtocolError(ErrorCode.UNKNOWN_DEVICE, f"no keys came for {account}")

    async def bot_secret(self, account: str) -> dict[str, Any]:
        """The bot's client secret, from the server, once."""
        return {"secret": (await self.client.directory.bot_secret(account)).hex()}

    async def bot_login(self, secret: str) -> dict[str, Any]:
        """Log in as a bot."""
        await self.client.wait_enrolled(every_s=0.1)
        self.client.keep_client_secret(bytes.fromhex(secret))
        await self.client.login()
        await self.client.go_live()
        return {}

    def _keep_seed(self, secret: str) -> None:
        path = self._folder / f"{self._key}.totp"
        path.touch(mode=0o600)
        path.write_text(secret + "\n")


class Coordination(Enrolment):
    """What coordinators decide."""

    async def create_operation(
        self,
        name: str,
        legal: str,
        window: list[int],
        grace_ms: int,
        auditors: list[str],
        quorum: int,
    ) -> dict[str, Any]:
        """Found the operation."""
        plan = OperationPlan(
            name=name,
            not_before=window[0],
            not_after=window[1],
            legal=legal,
            grace_ms=grace_ms,
            auditors=tuple(auditors),
            quorum=quorum,
        )
        self._enter(await self.client.create_operation(plan))
        return {"log": self.operation.id.hex()}

    async def admit(self, members: list[dict[str, Any]]) -> dict[str, Any]:
        """Admit people."""
        rows = [
            Admission(**{**member, "kinds": tuple(member.get("kinds", ()))}) for member in members
        ]
        posted = await self.operation.admit(rows)
        return {"seq": posted[-1].seq}

    async def create_channel(self, name: str) -> dict[str, Any]:
        """A channel for all members."""
        channel = await self.operation.create_channel(name)
        return {"channel": channel.id.hex()}

    async def set_phase(self, phase: str) -> dict[str, Any]:
        """Go to a phase."""
        return {"seq": (await self.operation.set_phase(phase)).seq}

    async def remove(self, codes: list[str]) -> dict[str, Any]:
        """Remove members."""
        return {"seq": (await self.operation.remove(codes)).seq}

    def _enter(self, operation: Operation) -> None:
        self._operation = operation
        self._watch = asyncio.create_task(self._watch_items())

    async def _watch_items(self) -> None:
        """Note when each message became readable here, once."""
        async for item in self.operation.follow():
            if isinstance(item, Message) and item.content is not None:
                self._seen_ms.setdefault(item.place.leaf, wall_clock())


class Field(Coordination):
    """Joining, posting and reporting what was seen."""

    async def join(self, log: str, size: int) -> dict[str, Any]:
        """Open the operation and follow it; returns when `size` entries are here."""
        self._enter(await self.client.operation(bytes.fromhex(log)))
        await self._until(lambda: self.operation.state.size >= size, f"{size} entries")
        return {"size": self.operation.state.size}

    async def post(
        self,
        channel: str,
        kind: str,
        content: dict[str, Any],
        re: str | None = None,
        prio: str | None = None,
    ) -> dict[str, Any]:
        """Post; the receipt was verified when this returns."""
        began = wall_clock()
        posted = await self.operation.channel(channel).post(
            kind,
            plain(content),
            re=None if re is None else bytes.fromhex(re),
            prio=prio,
        )
        return {"seq": posted.seq, "leaf": posted.leaf.hex(), "posted_ms": began}

    async def drop(self, channel: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        """Drop, as a bot."""
        began = wall_clock()
        posted = await self.operation.channel(channel).drop(kind, plain(content))
        return {"seq": posted.seq, "leaf": posted.leaf.hex(), "posted_ms": began}

    async def wait_for(self, leaf: str, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until this message is readable here, and report it."""
        wanted = bytes.fromhex(leaf)

        def found() -> Message | None:
            for item in self.operation.items():
                if (
                    isinstance(item, Message)
                    and item.place.leaf == wanted
                    and item.content is not None
                ):
                    return item
            return None

        item: Message = await self._until(found, f"message {leaf[:8]}", timeout_s)
        return {
            "seq": item.place.seq,
            "type": item.type,
            "kind": item.kind,
            "content": wire(dict(item.content or {})),
            "re": None if item.re is None else item.re.hex(),
            "author": item.author.code,
            "epoch": item.epoch,
            "flags": sorted(item.flags),
            "seen_ms": self._seen_ms.get(wanted, wall_clock()),
        }

    async def wait_for_entry(self, seq: int, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until the verified log holds this control entry, and report it."""
        item: Control = await self._until(lambda: self._control(seq), f"entry {seq}", timeout_s)
        return {"type": item.type, "author": item.author.code, "body": wire(dict(item.body))}

    async def wait_for_epoch(
        self, channel: str, n: int, timeout_s: float = WAIT_S
    ) -> dict[str, Any]:
        """Wait until epoch `n` is here, its secret opened and its rotate recomputed."""

        def judged() -> bool:
            state = self.operation.channel(channel).state
            if state.epoch < n:
                return False
            return self.operation.view.keyring.judged(state.id, n).verdict is not Verdict.NO_KEY

        await self._until(judged, f"epoch {n} of {channel}", timeout_s)
        state = self.operation.channel(channel).state
        epoch = state.epochs[n]
        rotate = self._control(epoch.seq)
        return {
            "seq": epoch.seq,
            "author": "" if rotate is None else rotate.author.code,
            "judged": str(self.operation.view.keyring.judged(state.id, n).verdict),
        }

    async def wait_for_close(self, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until the operation is closed and every epoch of every own channel is revealed."""

        def shut() -> bool:
            state = self.operation.state
            return state.closed_at is not None and not self._open_channels()

        await self._until(shut, "the close", timeout_s)
        closes = [item for item in self._controls() if item.type == "operation.close"]
        ends = [
            item for item in self._controls() if item.type in ("channel.close", "channel.reveal")
        ]
        return {
            "operation_close": closes[0].place.seq,
            "operation_author": closes[0].author.code,
            "closed_at": closes[0].place.at,
            "channel_closes": [item.place.seq for item in ends],
            "channel_authors": [item.author.code for item in ends],
            "open_channels": self._open_channels(),
        }

    async def sequence(self, channel: str, kind: str) -> dict[str, Any]:
        """Places of the readable messages of a kind in a channel, in the log's order."""
        wanted = self.operation.channel(channel).id
        return {
            "seqs": [
                item.place.seq
                for item in self.operation.items()
                if isinstance(item, Message)
                and item.channel == wanted
                and item.kind == kind
                and item.content is not None
            ]
        }

    async def entries_of(self, type: str) -> dict[str, Any]:
        """Places of the accepted entries of a type."""
        return {"seqs": [item.place.seq for item in self._controls() if item.type == type]}

    async def state(self) -> dict[str, Any]:
        """Members, phase and epochs by the verified log."""
        state = self.operation.state
        persons = self.client.directory.state.persons
        return {
            "phase": str(self.operation.phase),
            "members": [persons[member.person].code for member in self.operation.members()],
            "epochs": {chan.name: chan.epoch for chan in state.channels.values()},
            "size": state.size,
        }

    async def verify(self) -> dict[str, Any]:
        """Rebuild and judge everything again."""
        result = await self.operation.verify()
        return {
            "ok": result.ok,
            "size": result.size,
            "root": result.root.hex(),
            "signatures": result.signatures,
            "withheld": result.withheld,
            "readable": result.readable,
            "findings": [f"{found.code}: {found.detail}" for found in result.findings],
        }

    async def root_at(self, size: int) -> dict[str, Any]:
        """The root of this device's own tree at a size."""
        root = self.operation.root(size)
        return {"root": "" if root is None else root.hex()}

    async def extract(self, folder: str) -> dict[str, Any]:
        """The CEN extract of the own administration, with its release in the log."""
        operation = self.operation
        await operation.refresh()
        administration = self.client.directory.administration
        messages = [item for item in operation.items() if isinstance(item, Message)]
        extract = prepare(messages, operation=operation.name, administration=administration)
        place = Path(folder)
        await asyncio.to_thread(place.mkdir, parents=True, exist_ok=True)
        records, manifest = await asyncio.to_thread(extract.write, place)
        posted = [await operation.release(release.body()) for release in releases_due(extract, ())]
        return {
            "records": str(records),
            "manifest_file": str(manifest),
            "manifest": extract.manifest_hash.hex(),
            "release_entry": posted[0].seq,
        }

    async def post_raw(self, channel: str, content: dict[str, Any]) -> dict[str, Any]:
        """Post against the own client's advice: a removed member's client would not even try."""
        return await self.post(channel, "MSG", content)

    async def open_everything(self, dump: str, log: str, seqs: list[int]) -> dict[str, Any]:
        """Try every key of the vault on every byte that the server has."""
        vault, short = self.client.vault, LogId(bytes.fromhex(log))
        found = await asyncio.to_thread(Dump.read, Path(dump), short)
        known = [
            (chan, n, secret)
            for chan in self.operation.state.channels
            for n, secret in vault.epoch_secrets(short, chan).items()
        ]
        return await asyncio.to_thread(open_everything, known, vault.box_keys, found, short, seqs)

    def _controls(self) -> list[Control]:
        return [item for item in self.operation.items() if isinstance(item, Control)]

    def _control(self, seq: int) -> Control | None:
        return next((item for item in self._controls() if item.place.seq == seq), None)

    def _open_channels(self) -> list[str]:
        state = self.operation.state
        return [
            channel.name
            for channel in self.operation.channels()
            if channel.state.epoch and channel.state.epoch not in state.channels[channel.id].reveals
        ]

    async def _until(
        self, found: Callable[[], T | None], what: str, timeout_s: float = WAIT_S
    ) -> T:
        """Poll what the live client keeps up to date."""
        until = time.monotonic() + timeout_s
        while not (value := found()):
            if time.monotonic() > until:
                raise TimeoutError(f"{what} did not come within {timeout_s} s")
            await asyncio.sleep(POLL_S)
        return value
