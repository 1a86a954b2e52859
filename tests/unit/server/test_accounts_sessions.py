"""Sessions end: by themselves, by logout, and by what the directory says."""

import asyncio
import secrets

import pytest
from cencomm_config.errors import NotAuthenticated, SessionExpired
from cencomm_crypto.public.directory.state import Device, Person
from cencomm_crypto.public.wire import Sequenced
from cencomm_server.accounts.proof import Proof
from cencomm_server.accounts.sessions import KNOWN_S
from cencomm_server.store.documents import SessionDoc

from tests.support.accounts import Desk
from tests.support.directory import DirectoryBuilder, HeldDevice, HeldPerson


class Office:
    """A person with two devices, each logged in, and its contact point."""

    def __init__(self) -> None:
        self.builder = DirectoryBuilder()
        france = self.builder.administration("FR")
        self.person = self.builder.person(france, devices=2)
        self.ncp = france.ncp
        self.desk = Desk(self.builder)

    async def open(self, device: HeldDevice) -> bytes:
        token = secrets.token_bytes(32)
        found = self.builder.state.devices[device.id]
        await self.desk.sessions.open(found, self.desk.prove(device, token).token_hash)
        self.desk.sockets.devices.clear()
        return token

    async def lives(self, token: bytes) -> bool:
        try:
            await self.desk.sessions.authenticate(token)
        except (SessionExpired, NotAuthenticated):
            return False
        return True

    async def commit(self, since: int) -> None:
        entries: list[Sequenced] = self.builder.entries[since:]
        await self.desk.revocations.committed(entries, self.builder.state)


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_session_ends_when_idle(office: Office) -> None:
    token = await office.open(office.person.device)
    office.desk.now += 3_599_000
    assert await office.lives(token)
    office.desk.now += 3_599_000
    assert await office.lives(token)
    office.desk.now += 3_600_000
    assert not await office.lives(token)


async def test_a_session_ends_at_its_absolute_limit_however_busy(office: Office) -> None:
    token = await office.open(office.person.device)
    for _ in range(19):
        office.desk.now += 1_800_000
        assert await office.lives(token)
    office.desk.now += 1_800_000
    assert not await office.lives(token)


async def test_use_is_written_down_seldom(office: Office) -> None:
    token = await office.open(office.person.device)
    opened = office.desk.now
    office.desk.now += 1_000
    await office.lives(token)
    assert next(iter(office.desk.store._sessions.values())).last_seen == opened


async def test_a_new_login_ends_the_devices_earlier_session_and_sockets(office: Office) -> None:
    first = await office.open(office.person.device)
    other = await office.open(office.person.devices[1])
    second = await office.open(office.person.device)
    assert [await office.lives(token) for token in (first, other, second)] == [False, True, True]


async def test_logout_ends_session_and_sockets(office: Office) -> None:
    token = await office.open(office.person.device)
    principal = await office.desk.sessions.authenticate(token)
    assert await office.desk.sessions.living(principal)
    await office.desk.sessions.end(principal)
    assert not await office.lives(token)
    assert not await office.desk.sessions.living(principal)
    assert office.desk.sockets.devices == [office.person.device.id]


class Reads:
    """Counts what the sessions ask of the store, and can hold an answer back."""

    def __init__(self, office: Office, patch: pytest.MonkeyPatch) -> None:
        self.count, self.moment = 0, 0.0
        self.held: asyncio.Event | None = None
        store = office.desk.store
        read = store.session

        async def session(token_hash: bytes) -> SessionDoc | None:
            self.count += 1
            found = await read(token_hash)
            if self.held is not None:
                await self.held.wait()
            return found

        patch.setattr(store, "session", session)
        patch.setattr(office.desk.sessions, "_monotonic_s", lambda: self.moment)


async def test_the_store_is_asked_for_a_busy_session_once_a_second(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, token = Reads(office, monkeypatch), await office.open(office.person.device)
    for _ in range(20):
        assert await office.lives(token)
    assert reads.count == 1
    reads.moment += KNOWN_S
    assert await office.lives(token)
    assert reads.count == 2
    # what another process has ended is over here after that second
    await office.desk.store.drop_sessions_of(device=office.person.device.id)
    assert await office.lives(token)
    reads.moment += KNOWN_S
    assert not await office.lives(token)


async def test_what_was_read_before_a_logout_is_not_believed_after_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's answer is on its way while the session ends."""
    reads, token = Reads(office, monkeypatch), await office.open(office.person.device)
    principal = await office.desk.sessions.authenticate(token)
    reads.moment += KNOWN_S
    reads.held = asyncio.Event()
    late = asyncio.create_task(office.lives(token))
    await asyncio.sleep(0)
    await office.desk.sessions.end(principal)
    reads.held.set()
    await late
    assert not await office.lives(token)


async def test_a_logout_while_a_socket_opens_leaves_no_socket_behind(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A27: the sockets are ended before this one is among them, so it must not come to be."""
    desk, token = office.desk, await office.open(office.person.device)
    redeem = desk.proofs.redeem

    async def slow(proof: Proof) -> tuple[Device, Person]:
        await desk.sessions.end_device(office.person.device.id)
        return await redeem(proof)

    proof = desk.prove(office.person.device, token)
    monkeypatch.setattr(desk.proofs, "redeem", slow)
    with pytest.raises(SessionExpired):
        await desk.services.live.authenticate(token, proof)


async def test_a_revocation_ends_that_devices_session_at_once(office: Office) -> None:
    gone, stays = office.person.devices
    tokens = [await office.open(gone), await office.open(stays)]
    since = len(office.builder.entries)
    office.builder.revoke(gone, by=stays)
    await office.commit(since)
    assert [await office.lives(token) for token in tokens] == [False, True]
    assert office.desk.sockets.devices == [gone.id]


@pytest.mark.parametrize("kind", ["person.suspend", "person.reset"])
async def test_a_suspension_or_reset_ends_all_of_the_person(office: Office, kind: str) -> None:
    tokens = [await office.open(device) for device in office.person.devices]
    since = len(office.builder.entries)
    body = {"person": office.person.id}
    office.builder.append(office.builder.author(kind, body, office.ncp.device))
    await office.commit(since)
    assert not any([await office.lives(token) for token in tokens])
    assert office.desk.sockets.persons == [office.person.id]


async def test_a_suspended_administration_goes_as_a_whole(office: Office) -> None:
    italy = office.builder.administration("IT")
    theirs = await office.open(italy.ncp.device)
    ours: list[HeldPerson] = [office.person, office.ncp]
    tokens = [await office.open(person.device) for person in ours]
    since = len(office.builder.entries)
    office.builder.suspend_administration(office.ncp.administration)
    await office.commit(since)
    assert not any([await office.lives(token) for token in tokens])
    assert await office.lives(theirs)
    assert set(office.desk.sockets.persons) == {person.id for person in ours}


async def test_an_entry_without_effect_ends_nothing(office: Office) -> None:
    token = await office.open(office.person.device)
    since = len(office.builder.entries)
    italy = office.builder.administration("IT")
    forged = office.builder.author("person.suspend", {"person": office.person.id}, italy.ncp.device)
    office.builder.force(forged)  # another administration's contact point may not
    await office.commit(since)
    assert await office.lives(token)
    assert not office.desk.sockets.persons


async def test_without_the_hook_the_directory_is_asked_at_each_use(office: Office) -> None:
    gone, stays = office.person.devices
    token = await office.open(gone)
    office.builder.revoke(gone, by=stays)
    with pytest.raises(SessionExpired):
        await office.desk.sessions.authenticate(token)
