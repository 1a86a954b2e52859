"""Whether one submission is taken now: the rules, and where this server is stricter than they are.

The server may refuse more than `apply`, never accept more (DESIGN 2).
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from cencomm_config.errors import RateLimited
from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError, Rejected
from cencomm_crypto.public.bodies import GENESIS_TYPES, ROOT_SIGNED
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import DeviceId
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.rights import BY_POSSESSION, Role
from cencomm_crypto.public.wire import Sequenced, Submission, sequence

from cencomm_server.engine.bots import Drops, check_kind
from cencomm_server.engine.clock import Clock
from cencomm_server.engine.operation import OperationRuntime
from cencomm_server.engine.reader import Reader
from cencomm_server.engine.runtime import LogRuntime
from cencomm_server.engine.wraps import check_wraps, expect_no_wraps
from cencomm_server.metrics import Limit, Metrics

HOUR_S = 3600.0
_MAX_DEVICES = 20_000  # whose rotates are remembered; the longest silent ones are forgotten
ROTATE = "channel.rotate"
DISTURBING = frozenset({"channel.create", "hold"})
"""Control entries that others than coordinators may post without end. Each makes all decisions
under way be signed anew (A42), and an operation has room for so many channels for ever."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A submission with its parsed entry."""

    submission: Submission
    entry: Entry

    @property
    def size_bytes(self) -> int:
        """What it weighs while it waits."""
        part = self.submission
        return len(part.header) + len(part.body) + len(part.wraps) + len(part.shares)


def check_poster(entry: Entry, poster: Reader | None) -> None:
    """A session posts what its own device signed; raises NOT_PERMITTED.

    Free are bodies that root signatures carry, whoever posts them, and closing and revealing,
    which a revoked device may still sign and another hand in (DESIGN 3).
    """
    kind = entry.header.type
    if kind in ROOT_SIGNED or (poster is not None and kind in BY_POSSESSION):
        return
    if poster is None or poster.device != entry.header.device:
        raise ProtocolError(
            ErrorCode.NOT_PERMITTED, "the entry is another device's than the session's"
        )


class Rotations:
    """How many rotates each device had accepted in the last hour (RULES Epochs), and how many of
    each kind that disturbs others."""

    def __init__(
        self,
        per_hour: int,
        monotonic_s: Callable[[], float] = time.monotonic,
        metrics: Metrics | None = None,
    ) -> None:
        self._metrics = metrics or Metrics()
        self._per_hour, self._monotonic_s = per_hour, monotonic_s
        self._times: OrderedDict[tuple[DeviceId, str], deque[float]] = OrderedDict()

    def check(self, device: DeviceId, kind: str = ROTATE) -> None:
        """Raise RateLimited if the device has used up its hour."""
        now, times = self._monotonic_s(), self._times.get((device, kind), deque())
        while times and times[0] <= now - HOUR_S:
            times.popleft()
        if len(times) >= self._per_hour:
            self._metrics.limited(Limit.ROTATIONS)
            raise RateLimited(
                f"{len(times)} of {kind} in an hour by this device, {self._per_hour} expected",
                retry_after_s=int(times[0] + HOUR_S - now) + 1,
            )

    def count(self, device: DeviceId, kind: str = ROTATE) -> None:
        """One more was accepted."""
        self._times.setdefault((device, kind), deque(maxlen=max(self._per_hour, 1))).append(
            self._monotonic_s()
        )
        self._times.move_to_end((device, kind))
        while len(self._times) > _MAX_DEVICES:
            self._times.popitem(last=False)


class Admission:
    """Applies offers to a runtime's replay, one after the other; hold the runtime's lock."""

    def __init__(self, clock: Clock, rotations: Rotations, drops: Drops | None = None) -> None:
        self._clock, self._rotations, self._drops = clock, rotations, drops or Drops()

    def admit(self, runtime: LogRuntime, offer: Offer) -> Sequenced:
        """Give the offer the next place and apply it; nothing is left of one that is refused.

        Raises ProtocolError with the rule's code, DirectoryBehind, ClockJumped, RateLimited.
        """
        entry = offer.entry
        if isinstance(runtime, OperationRuntime):
            self._check_author(runtime.directory.state, entry)
        item = sequence(runtime.replay.size, self._clock.next_at(runtime.last_at), entry)
        if (item.seq == 0) != (entry.header.type in GENESIS_TYPES):
            raise ProtocolError(ErrorCode.WRONG_TYPE, "a genesis stands first, and only there")
        outcome = runtime.apply(item)
        if isinstance(outcome, Rejected):
            raise ProtocolError(outcome.code, outcome.detail)
        try:
            if entry.header.type == ROTATE:
                self._rotations.check(entry.header.device)
            if isinstance(runtime, OperationRuntime) and isinstance(outcome, OperationState):
                watermark = _watermark(outcome, entry)
                directory = runtime.directory.at(watermark)
                check_wraps(offer.submission, entry, outcome, directory)
                if entry.header.type == "drop":
                    self._take_drop(runtime, outcome, entry)
                if entry.header.type in DISTURBING and not _leads(runtime, outcome, entry):
                    self._rotations.check(entry.header.device, entry.header.type)
            else:
                expect_no_wraps(offer.submission)
        except CencommError:
            runtime.undo(item)
            raise
        return item

    def accepted(self, entry: Entry) -> None:
        """The entry is durable: count what is limited."""
        if entry.header.type == ROTATE or entry.header.type in DISTURBING:
            self._rotations.count(entry.header.device, entry.header.type)

    def withdrawn(self, runtime: LogRuntime, entry: Entry) -> None:
        """What was admitted did not become durable, or is judged once more."""
        if entry.header.type == "drop" and isinstance(runtime, OperationRuntime):
            device = runtime.directory.state.device(entry.header.device)
            if device is not None:
                self._drops.give_back(runtime.log_id, device.person)

    def _take_drop(self, runtime: OperationRuntime, state: OperationState, entry: Entry) -> None:
        """Hold a bot to its admission (A31); raises NOT_PERMITTED, RateLimited."""
        device = runtime.directory.state.device(entry.header.device)
        member = None if device is None else state.members.get(device.person)
        if device is None or member is None:
            return  # `apply` has taken it: there is none without both
        check_kind(state, member, entry.header)
        if member.rate is not None:
            self._drops.take(runtime.log_id, device.person, member.rate)

    @staticmethod
    def _check_author(directory: DirectoryState, entry: Entry) -> None:
        """Stricter than the rules: a revocation counts as soon as this server knows of it."""
        header = entry.header
        if header.type in BY_POSSESSION or header.type in ROOT_SIGNED:
            return
        if directory.device(header.device) is not None and not directory.active(header.device):
            raise ProtocolError(
                ErrorCode.INACTIVE,
                "the author's device is revoked, or its person or administration suspended",
            )


def _leads(runtime: OperationRuntime, state: OperationState, entry: Entry) -> bool:
    """Whether the author coordinates: who sets an operation up makes many channels."""
    device = runtime.directory.state.device(entry.header.device)
    return device is not None and state.role_of(device.person) is Role.COORDINATOR


def _watermark(state: OperationState, entry: Entry) -> int:
    """Directory size at which an accepted entry was judged."""
    chan = entry.header.chan
    return state.watermark if chan is None else state.watermark_of(state.channels[chan])
