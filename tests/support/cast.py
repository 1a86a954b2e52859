"""A whole cast for tests of operations: every role once, three auditors, one work channel."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

from cencomm_crypto.errors import Rejected
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.lost import NO_LOSSES
from cencomm_crypto.public.rights import Role

from tests.support.directory import DirectoryBuilder, HeldPerson
from tests.support.operation import OperationBuilder


class Cast:
    """RILO coordinates with France; Belgium takes part; three others audit (k = 2).

    `work` is a channel of everybody by rule, with one epoch once the operation is live;
    `directory` and `operation` are the builders.
    """

    def __init__(self, *, live: bool = True, audit: bool = True, **genesis: Any) -> None:
        directory = self.directory = DirectoryBuilder()
        rilo, france, belgium = (directory.administration(code) for code in ("RILO", "FR", "BE"))
        self.rilo, self.france, self.belgium = rilo, france, belgium
        self.chief = directory.person(rilo)
        directory.grant_operations(self.chief)
        self.deputy = directory.person(france)
        self.officer = directory.person(france)
        self.analyst = directory.person(belgium)
        self.observer = directory.person(belgium)
        self.expert = directory.person(france)
        self.bot = directory.person(belgium, kind="bot")
        self.ncp = belgium.ncp
        self.outsider = directory.person(belgium)
        self.auditors = [
            directory.person(directory.administration(code)) for code in ("NL", "DE", "IT")
        ]
        if audit:
            genesis = {"auditors": self.auditors, "k": 2, **genesis}
        operation = self.operation = OperationBuilder(directory, self.chief, **genesis)
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

    def accepts(self, entry: Entry) -> bool:
        """Whether the operation would take an entry; nothing is appended."""
        return not isinstance(self.operation.offer(entry), Rejected)

    @classmethod
    def fresh(cls, **options: Any) -> Cast:
        """As `Cast(**options)`, in a fortieth of the time: a copy of the one built first."""
        built = _built(**options)
        directory, operation = built.directory, built.operation
        never_change = (
            *(*directory.entries, *operation.entries, *directory.log._states),
            *(operation.state, *(state for _, state in operation.log._undo), NO_LOSSES),
        )
        return deepcopy(built, {id(one): one for one in never_change})

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


@cache
def _built(**options: Any) -> Cast:
    return Cast(**options)
