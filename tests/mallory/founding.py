"""How the world of all stages comes about: the real ceremonies, once per test session."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from cencomm_client.automation.timing import Timing
from cencomm_client.plan import Admission, OperationPlan
from cencomm_client.root import ceremony
from cencomm_crypto.public.ids import LogId
from cencomm_server import installation as installations
from cencomm_server.store.memory import MemoryStore

from tests.mallory.harness import Stage, serving, staged
from tests.mallory.world import (
    ALERTS,
    ANALYST,
    AUDITORS,
    BOT,
    CHIEF,
    CONTACT,
    CONTACT_POINTS,
    DEPUTY,
    GRACE_MS,
    HOUR_MS,
    MEMBERS,
    OFFICER,
    OPERATION,
    OUTSIDER,
    PLAN,
    RAID,
    WARNING,
    WINDOW_MS,
    World,
)
from tests.support.loopback import NAME, Loopback, now_ms


async def build(folder: Path) -> World:
    """Found a directory, enrol the cast, and bring MERIDIAN to life."""
    world = await _enrolled(folder)
    async with staged(world, folder, store=world.store, timing=Timing.brisk()) as stage:
        await _prepare(stage)
    return world


async def _enrolled(folder: Path) -> World:
    """Roots, appointments, invitations, vouching, registration, login: nobody is put in place."""
    installations.create(folder / "server", NAME)
    store = MemoryStore()
    totp: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(folder / "server", store, now_ms, {}))
        made = Loopback(folder, server.running, stack)
        await made.found()
        contacts = {code: await made.ncp(_administration(code), code) for code in CONTACT_POINTS}
        first = {_administration(code): contact for code, contact in contacts.items()}
        people = {
            code: await made.enrol(first[_administration(code)], code)
            for code in (OFFICER, ANALYST, OUTSIDER)
        }
        await made.bot(first["BE"], BOT)
        chief = contacts[CHIEF].vault.person
        await made.decide(made.governance, ceremony.grant_role(chief))
        totp = {code: member.totp_secret for code, member in (contacts | people).items()}
    for code in CONTACT_POINTS:
        for ending in ("", ".replica"):
            (folder / f"ncp {code}{ending}").rename(folder / f"{code}{ending}")
    return World(folder, store, LogId(made.directory_id[:16]), totp=totp)


async def _prepare(stage: Stage) -> None:
    """MERIDIAN: its members and auditors, two channels, a message in each, read by all."""
    chief = await stage.client(CHIEF)
    await chief.refresh()
    now = now_ms()
    operation = await chief.create_operation(
        OperationPlan(
            name=OPERATION,
            not_before=now - HOUR_MS,
            not_after=now + WINDOW_MS,
            legal="Nairobi Convention, annex III",
            grace_ms=GRACE_MS,
            auditors=AUDITORS,
            quorum=2,
        )
    )
    stage.world.log = operation.id
    await operation.create_channel(ALERTS)
    await operation.admit(
        [
            Admission(DEPUTY, "coordinator"),
            Admission(CONTACT, "ncp"),
            Admission(OFFICER, "officer"),
            Admission(ANALYST, "analyst"),
            Admission(BOT, "bot", channel=ALERTS, kinds=("HIT",), rate=60),
        ]
    )
    await operation.create_channel(RAID, members=(DEPUTY, OFFICER))
    await operation.set_phase("prep")
    await operation.set_phase("live")
    await operation.channel(ALERTS).post("MSG", {"text": WARNING})
    officer = await stage.operation(OFFICER)
    await officer.channel(RAID).post("MSG", {"text": PLAN})
    await stage.look(*MEMBERS, BOT, OUTSIDER)
    for code in MEMBERS:
        assert stage.texts(code) == (
            [WARNING, PLAN] if code in (CHIEF, DEPUTY, OFFICER) else [WARNING]
        )
    stage.quiet()


def _administration(code: str) -> str:
    return code.partition("-")[0]
