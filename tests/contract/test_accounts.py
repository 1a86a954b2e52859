"""AccountStore: one account per person, one-time steps, failed tries; alike on every store."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from cencomm_crypto.public.ids import PersonId
from cencomm_server.store.documents import AccountDoc, AccountState
from cencomm_server.store.port import KeyTaken, Store

ANNA, BRUNO = PersonId(b"A" * 16), PersonId(b"B" * 16)
ACCOUNT = AccountDoc(ANNA, "FR-014", "$argon2id$1", b"sealed", 0, AccountState.PENDING, 1)


async def test_an_account_is_found_by_name_and_by_person(store: Store) -> None:
    await store.create_account(ACCOUNT)
    assert await store.account("FR-014") == ACCOUNT
    assert await store.account_of(ANNA) == ACCOUNT
    assert await store.account("fr-014") is None
    assert await store.account_of(BRUNO) is None


async def test_person_and_name_are_each_unique_even_in_a_race(store: Store) -> None:
    answers = await asyncio.gather(
        *(store.create_account(replace(ACCOUNT, created=n)) for n in range(10)),
        return_exceptions=True,
    )
    assert sum(answer is None for answer in answers) == 1
    with pytest.raises(KeyTaken):
        await store.create_account(replace(ACCOUNT, person=BRUNO))
    with pytest.raises(KeyTaken):
        await store.create_account(replace(ACCOUNT, account="FR-015"))


async def test_a_bots_account_has_no_one_time_secret(store: Store) -> None:
    bot = replace(ACCOUNT, totp_sealed=None, state=AccountState.ACTIVE)
    await store.create_account(bot)
    assert await store.account_of(ANNA) == bot


async def test_an_account_changes_only_from_what_the_caller_read(store: Store) -> None:
    await store.create_account(ACCOUNT)
    active = replace(ACCOUNT, state=AccountState.ACTIVE)
    anew = replace(ACCOUNT, secret_hash="$argon2id$2", totp_sealed=b"other")
    assert await store.update_account(anew, was=ACCOUNT)
    assert not await store.update_account(active, was=ACCOUNT)
    assert await store.account_of(ANNA) == anew
    assert not await store.update_account(active, was=replace(ACCOUNT, person=BRUNO))


async def test_a_changed_account_cannot_take_anothers_name(store: Store) -> None:
    await store.create_account(ACCOUNT)
    other = replace(ACCOUNT, person=BRUNO, account="FR-015")
    await store.create_account(other)
    with pytest.raises(KeyTaken):
        await store.update_account(replace(other, account="FR-014"), was=other)


async def test_of_fifty_racing_uses_of_a_step_one_wins(store: Store) -> None:
    """A26."""
    await store.create_account(ACCOUNT)
    taken = await asyncio.gather(*(store.take_totp_step(ANNA, 59_800_000) for _ in range(50)))
    assert sum(taken) == 1


async def test_steps_only_go_up(store: Store) -> None:
    """A26."""
    await store.create_account(ACCOUNT)
    assert await store.take_totp_step(ANNA, 10)
    assert not await store.take_totp_step(ANNA, 10)
    assert not await store.take_totp_step(ANNA, 9)
    assert await store.take_totp_step(ANNA, 11)
    assert not await store.take_totp_step(BRUNO, 11)


async def test_no_change_of_an_account_frees_a_used_step(store: Store) -> None:
    await store.create_account(ACCOUNT)
    await store.take_totp_step(ANNA, 10)
    anew = replace(ACCOUNT, secret_hash="$argon2id$2")
    assert await store.update_account(anew, was=ACCOUNT)
    assert await store.account_of(ANNA) == replace(anew, totp_last_step=10)
    assert not await store.take_totp_step(ANNA, 10)


async def test_failures_count_within_their_window(store: Store) -> None:
    assert await store.failures("FR-014", 0) == []
    for at in (1_000, 2_000, 3_000):
        await store.record_failure("FR-014", at, 0)
    assert await store.record_failure("FR-014", 4_000, 1_000) == [2_000, 3_000, 4_000]
    assert await store.failures("FR-014", 3_000) == [4_000]
    assert await store.failures("FR-015", 0) == []
    await store.clear_failures("FR-014")
    assert await store.failures("FR-014", 0) == []


async def test_of_racing_failures_at_most_k_see_k(store: Store) -> None:
    """5 tries in 15 minutes: a burst of 30 gets no sixth."""
    now = 1_795_000_000_000
    seen = await asyncio.gather(*(store.record_failure("FR-014", now, now - 9) for _ in range(30)))
    counts = sorted(len(times) for times in seen)
    assert all(sum(count <= k for count in counts) <= k for k in range(1, 31))
    assert counts[-1] == 30


async def test_a_count_can_be_taken_back_once(store: Store) -> None:
    for _ in range(3):
        await store.record_failure("FR-014", 1_000, 0)
    await store.drop_failure("FR-014", 1_000)
    assert await store.failures("FR-014", 0) == [1_000, 1_000]
    await store.drop_failure("FR-014", 2_000)
    await store.drop_failure("FR-015", 1_000)
    assert await store.failures("FR-014", 0) == [1_000, 1_000]


HASHES = [bytes([number]) * 32 for number in range(10)]


async def test_recovery_codes_are_taken_once_and_counted(store: Store) -> None:
    assert await store.count_recovery(ANNA) == 0
    await store.put_recovery(ANNA, HASHES)
    assert await store.count_recovery(ANNA) == 10
    assert not await store.take_recovery(BRUNO, HASHES[0])
    assert await store.take_recovery(ANNA, HASHES[0])
    assert not await store.take_recovery(ANNA, HASHES[0])
    assert not await store.take_recovery(ANNA, b"?" * 32)
    assert (await store.count_recovery(ANNA), await store.count_recovery(BRUNO)) == (9, 0)


async def test_of_fifty_racing_uses_of_a_recovery_code_one_wins(store: Store) -> None:
    """A26."""
    await store.put_recovery(ANNA, HASHES)
    taken = await asyncio.gather(*(store.take_recovery(ANNA, HASHES[3]) for _ in range(50)))
    assert sum(taken) == 1
    assert await store.count_recovery(ANNA) == 9


async def test_new_recovery_codes_void_the_earlier_ones(store: Store) -> None:
    await store.put_recovery(ANNA, HASHES)
    await store.put_recovery(BRUNO, [b"B" * 32])
    await store.put_recovery(ANNA, [b"n" * 32])
    assert not await store.take_recovery(ANNA, HASHES[0])
    assert (await store.count_recovery(ANNA), await store.count_recovery(BRUNO)) == (1, 1)
    await store.put_recovery(ANNA, [])
    assert await store.count_recovery(ANNA) == 0
