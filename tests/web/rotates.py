"""Random rotates of an operation of 200 devices and five auditors: made, recomputed, forged."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.wire import encode_sequenced

from tests.bench.crowd import gather
from tests.support.epochs import Epochs
from tests.support.vector_runner import member_logs
from tests.support.vector_runner.reading import Op, value
from tests.web.bridge import Case

DEVICES, AUDITORS = 200, 5
SMALL = (2, 5, 13)  # members of the other channels
EARLIER = 3  # epochs that a rotate may link, in each channel
FORGED: dict[str, int] = {  # fields that no public rule looks into, and their sizes
    "commit": 32,
    "close_commit": 32,
    "drop_pk": 32,
    "wraps_root": 32,
    "shares_root": 32,
    "prev_link": 48,
    "prev_close": 48,
    "escrow": 48,
}


class Rotates:
    """The scene, and cases in it."""

    def __init__(self) -> None:
        crowd = gather(DEVICES, auditors=AUDITORS)
        self._operation = operation = crowd.operation
        self._large = crowd.work
        self._channels = [operation.channel(f"of {size}", crowd.people[:size]) for size in SMALL]
        self._epochs = Epochs(operation)
        for chan in (self._large, *self._channels):
            for _ in range(EARLIER):
                self._epochs.rotate(chan)
        self.scene: dict[str, Any] = {
            "directory": [encode_sequenced(item).hex() for item in crowd.directory.entries],
            "operation": [encode_sequenced(item).hex() for item in operation.entries],
        }
        self.ops: dict[str, Op] = member_logs.ops({"crowd": self.scene})

    def make(self, random: Random, *, large: bool) -> Case:
        """A rotate that links one of the epochs before it, or none; `large`: for all devices."""
        chan = self._large if large else random.choice(self._channels)
        inputs: dict[str, Any] = {
            "scene": "crowd",
            "chan": chan.hex(),
            "secret": random.randbytes(32).hex(),
        }
        if p := random.randint(0, EARLIER):
            secret = self._epochs.made[chan, p].secret
            context = secret.context
            inputs["previous"] = {
                "secret": secret.secret.hex(),
                "context": {
                    "log": context.log.hex(),
                    "chan": context.chan.hex(),
                    "n": context.n,
                    "previous_commit": context.previous_commit.hex(),
                },
            }
            if random.random() < 0.05:  # none of this channel's
                inputs["previous"]["secret"] = random.randbytes(32).hex()
        return "make rotation", inputs

    def open(self, random: Random, inputs: dict[str, Any], made: dict[str, Any]) -> Iterator[Case]:
        """The rotate in the log, as it is and with a false field, recomputed by a member."""
        chan, body = ChannelId(bytes.fromhex(inputs["chan"])), value(made["body"])
        field = random.choice([name for name in FORGED if name in body])
        checked = {name: inputs[name] for name in ("scene", "chan", "secret")} | {"n": made["n"]}
        for change in ({}, {field: random.randbytes(FORGED[field])}):
            entry = self._operation.author(
                "channel.rotate",
                {**body, **change},
                self._operation.creator,
                chan=chan,
                epoch=made["n"],
            )
            item = encode_sequenced(self._operation.sequenced(entry)).hex()
            yield "check rotation", {**checked, "operation": [item]}
