"""What holds for every course of an operation, tried on random ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cencomm_crypto.errors import DirectoryBehind, Rejected
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.ids import ZERO_SCOPE, ChannelId
from cencomm_crypto.public.operation.projection import state_hash
from cencomm_crypto.public.operation.recipients import pending_rotation, recipients
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.operation.views import visible
from cencomm_crypto.public.replay import DirectoryLog, OperationLog
from cencomm_crypto.public.wire import Sequenced
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.cast import Cast
from tests.support.directory import HeldPerson

PEOPLE = ("chief", "deputy", "officer", "analyst", "observer", "expert", "ncp", "bot", "outsider")
CHANNELS = 3  # work, and two more
Step = tuple[int, int, int]
STEPS = st.lists(st.tuples(st.integers(0, 15), st.integers(0, 8), st.integers(0, 2)), max_size=25)
FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # each builds a whole signed log


class Course:
    """A cast that does what random numbers say, sensible or not; rejected entries stay in."""

    def __init__(self) -> None:
        self.cast = Cast.fresh()
        operation = self.cast.operation
        self.channels = [
            self.cast.work,
            operation.channel("pair", [self.cast.chief, self.cast.officer]),
            operation.channel("all"),
        ]

    def entry(self, step: Step) -> Entry:
        """An entry of a random kind by a random person about a random channel."""
        kind, who, where = step
        cast, operation = self.cast, self.cast.operation
        by: HeldPerson = getattr(cast, PEOPLE[who])
        chan = self.channels[where]
        other: HeldPerson = getattr(cast, PEOPLE[(who + kind) % len(PEOPLE)])
        row = {"person": other.id, "role": "officer"}
        kinds: list[Callable[[], Entry]] = [
            lambda: operation.sealed(chan, by),
            lambda: operation.sealed(chan, by),
            lambda: operation.current("drop", b"hit", chan, by),
            lambda: operation.rotation(chan, by),
            lambda: operation.rotation(chan, by, p=0),
            lambda: operation.author("members.remove", {"persons": [other.id]}, by),
            lambda: operation.author("members.admit", {"members": [row]}, by),
            lambda: operation.author("role.set", {"person": other.id, "role": "observer"}, by),
            lambda: operation.author("hold", {"reason": "court order"}, by),
            lambda: self.with_a_loss(by, other),
            lambda: operation.author("operation.suspend", {}, by),
            lambda: operation.author("resume.propose", {}, by),
            lambda: self.approval(by),
            lambda: self.with_new_device(by),
            lambda: operation.close(chan, by),
            lambda: self.list_change(other, by),
        ]
        return kinds[kind]()

    def approval(self, by: HeldPerson) -> Entry:
        proposals = sorted(self.cast.operation.state.proposals)
        return self.cast.operation.approval("resume", proposals[0] if proposals else bytes(32), by)

    def with_new_device(self, by: HeldPerson) -> Entry:
        if by is not self.cast.bot and len(by.devices) < 3:
            self.cast.directory.device(by, voucher=by.device)
        return self.cast.operation.author("directory.sync", {}, by)

    def with_a_loss(self, by: HeldPerson, other: HeldPerson) -> Entry:
        directory = self.cast.directory
        if len(other.devices) > 1 and other.device is not other.devices[-1]:
            directory.revoke(other.devices.pop(), by=other.device)
        return self.cast.operation.author("directory.sync", {}, by)

    def list_change(self, other: HeldPerson, by: HeldPerson) -> Entry:
        chan = self.channels[1]
        inside = self.cast.operation.state.channels[chan].members or ()
        body = {
            "chan": chan,
            "add": [] if other.id in inside else [other.id],
            "remove": [other.id] if other.id in inside else [],
        }
        return self.cast.operation.author("channel.members", body, by)

    def run(self, steps: list[Step]) -> None:
        """Append what each step makes, accepted or not, as a dishonest server would."""
        for step in steps:
            self.cast.operation.force(self.entry(step))

    def replay(self, items: list[Sequenced]) -> OperationState:
        """What a reader of these items computes."""
        log = OperationLog(self.cast.directory.log)
        for item in items:
            log.apply(item)
        return log.state


@FEW
@given(STEPS)
def test_a_rejected_entry_moves_size_and_time_alone(steps: list[Step]) -> None:
    course = Course()
    for step in steps:
        before = course.cast.operation.state
        result = course.cast.operation.force(course.entry(step))
        after = course.cast.operation.state
        if isinstance(result, Rejected):
            assert after == replace(before, size=after.size, at=after.at)
        else:
            assert result == after


@FEW
@given(STEPS)
def test_every_reader_computes_the_same_of_what_it_sees(steps: list[Step]) -> None:
    course = Course()
    course.run(steps)
    whole = course.cast.operation.state
    scopes = [ZERO_SCOPE, course.cast.operation.main, *course.channels]
    for name in PEOPLE:
        person: HeldPerson = getattr(course.cast, name)
        own = {scope for scope in scopes if visible(whole, person.id, scope)}
        if ZERO_SCOPE not in own:
            continue
        partial = course.replay(
            [
                item
                if item.scope in own
                else Sequenced(item.seq, item.at, item.scope, item.inner, None)
                for item in course.cast.operation.entries
            ]
        )
        read = [ChannelId(scope) for scope in own - {ZERO_SCOPE}]
        assert state_hash(partial, read) == state_hash(whole, read)


def test_no_control_entry_depends_on_what_only_a_channels_readers_see() -> None:
    course = Course()
    cast, operation = course.cast, course.cast.operation
    pair = course.channels[1]
    operation.rotate(pair)
    operation.append(operation.close(pair, cast.chief))
    span = list(operation.state.window)
    shrink = {"chan": pair, "add": [cast.deputy.id], "remove": [cast.officer.id]}
    offers = [
        operation.author("channel.members", shrink, cast.chief),
        operation.author("window.propose", {"channels": [[pair, span]]}, cast.chief),
        operation.channel_entry("red", [cast.chief], parent=pair),
        operation.author("members.remove", {"persons": [cast.officer.id]}, cast.chief),
    ]
    unread = OperationLog(cast.directory.log)
    for item in operation.entries:
        withheld = Sequenced(item.seq, item.at, item.scope, item.inner, None)
        unread.apply(withheld if item.scope == pair else item)
    for entry in offers:
        item = operation.sequenced(entry)
        theirs, ours = unread.check(item), operation.log.check(item)
        assert isinstance(theirs, Rejected) == isinstance(ours, Rejected)


@FEW
@given(STEPS)
def test_no_message_stands_between_a_loss_of_a_recipient_and_the_next_rotate(
    steps: list[Step],
) -> None:
    course = Course()
    operation = course.cast.operation
    for step in steps:
        before, item = operation.state, operation.sequenced(course.entry(step))
        result = operation.force(item.entry) if item.entry is not None else None
        entry = item.entry
        if entry is None or isinstance(result, Rejected) or entry.header.type != "message":
            continue
        chan = ChannelId(entry.scope)
        channel = before.channels[chan]
        size = max(before.watermark_of(channel), entry.header.dir.size if entry.header.dir else 0)
        directory = course.cast.directory.log.at(size)
        now = {row.device for row in recipients(before, chan, directory)}
        epoch = channel.current
        assert epoch is not None
        assert now >= {*epoch.recips, *epoch.grants}


@FEW
@given(STEPS)
def test_the_shortcut_of_pending_rotation_says_what_the_long_way_says(steps: list[Step]) -> None:
    course = Course()
    operation, directory = course.cast.operation, course.cast.directory
    for step in steps:
        operation.force(course.entry(step))
        if step[0] == 2 and step[1] < 7:
            directory.device(course.cast.outsider)
        state = operation.state
        for chan in course.channels:
            cold = replace(state.channels[chan], fresh=None)
            unaided = replace(state, channels=state.channels.insert(chan, cold))
            assert pending_rotation(state, chan, directory.state) == pending_rotation(
                unaided, chan, directory.state
            )


@FEW
@given(st.permutations(range(6)))
def test_the_order_between_channels_matters_to_neither(order: list[int]) -> None:
    course = Course()
    cast, operation = course.cast, course.cast.operation
    pair, everybody = course.channels[1:]
    entries = [
        operation.rotation(pair),
        operation.rotation(everybody, cast.analyst),
        operation.sealed(cast.work, cast.officer),
        operation.sealed(cast.work, cast.analyst),
        operation.current("drop", b"hit", cast.work, cast.bot),
        operation.author("hold", {"reason": "court order"}, cast.ncp),
    ]
    held = [place for place in order if place != 5]  # the control entry would beat the rotates
    for place in (*held, 5):
        assert not isinstance(operation.force(entries[place]), Rejected)
    epochs = [operation.state.channels[chan].epoch for chan in (pair, everybody, cast.work)]
    assert epochs == [1, 1, 1]
    assert len(operation.state.messages) == 3
    assert len(operation.state.holds) == 1


def test_waiting_for_the_directory_is_never_a_rejection() -> None:
    cast = Cast.fresh()
    entry = cast.operation.sealed(cast.work, cast.officer)
    cast.operation.append(entry)
    behind = OperationLog(_Shorter(cast.directory.log, 5))
    waited = False
    try:
        behind.apply(cast.operation.entries[0])
    except DirectoryBehind as wait:
        waited = wait.size > 5
    assert waited
    assert behind.size == 0


class _Shorter:
    """A directory of which only the first entries have arrived."""

    def __init__(self, log: DirectoryLog, size: int) -> None:
        self._log, self.size = log, size

    def at(self, size: int) -> DirectoryState:
        return self._log.at(size)

    def root(self, size: int) -> bytes | None:
        return self._log.root(size) if size <= self.size else None
