"""Everybody's process, enrolled and logged in: the cast before the play begins."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

from cencomm_client.demo.processes import Actor, Noticed
from cencomm_client.demo.scenario import (
    ADMINISTRATIONS,
    DEPLOYMENT,
    PARTICIPANTS,
    ROOTS,
    Participant,
)
from cencomm_client.demo.screen import Screen
from cencomm_client.demo.server import Server


class Cast:
    """Processes by key; the conductor asks them, and reads nothing of theirs."""

    def __init__(self, folder: Path, server: Server, keys: dict[str, Any], screen: Screen) -> None:
        self.folder = folder
        self.server = server
        self.actors: dict[str, Actor] = {}
        self.passwords: dict[str, str] = {}
        self.directory = ""
        self._keys = keys
        self.noticed: list[Noticed] = []
        self.alarmed = asyncio.Event()
        self._screen = screen

    def __getitem__(self, key: str) -> Actor:
        return self.actors[key]

    async def start(self, key: str) -> Actor:
        """One more process."""
        self.actors[key] = await Actor.start(key, self.folder, self._hear)
        return self.actors[key]

    async def stop(self) -> None:
        """End every process that was started here."""
        await asyncio.gather(*(actor.stop() for actor in self.actors.values()))

    async def enrol(self) -> None:
        """Roots, contact points, then everybody that they vouch for."""
        await asyncio.gather(*(self.start(key) for key in (ROOTS, *(p.key for p in PARTICIPANTS))))
        founded = await self[ROOTS].call(
            "found",
            folder=str(self.folder / "roots"),
            passphrase=secrets.token_urlsafe(18),
            url=self.server.url,
            name=DEPLOYMENT,
            log_key=self._keys["log_key"],
            setup=self._keys["setup_token"],
            codes=list(ADMINISTRATIONS),
        )
        self.directory = founded["directory"]
        self._screen.say(ROOTS, f"directory founded by 2 of 3 custodians: {self.directory[:16]}")
        for person in PARTICIPANTS:
            self.passwords[person.key] = secrets.token_urlsafe(12)
        appointed = [person for person in PARTICIPANTS if person.by == "root"]
        persons = {person.key: await self._appoint(person) for person in appointed}
        await asyncio.gather(*(self._register(person) for person in appointed))
        await self[ROOTS].call("grant", person=persons["rilo"])
        invited = [person for person in PARTICIPANTS if person.by != "root"]
        await asyncio.gather(*(self._invite(person) for person in invited))

    def secrets_of(self, key: str, device: str | None = None) -> dict[str, Any]:
        """Where a participant keeps its vault, and its password."""
        return {
            "vault": str(self.folder / f"{device or key}.vault"),
            "password": self.passwords[key],
        }

    def _hear(self, noticed: Noticed) -> None:
        self.noticed.append(noticed)
        self.alarmed.set()
        self._screen.say(
            noticed.who, f"ALARM {noticed.row}: {noticed.code}: {noticed.detail}", "bold red"
        )

    async def _appoint(self, person: Participant) -> str:
        self._screen.state(person.key, "keys")
        asked = await self[person.key].call(
            "request",
            directory=self.directory,
            account=person.code,
            url=self.server.url,
            **self.secrets_of(person.key),
        )
        await self[ROOTS].call(
            "appoint", administration=person.administration, request=asked["request"]
        )
        self._screen.say(ROOTS, f"{person.code} appointed by the root of {person.administration}")
        return str(asked["person"])

    async def _invite(self, person: Participant) -> None:
        self._screen.state(person.key, "invited")
        invited = await self[person.by].call("invite", account=person.code, kind=person.kind)
        await self[person.key].call(
            "enrol", invitation=invited["invitation"], **self.secrets_of(person.key)
        )
        await self[person.by].call("vouch", account=person.code)
        if person.kind == "bot":
            made = await self[person.by].call("bot_secret", account=person.code)
            await self[person.key].call("bot_login", secret=made["secret"])
            self._screen.state(person.key, "ready")
        else:
            await self._register(person)
        self._screen.say(person.by, f"vouches for {person.code}: {person.title}")

    async def _register(self, person: Participant) -> None:
        await self[person.key].call("register")
        self._screen.state(person.key, "ready")
