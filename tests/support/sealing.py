"""Fixed epochs, devices and headers for tests of what is sealed."""

from __future__ import annotations

from typing import Any

from cencomm_crypto.member.epoch import EpochContext, EpochSecret
from cencomm_crypto.public.entry import Entry, Head, Header, author
from cencomm_crypto.public.ids import ChannelId, DeviceId, EntryId, LogId
from cencomm_crypto.public.keys import BoxKey, SigningKey, device_id
from cencomm_crypto.public.primitives import sha256
from hypothesis import settings
from hypothesis import strategies as st

NOW = 1_767_225_600_000
ELSEWHERE: dict[str, dict[str, Any]] = {  # what else an epoch's context could say
    "log": {"log": LogId(b"x" * 16)},
    "chan": {"chan": ChannelId(b"x" * 16)},
    "n": {"n": 4},
    "previous_commit": {"previous_commit": b"x" * 32},
    "suite": {"suite": 2},
}
few = settings(max_examples=40, deadline=None)

bytes16 = st.binary(min_size=16, max_size=16)
bytes24 = st.binary(min_size=24, max_size=24)
bytes32 = st.binary(min_size=32, max_size=32)
box_keys = bytes32.map(BoxKey.from_seed)
contexts = st.builds(
    EpochContext,
    log=bytes16.map(LogId),
    chan=bytes16.map(ChannelId),
    n=st.integers(1, 2**53 - 1),
    previous_commit=bytes32,
)
secrets = st.builds(EpochSecret, secret=bytes32, context=contexts)


def fixed(name: str, size: int = 32) -> bytes:
    """Bytes that differ for each name and are the same in every run."""
    return sha256(name.encode())[:size]


LOG = LogId(fixed("log", 16))
CHAN = ChannelId(fixed("chan", 16))


def epoch(n: int = 1, name: str = "epoch", **context: Any) -> EpochSecret:
    """An epoch of the fixed log and channel; `context` replaces fields of its context."""
    return EpochSecret(
        fixed(f"{name} {n}"), EpochContext(**{"log": LOG, "chan": CHAN, "n": n, **context})
    )


class Author:
    """A device that signs messages and drops."""

    def __init__(self, name: str = "author") -> None:
        self.key = SigningKey.from_seed(fixed(f"sign {name}"))
        self.box = BoxKey.from_seed(fixed(f"box {name}"))

    @property
    def id(self) -> DeviceId:
        """The device's id."""
        return device_id(self.key.public)

    def header(self, secret: EpochSecret, type_: str = "message", **fields: Any) -> Header:
        """A header in the epoch of `secret`; `fields` replace, also with false ones."""
        return Header(
            **{
                "type": type_,
                "device": self.id,
                "id": EntryId(fixed("entry", 16)),
                "time": NOW,
                "seen": Head(7, fixed("root")),
                "dir": Head(3, fixed("directory root")),
                "log": secret.context.log,
                "chan": secret.context.chan,
                "epoch": secret.context.n,
                **fields,
            }
        )

    def entry(self, header: Header, body: bytes) -> Entry:
        """The signed entry."""
        return author(header, body, self.key)
