"""Token buckets: what runs in, what a burst holds, and a table that no flood of addresses fills."""

from ipaddress import ip_address
from typing import Any

import pytest
from cencomm_config.errors import RateLimited
from cencomm_server.buckets import UNIT_BYTES, Buckets, cost_of, key_of_address

from tests.support.throttles import HandClock


def buckets(
    clock: HandClock, rate: float = 2.0, burst: float = 5, keys: int = 100, **more: Any
) -> Buckets:
    return Buckets(rate, burst, most_keys=keys, what="requests", monotonic_s=clock, **more)


def taken(table: Buckets, key: bytes, tries: int) -> int:
    """How many of so many requests are let through."""
    count = 0
    for _ in range(tries):
        try:
            table.take(key)
        except RateLimited:
            continue
        count += 1
    return count


def test_a_burst_passes_and_then_the_rate() -> None:
    clock = HandClock()
    refused: list[int] = []
    table = buckets(clock, on_refused=lambda: refused.append(1))
    assert taken(table, b"a", 20) == 5
    clock.now += 1
    assert taken(table, b"a", 20) == 2
    clock.now += 3600
    assert taken(table, b"a", 20) == 5  # no more than a burst is ever in hand
    assert len(refused) == 15 + 18 + 15


def test_one_key_does_not_touch_another() -> None:
    table = buckets(HandClock())
    assert taken(table, b"a", 20) == 5
    assert taken(table, b"b", 20) == 5


def test_the_refusal_says_when_one_more_is_taken_and_it_is() -> None:
    clock = HandClock()
    table = buckets(clock, rate=0.1)
    taken(table, b"a", 5)
    with pytest.raises(RateLimited) as refused:
        table.take(b"a")
    assert refused.value.retry_after_s == 10
    clock.now += 9
    assert taken(table, b"a", 1) == 0
    clock.now += 1
    assert taken(table, b"a", 1) == 1


def test_a_check_takes_nothing_and_a_debt_runs_in_first() -> None:
    clock = HandClock()
    table = buckets(clock)
    for _ in range(50):
        table.check(b"a")
    table.spend(b"a", 25)  # five in hand, twenty owed: ten seconds
    clock.now += 10
    assert taken(table, b"a", 5) == 0
    clock.now += 0.5
    assert taken(table, b"a", 5) == 1


def test_what_costs_more_than_a_burst_goes_through_a_full_bucket_only() -> None:
    clock = HandClock()
    table = buckets(clock)
    table.take(b"a", 50)
    with pytest.raises(RateLimited):
        table.take(b"a")
    clock.now += 22.5  # the debt of 45
    assert taken(table, b"a", 1) == 0
    clock.now += 2.5
    table.take(b"a", 50)


@pytest.mark.parametrize("keys", [100, 1000])
def test_the_table_stays_bounded_under_many_addresses(keys: int) -> None:
    clock = HandClock()
    table = buckets(clock, keys=keys)
    for number in range(20 * keys):
        taken(table, b"%d" % number, 1)
        clock.now += 0.0001
        assert len(table) <= keys


def test_a_flood_of_addresses_frees_nobody_from_a_debt() -> None:
    clock = HandClock()
    table = buckets(clock, rate=0.01, keys=100)
    assert taken(table, b"attacker", 20) == 5
    through = sum(taken(table, b"%d" % number, 1) for number in range(5000))
    assert through == 99 + 5  # those that are remembered, then one allowance for all others
    assert taken(table, b"attacker", 20) == 0


def test_full_buckets_are_forgotten_and_make_room() -> None:
    clock = HandClock()
    table = buckets(clock, keys=100)
    for number in range(100):
        table.take(b"%d" % number)
    clock.now += 10  # all full again
    assert taken(table, b"newcomer", 10) == 5
    assert len(table) <= 100
    for number in range(200):
        table.check(b"other %d" % number)
    assert len(table) == 1


def test_bytes_cost() -> None:
    assert [cost_of(size) for size in (0, UNIT_BYTES - 1, UNIT_BYTES, 1 << 20)] == [1, 1, 2, 17]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("no address", "", True),
        ("no address", "192.0.2.1", False),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (key_of_address(one) == key_of_address(other)) is same


def test_an_ipv4_address_is_never_an_ipv6_prefix() -> None:
    assert len(key_of_address("192.0.2.1")) == 4
    assert key_of_address("c000:201::") == ip_address("c000:201::").packed[:8]
