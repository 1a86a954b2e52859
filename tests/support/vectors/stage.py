"""Logs on which cases are tried: built once, each case leaves them as it found them.

A scene is a directory, with or without an operation over it, as hex items; cases name it and add
what they need: entries that are appended first, then the one that is judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cencomm_crypto.errors import DirectoryBehind, ProtocolError, Rejected
from cencomm_crypto.public.directory.projection import state_hash as directory_hash
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.rights import Role
from cencomm_crypto.public.wire import Sequenced, encode_sequenced

from tests.support.directory import DirectoryBuilder, HeldAdministration, HeldPerson
from tests.support.operation import OperationBuilder
from tests.support.vectors.notation import Case, Json


class DirectoryStage:
    """Two administrations with people, for the rules of the directory."""

    def __init__(self, name: str = "directory") -> None:
        self.name = name
        directory = self.directory = DirectoryBuilder(seed=f"vectors/{name}")
        self.france = directory.administration("FR")
        self.belgium = directory.administration("BE")
        self.agent = directory.person(self.france, devices=2)
        self.colleague = directory.person(self.france)
        self.foreigner = directory.person(self.belgium)
        self.bot = directory.person(self.france, kind="bot")
        self._base = len(directory.entries)

    def scene(self) -> Json:
        """The items that every case of this stage begins with."""
        return {"directory": _shown(self.directory.entries[: self._base])}

    @contextmanager
    def rewound(self) -> Iterator[None]:
        """Whatever is appended inside is gone afterwards."""
        directory = self.directory
        people = _people(directory, self.france, self.belgium)
        people += [self.agent, self.colleague, self.foreigner, self.bot]
        before = _snapshot(directory, people)
        try:
            yield
        finally:
            _restore(directory, people, before)

    def judged(
        self, name: str, rule: str, entry: Entry | Sequenced, failure: str | None = None
    ) -> Case:
        """A case that offers `entry` after what was appended since the scene."""
        item = entry if isinstance(entry, Sequenced) else self.directory.sequenced(entry)
        inputs: dict[str, Json] = {"scene": self.name}
        more = self.directory.entries[self._base :]
        if more:
            inputs["directory"] = _shown(more)
        inputs["item"] = encode_sequenced(item)
        try:
            result = self.directory.log.check(item)
        except ProtocolError as error:
            found: str | None = error.code
        else:
            found = result.code if isinstance(result, Rejected) else None
            if not isinstance(result, Rejected):
                _expect(name, failure, None)
                return Case(
                    name, rule, "offer to directory", inputs, {"state": directory_hash(result)}
                )
        _expect(name, failure, found)
        return Case(name, rule, "offer to directory", inputs, failure=failure)


class Stage:
    """RILO coordinates with France; Belgium takes part; three others audit (k = 2).

    `work` is a channel of everybody by rule, with one epoch once the operation is live.
    """

    def __init__(
        self,
        name: str,
        *,
        live: bool = True,
        audit: bool = True,
        live_window: list[int] | None = None,
        **genesis: Any,
    ) -> None:
        self.name = name
        directory = self.directory = DirectoryBuilder(seed="vectors/operations")
        self.administrations = [
            directory.administration(code) for code in ("RILO", "FR", "BE", "NL", "DE", "IT")
        ]
        rilo, france, belgium = self.administrations[:3]
        self.france, self.belgium = france, belgium
        self.chief, self.deputy = directory.person(rilo), directory.person(france)
        directory.grant_operations(self.chief)
        self.officer, self.analyst = directory.person(france), directory.person(belgium)
        self.observer, self.expert = directory.person(belgium), directory.person(france)
        self.bot = directory.person(belgium, kind="bot")
        self.ncp = belgium.ncp
        self.outsider, self.stranger = directory.person(belgium), directory.person(france)
        self.auditors = [directory.person(admin) for admin in self.administrations[3:]]
        if live_window is not None:
            genesis = {"live": live_window, **genesis}
        if audit:
            genesis = {"auditors": self.auditors, "k": 2, **genesis}
        operation = self.operation = OperationBuilder(
            directory, self.chief, seed=f"vectors/{name}", **genesis
        )
        self.work: ChannelId = operation.channel("work")
        operation.admit(self.deputy, "coordinator")
        for person, role in (
            (self.officer, "officer"),
            (self.analyst, "analyst"),
            (self.observer, "observer"),
            (self.ncp, "ncp"),
        ):
            operation.admit(person, role)
        operation.admit(self.expert, "expert", chan=self.work)
        operation.admit_bot(self.bot, self.work)
        if live:
            operation.start()
            operation.rotate(self.work)
        self.settle()

    def settle(self) -> None:
        """From here on: the scene of this stage's cases."""
        self._base = len(self.directory.entries), len(self.operation.entries)

    @property
    def base_directory(self) -> int:
        """How many entries the scene's directory has."""
        return self._base[0]

    @property
    def base_operation(self) -> int:
        """How many entries the scene's operation has."""
        return self._base[1]

    @property
    def by_role(self) -> dict[Role, HeldPerson]:
        """One person of each role; the coordinator is the chief."""
        return {
            Role.COORDINATOR: self.chief,
            Role.OFFICER: self.officer,
            Role.ANALYST: self.analyst,
            Role.OBSERVER: self.observer,
            Role.EXPERT: self.expert,
            Role.BOT: self.bot,
            Role.AUDITOR: self.auditors[0],
            Role.NCP: self.ncp,
        }

    def scene(self) -> Json:
        """The items that every case of this stage begins with."""
        return {
            "directory": _shown(self.directory.entries[: self._base[0]]),
            "operation": _shown(self.operation.entries[: self._base[1]]),
        }

    @contextmanager
    def rewound(self) -> Iterator[None]:
        """Whatever is appended inside is gone afterwards."""
        operation = self.operation
        people = _people(self.directory, *self.administrations)
        people += [*self.by_role.values(), self.deputy, self.outsider, self.stranger]
        people += self.auditors
        before = _snapshot(self.directory, people)
        kept = operation._drawn, operation.clock, len(operation.entries), dict(operation.close_keys)
        try:
            yield
        finally:
            _restore(self.directory, people, before)
            operation._drawn, operation.clock, size, operation.close_keys = kept
            del operation.entries[size:]
            operation.log.truncate(size)

    def judged(
        self,
        name: str,
        rule: str,
        entry: Entry | Sequenced,
        failure: str | None = None,
        *,
        directory: int | None = None,
    ) -> Case:
        """A case that offers `entry` after what was appended since the scene.

        `directory`: how many entries of the directory its reader has, by default all.
        """
        item = entry if isinstance(entry, Sequenced) else self.operation.sequenced(entry)
        inputs: dict[str, Json] = {"scene": self.name}
        more = self.directory.entries[self._base[0] : directory]
        if more:
            inputs["directory"] = _shown(more)
        earlier = self.operation.entries[self._base[1] :]
        if earlier:
            inputs["operation"] = _shown(earlier)
        inputs["item"] = encode_sequenced(item)
        if directory is None:
            try:
                result = self.operation.log.check(item)
            except (ProtocolError, DirectoryBehind) as error:
                found: str | None = error.code
            else:
                found = result.code if isinstance(result, Rejected) else None
                if not isinstance(result, Rejected):
                    _expect(name, failure, None)
                    return Case(
                        name, rule, "offer to operation", inputs, {"state": state_hash(result)}
                    )
            _expect(name, failure, found)
        return Case(name, rule, "offer to operation", inputs, failure=failure)


def _expect(name: str, wanted: str | None, found: str | None) -> None:
    """Codes are written by hand: the implementation must agree with what PROTOCOL.md says."""
    if wanted != found:
        raise ValueError(f"{name}: {found} came out, {wanted} is what the specification says")


def _shown(items: list[Sequenced]) -> list[bytes]:
    return [encode_sequenced(item) for item in items]


def _people(directory: DirectoryBuilder, *admins: HeldAdministration) -> list[HeldPerson]:
    return [ncp for admin in admins for ncp in admin.ncps]


def _snapshot(directory: DirectoryBuilder, people: list[HeldPerson]) -> Mapping[str, Any]:
    return {
        "drawn": dict(directory._drawn),
        "clock": directory._clock,
        "size": len(directory.entries),
        "devices": [list(person.devices) for person in people],
        "boxes": [[device.box for device in person.devices] for person in people],
        "governance": (list(directory.governance), directory.k),
    }


def _restore(
    directory: DirectoryBuilder, people: list[HeldPerson], before: Mapping[str, Any]
) -> None:
    directory._drawn, directory._clock = dict(before["drawn"]), before["clock"]
    directory.governance, directory.k = before["governance"]
    for person, devices, boxes in zip(people, before["devices"], before["boxes"], strict=True):
        person.devices[:] = devices
        for device, box in zip(devices, boxes, strict=True):
            device.box = box
    del directory.entries[before["size"] :]
    directory.log.truncate(before["size"])
