"""Opened messages as a reader gets them, made without keys: for the projections over them.

talk = Talk()
warning = talk.says("FR", "WRN", {...}, to=["DE"], prio="flash")
talk.wait(minutes=40)
talk.says("DE", "ACK", {"answer": "accepted"}, re=warning)
talk.desk().snapshot(talk.now)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from cencomm_client.items import Author, Damage, Flag, Message, Place
from cencomm_client.people import People
from cencomm_client.plan import CLOCKS
from cencomm_client.work.chain import Who
from cencomm_client.work.clocks import Clocks
from cencomm_client.work.desk import Desk
from cencomm_client.work.reading import Span
from cencomm_client.work.threads import Threads
from cencomm_client.work.timeline import Timeline
from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId, PersonId

START = 1_780_000_000_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
CHANNEL = ChannelId(b"alpha alpha alph")
LOG = LogId(b"log log log log ")


def named(code: str) -> bytes:
    """The id of an administration, a person or a device of this code."""
    return sha256(code.encode("utf-8", "surrogatepass")).digest()[:16]


class Talk:
    """Messages in the order of a log; its clock stands still until `wait`."""

    def __init__(self, *, live_days: int = 10, clocks: Mapping[str, int] | None = None) -> None:
        self.now = START
        self.messages: list[Message] = []
        end = START + live_days * DAY
        self.timeline = Timeline(Span(START, end), begun=START, ended=end)
        self.clocks = Clocks.of({"clocks": {**CLOCKS, **(clocks or {})}})
        self.codes: dict[bytes, str] = {}
        self.owing: dict[str, int] = {}

    def joins(self, *codes: str) -> None:
        """Administrations whose first member is admitted now."""
        for code in codes:
            self.codes[named(code)] = code
            self.owing.setdefault(code, self.now)

    def wait(self, *, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        """Let time pass."""
        self.now += int(minutes * MINUTE + hours * HOUR + days * DAY)

    def suspends(self) -> None:
        """The operation is suspended now."""
        self.timeline = replace(self.timeline, suspended=self.now)

    def resumes(self) -> None:
        """It goes on now."""
        assert self.timeline.suspended is not None
        pauses = (*self.timeline.pauses, Span(self.timeline.suspended, self.now))
        self.timeline = replace(self.timeline, pauses=pauses, suspended=None)

    def winds_down(self) -> None:
        """LIVE ends now, by decision."""
        self.timeline = replace(self.timeline, ended=self.now)

    def says(
        self,
        administration: str,
        kind: str,
        content: Mapping[str, Any] | None,
        *,
        re: Message | bytes | None = None,
        to: Iterable[str] = (),
        prio: str | None = None,
        ack_by: int | None = None,
        mid: bytes | None = None,
        flags: Iterable[Flag] = (),
        type: str = "message",
        person: str | None = None,
        at: int | None = None,
    ) -> Message:
        """One message of somebody of an administration; without content it cannot be read."""
        self.joins(administration)
        seq = len(self.messages) + 1
        leaf = sha256(b"leaf %d" % seq).digest()
        code = person or f"{administration}-001"
        to = tuple(to)
        for one in to:
            self.codes.setdefault(named(one), one.partition("-")[0])
        message = Message(
            place=Place(LOG, seq, self.now if at is None else at, leaf),
            author=Author(
                DeviceId(named(f"device {code}")), PersonId(named(code)), code, administration
            ),
            channel=CHANNEL,
            channel_name="alpha",
            type=type,
            id=EntryId(leaf[:16]),
            epoch=1,
            kind=kind,
            content=content,
            mid=None if content is None else mid or leaf[16:],
            re=re.place.leaf if isinstance(re, Message) else re,
            prio=prio,
            ack_by=ack_by,
            to=tuple(named(one) for one in to),
            time=self.now,
            flags=frozenset(flags),
            damage=Damage("no_epoch_key") if content is None else None,
        )
        self.messages.append(message)
        return message

    @property
    def who(self) -> Who:
        """Who is who, as the directory and the state would say."""
        people = People(
            self.codes.get,
            lambda code: code.partition("-")[0] if code.partition("-")[0] in self.owing else None,
            lambda message: message.author.administration == "RILO",
        )
        return Who(
            people,
            lambda: self.owing,
            lambda release: release.author.code.endswith("-001"),
        )

    def empty_desk(self, threads: Threads | None = None) -> Desk:
        """A desk that has read nothing; over threads that somebody else keeps, if given."""
        return Desk(self.clocks, self.timeline, self.who, threads)

    def desk(self) -> Desk:
        """A desk that has read everything."""
        desk = self.empty_desk()
        for message in self.messages:
            desk.take(message)
        return desk


def warning(**fields: Any) -> dict[str, Any]:
    """A right WRN."""
    return {
        "subject": "container",
        "identifiers": {"container": "CSQU3054383"},
        "goods_suspected": "cigarettes",
        "action": "control",
        **fields,
    }


def seizure(**fields: Any) -> dict[str, Any]:
    """A right simple SZR."""
    return {
        "form": "simple",
        "country": "DE",
        "office": "DEHAM",
        "at": START,
        "precision": "minute",
        "location": "seaport",
        "direction": "import",
        "offence": "smuggling",
        "detection": "xray",
        "trigger": "warning",
        "goods": [{"category": "tobacco", "quantity": "10", "unit": "MIL"}],
        **fields,
    }
