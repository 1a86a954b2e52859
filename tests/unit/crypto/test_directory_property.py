"""Properties of `apply_directory` over random histories, right and wrong entries mixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.public.directory.rules import apply_directory
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.entry import Entry
from cencomm_crypto.public.replay import DirectoryLog
from cencomm_crypto.public.wire import Sequenced, decode_sequenced_stream, encode_sequenced
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.directory import DirectoryBuilder, HeldDevice, HeldPerson

Step = tuple[int, int, int, int]


class Play:
    """Turns numbers into entries by and about whoever there is; most are refused."""

    def __init__(self) -> None:
        self.directory = DirectoryBuilder(keys=2, k=1)
        self.administrations = [self.directory.administration(code) for code in ("FR", "BE")]
        self.people = [admin.ncp for admin in self.administrations]
        self.people.append(self.directory.person(self.administrations[0]))
        self.results: list[DirectoryState | Rejected] = []
        self.before: list[DirectoryState] = []

    def run(self, steps: list[Step]) -> None:
        makers: list[Callable[[int, int, int], Entry]] = [
            self._about_person,
            self._add_person,
            self._add_device,
            self._revoke,
            self._rekey,
            self._by_governance,
            self._by_admin_root,
            self._replay,
        ]
        for maker, who, whom, what in steps:
            entry = makers[maker % len(makers)](who, whom, what)
            self.before.append(self.directory.state)
            self.results.append(self.directory.force(entry))

    def _devices(self) -> list[HeldDevice]:
        return [device for person in self.people for device in person.devices]

    def _device(self, number: int) -> HeldDevice:
        devices = self._devices()
        return devices[number % len(devices)]

    def _person(self, number: int) -> HeldPerson:
        return self.people[number % len(self.people)]

    def _about_person(self, who: int, whom: int, what: int) -> Entry:
        kinds = ("person.suspend", "person.resume", "person.reset")
        body = {"person": self._person(whom).id}
        seen = self.directory.head_at(max(1, self.directory.log.size - what % 3))
        return self.directory.author(kinds[what % 3], body, self._device(who), seen=seen)

    def _add_person(self, who: int, whom: int, what: int) -> Entry:
        administration = self.administrations[whom % 2]
        person = self.directory.new_person(administration)
        self.people.append(person)
        body = {"person": person.id, "code": person.code, "kind": ("human", "bot")[what % 2]}
        device = self.directory.new_device(person.id)
        person.devices.append(device)
        return self.directory.author("person.add", body, self._device(who))

    def _add_device(self, who: int, whom: int, what: int) -> Entry:
        person = self._person(whom)
        known = [held for held in person.devices if held.id not in self.directory.state.devices]
        device = known[0] if known else self.directory.new_device(person.id)
        if not known:
            person.devices.append(device)
        by = administration_ncp(person) if what % 2 else self._device(who)
        return self.directory.author("device.add", self.directory.device_body(device), by)

    def _revoke(self, who: int, whom: int, what: int) -> Entry:
        body = {"device": self._device(whom).id}
        return self.directory.author("device.revoke", body, self._device(who))

    def _rekey(self, who: int, whom: int, what: int) -> Entry:
        box = self._device(whom).box if what % 3 == 0 else self.directory.box_key()
        return self.directory.author("device.rekey", {"box_pk": box.public}, self._device(who))

    def _by_governance(self, who: int, whom: int, what: int) -> Entry:
        admin = {"admin": self.administrations[whom % 2].id}
        role = {"person": self._person(whom).id, "role": "operations"}
        choices = (
            ("admin.suspend", admin),
            ("admin.resume", admin),
            ("role.grant", role),
            ("role.withdraw", role),
        )
        kind, body = choices[what % 4]
        serial = 1 if who % 5 == 0 else None
        return self.directory.by_governance(kind, body, serial=serial)

    def _by_admin_root(self, who: int, whom: int, what: int) -> Entry:
        administration = self.administrations[who % 2]
        body = {"person": self._person(whom).id}
        return self.directory.by_admin_root("ncp.dismiss", body, administration)

    def _replay(self, who: int, whom: int, what: int) -> Entry:
        entry = self.directory.entries[1 + what % (len(self.directory.entries) - 1)].entry
        assert entry is not None
        return entry


def administration_ncp(person: HeldPerson) -> HeldDevice:
    return person.administration.ncp.device


NUMBER = st.integers(min_value=0, max_value=31)
STEPS = st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER), max_size=25)
PROPERTY = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def played(steps: list[Step]) -> Play:
    play = Play()
    play.run(steps)
    return play


def carried(items: list[Sequenced]) -> list[Sequenced]:
    """The items as another process reads them from the wire."""
    return decode_sequenced_stream(b"".join(encode_sequenced(item) for item in items))


@PROPERTY
@given(steps=STEPS, cut=NUMBER)
def test_replaying_a_prefix_and_then_the_rest_gives_the_state_of_the_whole(
    steps: list[Step], cut: int
) -> None:
    directory = played(steps).directory
    items = carried(directory.entries)
    cut = 1 + cut % len(items)
    log = DirectoryLog(directory.id32)
    for item in items[:cut]:
        log.apply(item)
    assert log.state == directory.log.at(cut)
    state = log.state
    for item in items[cut:]:
        result = apply_directory(state, item, directory.log)
        if isinstance(result, Rejected):
            state = replace(state, size=item.seq + 1, at=item.at)
        else:
            state = result
    assert state == directory.state
    for item in items[cut:]:
        log.apply(item)
    log.truncate(cut)
    assert log.state == directory.log.at(cut)
    assert log.root(cut) == directory.log.root(cut)


@PROPERTY
@given(steps=STEPS)
def test_a_rejected_entry_has_no_effect_and_an_accepted_one_moves_on_by_one(
    steps: list[Step],
) -> None:
    play = played(steps)
    states = [*play.before[1:], play.directory.state] if steps else []
    for before, result, after in zip(play.before, play.results, states, strict=True):
        assert after.size == before.size + 1
        if isinstance(result, Rejected):
            assert after == replace(before, size=after.size, at=after.at)
            assert result.code in ErrorCode
            assert result.detail
        else:
            assert result == after
            assert after.removals - before.removals in (0, 1)


@PROPERTY
@given(steps=STEPS)
def test_whatever_happens_keys_codes_and_owners_stay_consistent(steps: list[Step]) -> None:
    state = played(steps).directory.state
    owned = [device for person in state.persons.values() for device in person.devices]
    assert Counter(owned) == Counter(state.devices.keys())
    for person in state.persons.values():
        assert all(state.devices[device].person == person.id for device in person.devices)
        assert state.person_by_code(person.code) == person
    sign_keys = [device.sign_pk for device in state.devices.values()]
    assert len(set(sign_keys)) == len(sign_keys)
    assert not set(sign_keys) & set(state.root_keys)
    assert {device.box_pk for device in state.devices.values()} <= set(state.box_keys)
    active = [admin.code for admin in state.admins.values() if not admin.suspended]
    assert len(set(active)) == len(active) == len(state.active_codes)


@PROPERTY
@given(steps=STEPS)
def test_nobody_becomes_inactive_without_a_removal_being_counted(steps: list[Step]) -> None:
    play = played(steps)
    states = [*play.before[1:], play.directory.state] if steps else []
    for before, after in zip(play.before, states, strict=True):
        lost = [
            device
            for device in before.devices
            if before.active(device) and not after.active(device)
        ]
        assert not lost or after.removals > before.removals
