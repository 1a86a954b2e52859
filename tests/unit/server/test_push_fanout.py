"""Who is sent what after a commit."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from cencomm_crypto.public.encoding import decode
from cencomm_crypto.public.ids import ChannelId, LogId
from cencomm_crypto.public.wire import Sequenced, decode_sequenced, split_sequence
from cencomm_server.engine.committed import Commit
from cencomm_server.events import ENTRIES, HEAD
from cencomm_server.push import fanout as module
from cencomm_server.push.fanout import Fanout
from cencomm_server.push.frames import event_frames

from tests.support.directory import HeldDevice, HeldPerson
from tests.support.engine import Scene, rotate


@dataclass(eq=False)
class Listener:
    """A subscriber that keeps what it is sent."""

    frames: list[tuple[LogId, bytes]] = field(default_factory=list)
    heads: list[tuple[LogId, bytes]] = field(default_factory=list)
    ended: bool = False

    def push(self, log: LogId, frames: bytes, head: bytes) -> bool:
        self.frames.append((log, frames))
        return True

    def notify(self, log: LogId, head: bytes) -> None:
        self.heads.append((log, head))

    def inactive(self) -> None:
        self.ended = True

    def clear(self) -> None:
        self.frames.clear()
        self.heads.clear()

    def items(self, log: LogId) -> list[Sequenced]:
        """All items pushed of one log; each push starts with the head that covers it."""
        found: list[Sequenced] = []
        for pushed, frames in self.frames:
            if pushed == log:
                first, *rest = split_sequence(payload_of(ENTRIES, frames))
                named, size, _ = decode(first, max_size=4096)
                found += [decode_sequenced(item) for item in rest]
                assert (named, size) == (log, found[-1].seq + 1)
        return found

    def sizes(self, log: LogId) -> list[int]:
        """Sizes announced of one log."""
        heads = [payload_of(HEAD, head) for announced, head in self.heads if announced == log]
        return [decode(head, max_size=4096)[1] for head in heads]


def payload_of(event: str, frames: bytes) -> bytes:
    """The binary argument of an event; relies on nothing but that it stands last."""
    for size in range(len(frames)):
        if event_frames(event, frames[len(frames) - size :]) == frames:
            return frames[len(frames) - size :]
    raise AssertionError(f"no event {event}")


class Hall(Scene):
    """A channel of everybody, and one of the officer and the coordinator alone."""

    inner: ChannelId
    fanout: Fanout

    def __init__(self) -> None:
        super().__init__()
        self.outsider = self.directory.person(self.officer.administration)
        self.operation.admit(self.outsider, "officer")
        self.inner = self.operation.channel("inner", [self.officer, self.operation.creator])
        rotate(self.operation, self.inner)
        rotate(self.operation, self.work)

    async def open(self) -> Hall:
        await self.serve()
        self.fanout = Fanout(self.served.logs)
        return self

    def listen(self, held: HeldPerson | HeldDevice) -> Listener:
        """A live socket of a device."""
        listener = Listener()
        self.fanout.join(listener, self.served.reader(held))
        return listener

    async def follow(self) -> None:
        await self.served.follow(self.operation)


@pytest.fixture
async def hall() -> Hall:
    """The hall on a server."""
    return await Hall().open()


async def test_a_new_socket_hears_of_the_directory_and_of_its_operations(hall: Hall) -> None:
    member = hall.listen(hall.officer)
    assert member.sizes(hall.log) == [hall.operation.log.size]
    assert member.sizes(hall.directory.log.id16) == [hall.directory.log.size]
    stranger = hall.directory.person(hall.officer.administration)
    await hall.served.follow_directory()
    assert hall.listen(stranger).sizes(hall.log) == []


async def test_members_of_the_channel_get_the_entry_and_the_others_56_bytes(hall: Hall) -> None:
    inside, outside = hall.listen(hall.officer), hall.listen(hall.outsider)
    hall.operation.message(hall.inner, hall.officer)
    await hall.follow()
    (whole,), (hidden,) = inside.items(hall.log), outside.items(hall.log)
    assert whole.entry is not None
    assert hidden.entry is None
    assert whole.leaf == hidden.leaf == hall.operation.entries[-1].leaf


async def test_those_who_see_the_same_get_the_same_bytes_built_once(hall: Hall) -> None:
    listeners = [hall.listen(hall.officer) for _ in range(3)]
    listeners.append(hall.listen(hall.operation.creator))
    hall.operation.message(hall.inner, hall.officer)
    await hall.follow()
    assert len({id(listener.frames[0][1]) for listener in listeners}) == 1


async def test_a_directory_entry_goes_to_everybody(hall: Hall) -> None:
    listener = hall.listen(hall.outsider)
    person = hall.directory.person(hall.officer.administration)
    await hall.served.follow_directory()
    assert len(listener.items(hall.directory.log.id16)) == 2
    assert person.id in hall.served.logs.directory.state.persons


async def test_an_admitted_person_hears_of_the_operation_without_connecting_anew(
    hall: Hall,
) -> None:
    person = hall.directory.person(hall.officer.administration)
    await hall.served.follow_directory()
    listener = hall.listen(person)
    hall.operation.admit(person, "observer")
    await hall.follow()
    assert listener.sizes(hall.log) == [hall.operation.log.size]
    hall.operation.message(hall.work, hall.officer)
    await hall.follow()
    assert listener.items(hall.log)[-1].entry is not None


async def test_a_removed_person_hears_where_its_log_ends_and_nothing_more(hall: Hall) -> None:
    listener = hall.listen(hall.outsider)
    listener.clear()
    hall.operation.remove(hall.outsider)
    end = hall.operation.log.size
    rotate(hall.operation, hall.work)
    hall.operation.message(hall.work, hall.officer)
    await hall.follow()
    assert listener.sizes(hall.log) == [end]
    assert listener.items(hall.log) == []


async def test_who_leaves_a_channel_gets_56_bytes_from_then_on(hall: Hall) -> None:
    listener = hall.listen(hall.officer)
    hall.operation.message(hall.inner, hall.officer)
    body = {"chan": hall.inner, "add": [], "remove": [hall.officer.id]}
    hall.operation.control("channel.members", body)
    rotate(hall.operation, hall.inner)
    await hall.follow()
    before, control, after = listener.items(hall.log)
    assert before.entry is not None
    assert control.entry is not None
    assert after.entry is None


async def test_who_joins_later_is_counted_in_channels_looked_at_before(hall: Hall) -> None:
    hall.listen(hall.outsider)
    hall.operation.message(hall.inner, hall.officer)
    await hall.follow()
    late = hall.listen(hall.officer)
    hall.operation.message(hall.inner, hall.officer)
    await hall.follow()
    assert [item.entry is not None for item in late.items(hall.log)] == [True]


async def test_a_revoked_device_is_ended_before_anything_else_is_sent(hall: Hall) -> None:
    phone = hall.directory.device(hall.officer, voucher=hall.officer.device)
    await hall.served.follow_directory()
    gone, stays = hall.listen(phone), hall.listen(hall.officer)
    gone.clear()
    hall.directory.revoke(phone, by=hall.officer.device)
    await hall.served.follow_directory()
    assert gone.ended
    assert gone.frames == []
    assert not stays.ended
    assert stays.frames


async def test_a_device_revoked_between_login_and_subscription_is_sent_away(hall: Hall) -> None:
    phone = hall.directory.device(hall.officer, voucher=hall.officer.device)
    hall.directory.revoke(phone, by=hall.officer.device)
    await hall.served.follow_directory()
    late = hall.listen(phone)
    assert late.ended
    assert late.heads == []


async def test_a_commit_that_is_too_large_for_a_frame_is_only_announced(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FRAME_BYTES", 600)
    inside, outside = hall.listen(hall.officer), hall.listen(hall.outsider)
    inside.clear()
    hall.operation.append(hall.operation.current("message", bytes(400), hall.inner, hall.officer))
    await hall.follow()
    assert inside.sizes(hall.log) == [hall.operation.log.size]
    assert inside.frames == []
    assert outside.items(hall.log)[-1].entry is None


async def test_after_leaving_nothing_is_sent(hall: Hall) -> None:
    listener = hall.listen(hall.officer)
    listener.clear()
    hall.fanout.leave(listener)
    hall.operation.message(hall.work, hall.officer)
    await hall.follow()
    assert listener.frames == listener.heads == []


async def test_a_listener_that_fails_stops_nobody(hall: Hall) -> None:
    def fails(_: Commit) -> None:
        raise ZeroDivisionError

    hall.served.logs._listeners.insert(0, fails)
    listener = hall.listen(hall.officer)
    hall.operation.message(hall.work, hall.officer)
    await hall.follow()
    assert len(listener.items(hall.log)) == 1
