"""Entries that cases change, and what they append first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cencomm_crypto.public.entry import Entry, parse

from tests.support.directory import HeldDevice
from tests.support.vectors.keys import SMALL_SIGN
from tests.support.vectors.stage import DirectoryStage

Body = Mapping[str, Any]


Make = Callable[[DirectoryStage], Entry]


Row = tuple[str, str, Make, str | None]


SMALL = bytes.fromhex(SMALL_SIGN["order 8"])


SMALL_BOX = bytes(32)


def broken(entry: Entry) -> Entry:
    """The same entry with one bit of its signature flipped."""
    sig = bytes([entry.sig[0] ^ 1]) + entry.sig[1:]
    return parse(entry.header_bytes, entry.body_bytes or b"", sig)


def governed(kind: str, body: Callable[[DirectoryStage], Body], **more: Any) -> Make:
    return lambda stage: stage.directory.by_governance(kind, body(stage), **more)


def by_ncp(kind: str, body: Callable[[DirectoryStage], Body], **header: Any) -> Make:
    return lambda stage: stage.directory.author(
        kind, body(stage), stage.france.ncp.device, **header
    )


def about_agent(stage: DirectoryStage) -> Body:
    return {"person": stage.agent.id}


def france(stage: DirectoryStage) -> Body:
    return {"admin": stage.france.id}


def role(stage: DirectoryStage) -> Body:
    return {"person": stage.agent.id, "role": "operations"}


def after(change: Callable[[DirectoryStage], object], make: Make) -> Make:
    """Append something first."""

    def both(stage: DirectoryStage) -> Entry:
        change(stage)
        return make(stage)

    return both


def suspend_agent(stage: DirectoryStage) -> object:
    return stage.directory.suspend(stage.agent)


def suspend_france(stage: DirectoryStage) -> object:
    return stage.directory.suspend_administration(stage.france)


def own_entry(stage: DirectoryStage, device: HeldDevice | None = None, **header: Any) -> Entry:
    """A re-key by the agent, as a plain entry to change."""
    device = device or stage.agent.device
    body = {"box_pk": stage.directory.box_key().public}
    return stage.directory.author("device.rekey", body, device, **header)


def device(stage: DirectoryStage, **changed: Any) -> Body:
    """Body of a device.add for the agent."""
    device = stage.directory.new_device(stage.agent.id)
    return {**stage.directory.device_body(device), **changed}


def new_admin(code: str) -> Callable[[DirectoryStage], Body]:
    return lambda stage: {"code": code, "root": stage.directory.signing_key("root").public}


def restored(**changed: Any) -> Callable[[DirectoryStage], Body]:
    """Body of a log.restored that names two places which were lost."""
    return lambda stage: {**stage.directory.lose(2), **changed}


def person(code: str, kind: str = "human", **changed: Any) -> Callable[[DirectoryStage], Body]:
    return lambda stage: {
        "person": stage.directory.new_person(stage.france).id,
        "code": code,
        "kind": kind,
        **changed,
    }
