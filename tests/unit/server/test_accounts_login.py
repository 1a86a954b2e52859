"""Registration and login: device, secret and code, each once, each telling nothing when wrong."""

import asyncio
import secrets
import time
from dataclasses import replace

import argon2
import pyotp
import pytest
from cencomm_config.errors import (
    AccountExists,
    LoginFailed,
    NotAuthenticated,
    RateLimited,
    SessionExpired,
    TooBusy,
)
from cencomm_crypto.errors import CencommError
from cencomm_server.accounts.hashing import SecretHasher
from cencomm_server.accounts.login import Login, Registration, Renewal
from cencomm_server.accounts.recovery import RecoveryCodes
from cencomm_server.accounts.sessions import Session

from tests.support.accounts import Desk
from tests.support.directory import DirectoryBuilder, HeldDevice, HeldPerson

SECRET = b"s" * 32
Built = tuple[Desk, HeldPerson]


@pytest.fixture
def built() -> Built:
    builder = DirectoryBuilder()
    person = builder.person(builder.administration("FR"))
    return Desk(builder), person


def token() -> bytes:
    return secrets.token_bytes(32)


async def test_a_registered_person_logs_in_and_is_known_by_the_token(built: Built) -> None:
    desk, person = built
    authenticator = await desk.enlist(person)
    mine = token()
    session = await desk.log_in(person, authenticator, mine)
    principal = await desk.sessions.authenticate(mine)
    assert (principal.device, principal.person) == (person.device.id, person.id)
    assert session.expires == desk.now + 36_000_000


async def test_the_confirmation_opens_a_session_too(built: Built) -> None:
    desk, person = built
    made = await desk.accounts.register(
        Registration(desk.prove(person.device, token()), person.code, SECRET)
    )

    mine = token()
    code = desk.code(pyotp.TOTP(made.base32))
    await desk.accounts.confirm(Login(desk.prove(person.device, mine), person.code, SECRET, code))
    assert (await desk.sessions.authenticate(mine)).person == person.id


async def test_an_unconfirmed_account_lets_nobody_in(built: Built) -> None:
    desk, person = built

    made = await desk.accounts.register(
        Registration(desk.prove(person.device, token()), person.code, SECRET)
    )
    with pytest.raises(LoginFailed):
        await desk.log_in(person, pyotp.TOTP(made.base32), token())


async def test_until_confirmed_a_registration_may_be_repeated(built: Built) -> None:
    desk, person = built
    await desk.accounts.register(
        Registration(desk.prove(person.device, token()), person.code, b"x" * 32)
    )
    authenticator = await desk.enlist(person)
    await desk.log_in(person, authenticator, token())
    with pytest.raises(AccountExists):
        await desk.accounts.register(
            Registration(desk.prove(person.device, token()), person.code, SECRET)
        )


async def test_one_person_cannot_keep_the_argon2_threads_busy_by_registering(built: Built) -> None:
    """A35: each registration costs a hash, and until it is confirmed there is no end to them."""
    desk, person = built

    async def register() -> None:
        proof = desk.prove(person.device, token())
        await desk.accounts.register(Registration(proof, person.code, b"s" * 32))

    for _ in range(5):
        await register()
    with pytest.raises(RateLimited):
        await register()
    desk.now += 900_000
    await register()


async def test_a_second_device_of_the_person_uses_the_same_account(built: Built) -> None:
    desk, person = built
    authenticator = await desk.enlist(person)
    phone = desk.builder.device(person, voucher=person.device)
    mine = token()
    await desk.log_in(person, authenticator, mine, device=phone)
    assert (await desk.sessions.authenticate(mine)).device == phone.id


async def test_every_wrong_thing_gets_one_answer(built: Built) -> None:
    desk, person = built
    authenticator = await desk.enlist(person)
    other = desk.builder.person(person.administration)  # active, never registered
    stranger = desk.builder.new_device(person.id)  # in no directory
    bot = desk.builder.person(person.administration, kind="bot")
    good = desk.code(authenticator)
    wrong = f"{(int(good) + 1) % 10**6:06}"
    proof = desk.prove(person.device, token())
    attempts = {
        "unknown account": Login(desk.prove(other.device, token()), other.code, SECRET, good),
        "another's account": Login(desk.prove(other.device, token()), person.code, SECRET, good),
        "account of no one": Login(desk.prove(person.device, token()), "XX-999", SECRET, good),
        "wrong secret": Login(desk.prove(person.device, token()), person.code, b"x" * 32, good),
        "wrong code": Login(desk.prove(person.device, token()), person.code, SECRET, wrong),
        "unknown device": Login(desk.prove(stranger, token()), person.code, SECRET, good),
        "a bot": Login(desk.prove(bot.device, token()), bot.code, SECRET, good),
        "another token": Login(replace(proof, token_hash=bytes(32)), person.code, SECRET, good),
        "another device's nonce": Login(
            replace(desk.prove(other.device, token()), device=person.device.id),
            person.code,
            SECRET,
            good,
        ),
        "another origin": Login(
            desk.prove(person.device, token(), origin="http://evil.example"),
            person.code,
            SECRET,
            good,
        ),
        "another directory": Login(
            desk.prove(person.device, token(), directory=bytes(32)), person.code, SECRET, good
        ),
        "a longer life": Login(
            desk.prove(person.device, token(), expiry=desk.now + 10**9), person.code, SECRET, good
        ),
        "made-up nonce": Login(replace(proof, nonce=bytes(32)), person.code, SECRET, good),
    }
    answers = set()
    for name, request in attempts.items():
        with pytest.raises(LoginFailed) as raised:
            await desk.accounts.login(request)
        answers.add(str(raised.value))
        assert "wrong" not in str(raised.value), name
        await desk.tries.forget(person.id)
    assert len(answers) == 1


async def test_a_challenge_works_once_and_for_a_minute(built: Built) -> None:
    desk, person = built
    await desk.enlist(person)
    proof = desk.prove(person.device, token())
    assert await desk.proofs.redeem(proof)
    with pytest.raises(LoginFailed):
        await desk.proofs.redeem(proof)
    late = desk.prove(person.device, token())
    desk.now += 60_000
    with pytest.raises(LoginFailed):
        await desk.proofs.redeem(late)


async def test_a_challenge_raced_fifty_times_is_taken_once(built: Built) -> None:
    desk, person = built
    proof = desk.prove(person.device, token())
    results = await asyncio.gather(
        *(desk.proofs.redeem(proof) for _ in range(50)), return_exceptions=True
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1


async def test_challenges_are_answered_alike_for_devices_that_do_not_exist(built: Built) -> None:
    desk, person = built
    known = desk.proofs.challenge(person.device.id)
    unknown = desk.proofs.challenge(desk.builder.new_device(person.id).id)
    assert len(known.nonce) == len(unknown.nonce) == 32
    assert known.expires == unknown.expires
    assert not desk.store._challenges  # nobody's request writes anything


async def test_a_code_works_once_even_when_fifty_use_it_at_the_same_time(built: Built) -> None:
    """A26."""
    desk, person = built
    authenticator = await desk.enlist(person)
    tokens = [token() for _ in range(50)]
    results = await asyncio.gather(
        *(desk.log_in(person, authenticator, mine) for mine in tokens), return_exceptions=True
    )
    won = [mine for mine, result in zip(tokens, results, strict=True) if not _failed(result)]
    assert len(won) == 1
    assert {type(result) for result in results if _failed(result)} <= {LoginFailed, RateLimited}
    assert await desk.sessions.authenticate(won[0])
    desk.now += 30_000
    await desk.log_in(person, authenticator, token())  # the winner reset the count


async def test_an_older_step_is_dead_once_a_newer_one_was_used(built: Built) -> None:
    desk, person = built
    authenticator = await desk.enlist(person)
    old = desk.code(authenticator)
    desk.now += 30_000
    await desk.log_in(person, authenticator, token())
    with pytest.raises(LoginFailed):
        await desk.accounts.login(
            Login(desk.prove(person.device, token()), person.code, SECRET, old)
        )


async def test_after_five_wrong_tries_the_right_one_must_wait(built: Built) -> None:
    """A26, A37."""
    desk, person = built
    authenticator = await desk.enlist(person)
    for _ in range(5):
        with pytest.raises(LoginFailed):
            await desk.log_in(person, authenticator, token(), secret=b"x" * 32)
    with pytest.raises(RateLimited) as raised:
        await desk.log_in(person, authenticator, token())
    assert 890 <= raised.value.retry_after_s <= 900
    desk.now += raised.value.retry_after_s * 1000
    await desk.log_in(person, authenticator, token())


async def test_a_race_of_guesses_gets_no_more_than_five(built: Built) -> None:
    desk, person = built
    authenticator = await desk.enlist(person)
    results = await asyncio.gather(
        *(desk.log_in(person, authenticator, token(), secret=bytes([i]) * 32) for i in range(50)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, LoginFailed) for result in results) <= 5
    assert all(isinstance(result, LoginFailed | RateLimited) for result in results)


async def test_a_stranger_without_a_device_key_cannot_lock_a_person_out(built: Built) -> None:
    desk, person = built
    authenticator = await desk.enlist(person)
    stranger = desk.builder.new_device(person.id)
    for _ in range(20):
        with pytest.raises(LoginFailed):
            await desk.log_in(person, authenticator, token(), device=stranger)
        forged = replace(desk.prove(stranger, token()), device=person.device.id)
        with pytest.raises(LoginFailed):
            await desk.accounts.login(Login(forged, person.code, SECRET, "000000"))
    await desk.log_in(person, authenticator, token())


async def test_a_suspended_person_and_a_revoked_device_cannot_log_in(built: Built) -> None:
    desk, person = built
    authenticator = await desk.enlist(person)
    phone = desk.builder.device(person)
    desk.builder.revoke(phone, by=person.device)
    with pytest.raises(LoginFailed):
        await desk.log_in(person, authenticator, token(), device=phone)
    desk.builder.suspend(person)
    with pytest.raises(LoginFailed):
        await desk.log_in(person, authenticator, token())


def reset(desk: Desk, person: HeldPerson) -> None:
    """The contact point's entry, now."""
    builder, ncp = desk.builder, person.administration.ncp
    builder._clock = desk.now + 1000
    builder.append(builder.author("person.reset", {"person": person.id}, ncp.device))
    desk.now += 60_000


async def test_after_a_reset_everything_is_void_until_a_fresh_device_registers(
    built: Built,
) -> None:
    desk, person = built
    authenticator, codes = await desk.enlist_with_codes(person)
    mine = token()
    await desk.log_in(person, authenticator, mine)
    old = desk.builder.device(person, voucher=person.device)
    reset(desk, person)
    with pytest.raises(SessionExpired):
        await desk.sessions.authenticate(mine)
    for device in (person.device, old):
        with pytest.raises(LoginFailed):
            await desk.log_in(person, authenticator, token(), device=device)
        with pytest.raises(LoginFailed):
            await recover(desk, person, codes[0], device=device)
        with pytest.raises(LoginFailed):  # an old device is perhaps the reason for the reset
            await desk.accounts.register(
                Registration(desk.prove(device, token()), person.code, SECRET)
            )
        await desk.tries.forget(person.id)
    fresh = desk.builder.device(person)
    anew = replace(person, devices=[fresh])
    again = await desk.enlist(anew, b"n" * 32)
    await desk.log_in(anew, again, token(), secret=b"n" * 32)
    with pytest.raises(LoginFailed):
        await recover(desk, anew, codes[0], secret=b"n" * 32)


# -- recovery codes -------------------------------------------------------------------------------


async def recover(
    desk: Desk,
    person: HeldPerson,
    code: str,
    *,
    secret: bytes = SECRET,
    device: HeldDevice | None = None,
) -> Session:
    """A login with a recovery code."""
    proof = desk.prove(device or person.device, token())
    return await desk.accounts.login(Login(proof, person.code, secret, recovery=code))


async def test_a_recovery_code_lets_in_once_and_tells_how_many_are_left(built: Built) -> None:
    desk, person = built
    _, codes = await desk.enlist_with_codes(person)
    assert len(set(codes)) == 10
    assert {len(code) for code in codes} == {16}
    assert (await recover(desk, person, codes[0])).recovery_left == 9
    with pytest.raises(LoginFailed):
        await recover(desk, person, codes[0])
    assert (await recover(desk, person, codes[1])).recovery_left == 8


async def test_a_recovery_code_without_the_password_is_nothing_and_is_not_used_up(
    built: Built,
) -> None:
    desk, person = built
    _, codes = await desk.enlist_with_codes(person)
    with pytest.raises(LoginFailed):
        await recover(desk, person, codes[0], secret=b"x" * 32)
    other = desk.builder.person(person.administration)
    await desk.enlist(other)
    with pytest.raises(LoginFailed):
        await recover(desk, other, codes[0])
    assert (await recover(desk, person, codes[0])).recovery_left == 9


async def test_a_recovery_code_works_once_even_when_fifty_use_it_at_the_same_time(
    built: Built,
) -> None:
    """A26."""
    desk, person = built
    _, codes = await desk.enlist_with_codes(person)
    results = await asyncio.gather(
        *(recover(desk, person, codes[0]) for _ in range(50)), return_exceptions=True
    )
    assert sum(not _failed(result) for result in results) == 1
    assert {type(result) for result in results if _failed(result)} <= {LoginFailed, RateLimited}


async def test_guessing_recovery_codes_counts_like_guessing_one_time_codes(built: Built) -> None:
    desk, person = built
    _, codes = await desk.enlist_with_codes(person)
    for number in range(5):
        with pytest.raises(LoginFailed):
            await recover(desk, person, "ABCDEFGHIJKLMNO" + "ABCDEFG"[number])
    with pytest.raises(RateLimited):
        await recover(desk, person, codes[0])


async def test_new_recovery_codes_need_password_and_code_and_void_the_old_ones(
    built: Built,
) -> None:
    desk, person = built
    authenticator, codes = await desk.enlist_with_codes(person)
    mine = token()
    await desk.log_in(person, authenticator, mine)
    principal = await desk.sessions.authenticate(mine)
    desk.now += 30_000
    for wrong in (
        Renewal(b"x" * 32, desk.code(authenticator)),
        Renewal(SECRET, "000000"),
        Renewal(SECRET, recovery="A" * 16),
    ):
        with pytest.raises(LoginFailed):
            await desk.accounts.renew_recovery(principal, wrong)
    fresh = await desk.accounts.renew_recovery(principal, Renewal(SECRET, desk.code(authenticator)))
    assert not set(fresh) & set(codes)
    with pytest.raises(LoginFailed):
        await recover(desk, person, codes[0])
    assert (await recover(desk, person, fresh[0])).recovery_left == 9
    others = await desk.accounts.renew_recovery(principal, Renewal(SECRET, recovery=fresh[1]))
    assert (await recover(desk, person, others[9])).recovery_left == 9


async def test_the_store_holds_no_recovery_code(built: Built) -> None:
    """A38."""
    desk, person = built
    _, codes = await desk.enlist_with_codes(person)
    kept = desk.store._recovery[person.id]
    assert len(kept) == 10
    assert all(code.encode() not in b"".join(kept) for code in codes)
    other = RecoveryCodes(desk.store, b"?" * 32)  # a thief with the database, not the key
    assert not await other.take(person.id, codes[0])


async def test_thirty_wrong_tries_in_a_day_slow_down_to_a_days_share(built: Built) -> None:
    """A37: five in a quarter of an hour would be 480 guesses a day."""
    desk, person = built
    authenticator = await desk.enlist(person)
    tried, waits = 0, list[int]()
    for _ in range(4 * 24):
        for _ in range(6):
            try:
                await desk.log_in(person, authenticator, token(), secret=b"x" * 32)
            except LoginFailed:
                tried += 1
            except RateLimited as limited:
                waits.append(limited.retry_after_s)
        desk.now += 900_000
    assert tried == 30
    assert max(waits) > 12 * 3600


async def test_a_token_of_an_earlier_login_is_refused(built: Built) -> None:
    """A27: fixation."""
    desk, person = built
    authenticator = await desk.enlist(person)
    ncp = person.administration.ncp
    theirs = await desk.enlist(ncp, b"n" * 32)
    mine = token()
    await desk.log_in(ncp, theirs, mine, secret=b"n" * 32)
    desk.now += 30_000
    with pytest.raises(LoginFailed):
        await desk.log_in(person, authenticator, mine)
    assert (await desk.sessions.authenticate(mine)).person == ncp.id


@pytest.mark.alone
async def test_failures_wait_for_the_floor_and_successes_do_not() -> None:
    builder = DirectoryBuilder()
    person = builder.person(builder.administration("FR"))
    desk = Desk(builder, floor_ms=150)
    authenticator = await desk.enlist(person)
    stranger = builder.new_device(person.id)

    async def took_ms(device: object, secret: bytes) -> float:
        began = time.monotonic()
        with pytest.raises(LoginFailed):
            await desk.log_in(person, authenticator, token(), device=device, secret=secret)  # type: ignore[arg-type]
        return (time.monotonic() - began) * 1000

    times = [await took_ms(stranger, SECRET), await took_ms(person.device, b"x" * 32)]
    assert all(148 <= taken < 400 for taken in times)
    began = time.monotonic()
    await desk.log_in(person, authenticator, token())
    assert (time.monotonic() - began) * 1000 < 140


async def test_the_database_holds_no_secret_in_the_clear(built: Built) -> None:
    """A38."""
    desk, person = built
    authenticator = await desk.enlist(person)
    mine = token()
    await desk.log_in(person, authenticator, mine)
    doc = await desk.store.account_of(person.id)
    assert doc is not None
    assert doc.secret_hash.startswith("$argon2id$")
    assert doc.totp_sealed is not None
    everything = repr(doc.totp_sealed) + repr(vars(desk.store))
    assert authenticator.secret not in everything
    assert mine not in desk.store._sessions
    for hidden in (repr(doc), repr(Registration(desk.prove(person.device, mine), "a", SECRET))):
        assert "argon2" not in hidden
        assert "ssss" not in hidden


async def test_a_sealed_code_moved_to_another_account_does_not_open(built: Built) -> None:
    desk, person = built
    sealed = desk.totp.create(person.id, person.code, "x").sealed
    with pytest.raises(CencommError, match="another person"):
        desk.totp.step_of(person.administration.ncp.id, sealed, "000000", desk.now)


async def test_the_pool_of_argon2_is_capped() -> None:
    hasher = SecretHasher(threads=1, queue=2, memory_kib=1024, passes=2)
    results = await asyncio.gather(
        *(hasher.verify(None, b"x") for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(result, TooBusy) for result in results) == 17
    assert results.count(False) == 3
    assert await hasher.verify(await hasher.hash(b"a"), b"a")
    hasher.close()


async def test_the_event_loop_runs_on_while_argon2_computes() -> None:
    """ADR 0004: argon2-cffi gives up the interpreter's lock; else one tick per hash."""
    hasher = SecretHasher(threads=1, queue=8)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(hasher.verify(None, b"x") for _ in range(3)))
    ticking.cancel()
    hasher.close()
    assert ticks >= 30


async def test_an_unknown_token_is_not_authenticated(built: Built) -> None:
    desk, _ = built
    with pytest.raises(NotAuthenticated):
        await desk.sessions.authenticate(token())


def _failed(result: object) -> bool:
    return isinstance(result, BaseException)


async def test_who_has_no_account_costs_what_others_cost() -> None:
    """A37: what is verified then is a hash of the same price, and nobody has its secret."""
    hasher = SecretHasher(threads=1, queue=2, memory_kib=1024, passes=2)
    kept = await hasher.hash(SECRET)
    assert argon2.extract_parameters(hasher._dummy) == argon2.extract_parameters(kept)
    assert not await hasher.verify(None, SECRET)  # it is computed: no string is refused as none
    assert len({SecretHasher(threads=1, queue=1)._dummy for _ in range(2)}) == 2
