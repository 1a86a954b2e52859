"""Entries that cases change, and what they append first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cencomm_crypto.public.entry import Entry, Head, parse
from cencomm_crypto.public.ids import ChannelId

from tests.support.directory import HeldDevice, HeldPerson
from tests.support.operation import HOUR
from tests.support.vectors.notation import fixed
from tests.support.vectors.stage import Stage

Make = Callable[[Stage], Entry]


Row = tuple[str, str, Make, str | None]


def broken(entry: Entry) -> Entry:
    """The same entry with one bit of its signature flipped."""
    sig = bytes([entry.sig[0] ^ 1]) + entry.sig[1:]
    return parse(entry.header_bytes, entry.body_bytes or b"", sig)


def after(change: Callable[[Stage], object], make: Make) -> Make:
    def both(stage: Stage) -> Entry:
        change(stage)
        return make(stage)

    return both


def at(at: int, make: Make) -> Make:
    return after(lambda stage: stage.operation.wait_until(at), make)


def control(kind: str, body: Callable[[Stage], Any] | None = None, **header: Any) -> Make:
    """A control entry by the first coordinator."""
    return lambda stage: stage.operation.author(
        kind, {} if body is None else body(stage), stage.chief, **header
    )


def hold(stage: Stage, by: HeldDevice | HeldPerson | None = None, **header: Any) -> Entry:
    """A control entry that is good at any time, to change."""
    return stage.operation.author("hold", {"reason": "court"}, by or stage.chief, **header)


def message(stage: Stage, by: HeldDevice | HeldPerson | None = None, **header: Any) -> Entry:
    return stage.operation.sealed(stage.work, by or stage.officer, **header)


def disturbed(change: Callable[[Stage], object], make: Callable[..., Entry]) -> Make:
    """An entry whose author has not seen what was appended before it."""

    def both(stage: Stage) -> Entry:
        head = stage.operation.head
        change(stage)
        return make(stage, seen=head)

    return both


def rotation(stage: Stage, seen: Head | None = None, **fields: Any) -> Entry:
    header = {} if seen is None else {"seen": seen}
    return stage.operation.rotation(stage.work, stage.officer, header=header, **fields)


def grant_to(stage: Stage, device: HeldDevice, by: HeldPerson | None = None, **more: Any) -> Entry:
    body = {
        "n": more.pop("n", 1),
        "device": device.id,
        "box_pk": more.pop("box_pk", device.box.public),
        "wrap": fixed("wrap"),
    }
    return stage.operation.current("channel.grant", body, stage.work, by or stage.officer, **more)


def short_channel(stage: Stage) -> ChannelId:
    """A channel that begins an hour on and lasts two."""
    start = stage.operation.clock + HOUR
    return stage.operation.channel("short", window=[start, start + 2 * HOUR])


def phase(phase: str) -> Make:
    return control("phase.set", lambda _: {"phase": phase})


def ended(stage: Stage) -> None:
    stage.operation.wait_until(stage.operation.state.end + 1)


def closed(stage: Stage) -> None:
    leaf = stage.operation.propose("close", {})
    stage.operation.approve("close", leaf, stage.deputy)


def suspended(stage: Stage) -> None:
    stage.operation.control("operation.suspend", {})


def twin(stage: Stage) -> HeldDevice:
    return stage.directory.device(stage.officer, voucher=stage.officer.device)


def empty(_: Stage) -> Any:
    return {}


def work(stage: Stage) -> ChannelId:
    return stage.work


def persons(*names: str) -> Callable[[Stage], list[bytes]]:
    return lambda stage: [getattr(stage, name).id for name in names]


def listed(stage: Stage) -> ChannelId:
    return stage.operation.channel("listed", [stage.chief, stage.officer, stage.deputy])


def aside(stage: Stage) -> ChannelId:
    """A directed channel within work."""
    return stage.operation.channel("aside", [stage.chief, stage.officer], parent=stage.work)


def other_audit_set(stage: Stage) -> None:
    body = {"audit": {"persons": [auditor.id for auditor in stage.auditors], "k": 3}}
    stage.operation.approve("audit", stage.operation.propose("audit", body), stage.deputy)
