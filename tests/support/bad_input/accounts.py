"""Strangers, and people with wrong, old or used secrets: tokens, logins, enrolment, accounts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cencomm_client.session import prove_device
from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import BoxKey, SigningKey, SigType, enrol_message, login_message
from cencomm_crypto.public.primitives import sha256

from tests.mallory.insiders import one_time_code
from tests.mallory.world import ANALYST, BOT, CONTACT, OFFICER, OUTSIDER
from tests.support.bad_input.bench import Answer, Bench
from tests.support.bad_input.cases import Group

Fields = dict[str, Any]
SIGN = SigningKey.from_seed(sha256(b"a new device"))
BOX = BoxKey.from_seed(sha256(b"its box"))

tokens = Group("tokens")
TOKENS: list[tuple[str, str, dict[str, str]]] = [
    ("none", "not_authenticated", {}),
    ("another scheme", "not_authenticated", {"Authorization": "Basic cm9vdDpyb290"}),
    ("no token after the scheme", "not_authenticated", {"Authorization": "Bearer "}),
    ("a short one", "not_authenticated", {"Authorization": "Bearer AAAA"}),
    ("padded", "not_authenticated", {"Authorization": "Bearer " + "A" * 43 + "="}),
    ("not base64url", "not_authenticated", {"Authorization": "Bearer " + "+" * 43}),
    ("one that was never given", "not_authenticated", {"Authorization": "Bearer " + "A" * 43}),
]
for _name, _code, _headers in TOKENS:

    async def _token(bench: Bench, headers: dict[str, str] | None = None) -> Answer:
        return await bench.ask("GET", "/v1/logs", headers=headers)

    tokens.case(_name, _code)(partial(_token, headers=_headers))


@tokens.case("after a week", "session_expired")
async def _expired(bench: Bench) -> Answer:
    stage = bench.stage
    week_ms = 8 * 86_400_000
    token = bench.token("DE-001")  # whose session is not needed any more
    stage.ahead_ms += week_ms
    try:
        return await bench.ask("GET", "/v1/logs", headers={"Authorization": f"Bearer {token}"})
    finally:
        stage.ahead_ms -= week_ms


# -- logging in: one answer for everything that is wrong ------------------------------------------

login = Group("login")


async def attempt(bench: Bench, by: str = OUTSIDER, **changed: Any) -> Fields:
    """The fields of a login, of which `changed` are not what they should be."""
    station = bench.stage.station(by)
    vault = station.vault
    proof = await prove_device(vault, station.transport, b"t" * 32)
    return {
        "account": vault.account,
        "login_secret": vault.login_secret.hex(),
        "totp": "000000",
        **proof.fields(),
        **changed,
    }


def flipped(text: str) -> str:
    """Hex with its last digit changed."""
    return text[:-1] + ("0" if text[-1] != "0" else "1")


async def _login(bench: Bench, change: Callable[[Bench, Fields], Fields] | None = None) -> Answer:
    fields = await attempt(bench)
    return await bench.post_json("/v1/login", fields if change is None else change(bench, fields))


def _other_origin(bench: Bench, fields: Fields) -> Fields:
    vault = bench.stage.station(OUTSIDER).vault
    nonce, token_hash = bytes.fromhex(fields["nonce"]), bytes.fromhex(fields["token_hash"])
    place = "https://elsewhere.example"
    message = login_message(nonce, vault.directory_id, place, token_hash, fields["expiry"])
    return {**fields, "sig": vault.device_key.sign(SigType.LOGIN, message).hex()}


def _right_code(bench: Bench, fields: Fields) -> Fields:
    return {**fields, "totp": one_time_code(bench.stage, OUTSIDER)}


LOGINS: list[tuple[str, Callable[[Bench, Fields], Fields]]] = [
    ("a wrong one-time code", lambda b, f: f),
    ("a wrong password", lambda b, f: {**_right_code(b, f), "login_secret": "00" * 32}),
    ("another account", lambda b, f: {**_right_code(b, f), "account": OFFICER}),
    ("an account that is not there", lambda b, f: {**f, "account": "BE-000"}),
    ("a device that is not there", lambda b, f: {**f, "device": "00" * 16}),
    ("another person's device", lambda b, f: {**f, "device": b.stage.device(OFFICER).hex()}),
    ("an unsigned challenge", lambda b, f: {**f, "sig": "00" * 64}),
    ("a challenge of one's own making", lambda b, f: {**f, "nonce": flipped(f["nonce"])}),
    ("a challenge with a later end", lambda b, f: {**f, "expiry": f["expiry"] + 1}),
    ("signed for another server", _other_origin),
    ("signed for another token", lambda b, f: {**f, "token_hash": "00" * 32}),
]
for _name, _change in LOGINS:
    login.case(_name, "login_failed")(partial(_login, change=_change))


@login.case("a challenge that has ended", "login_failed")
async def _late(bench: Bench) -> Answer:
    fields = _right_code(bench, await attempt(bench))
    bench.stage.ahead_ms += 120_000
    return await bench.post_json("/v1/login", fields)


@login.case("a challenge used before", "login_failed")
async def _used_challenge(bench: Bench) -> Answer:
    fields = await attempt(bench)
    await bench.post_json("/v1/login", fields)
    return await bench.post_json("/v1/login", _right_code(bench, fields))


@login.case("a one-time code used before", "login_failed")
async def _used_code(bench: Bench) -> Answer:
    code = one_time_code(bench.stage, OUTSIDER)
    first = await bench.post_json("/v1/login", await attempt(bench, totp=code))
    assert first.code == "taken"  # once it is good; the session goes with token b"t" * 32
    bench.stage.station(OUTSIDER).transport.token = b"t" * 32
    return await bench.post_json("/v1/login", await attempt(bench, totp=code))


@login.case("a token that a session has already", "login_failed")
async def _used_token(bench: Bench) -> Answer:
    code = one_time_code(bench.stage, ANALYST)
    fields = await attempt(bench, ANALYST, totp=code)
    vault = bench.stage.station(ANALYST).vault
    token_hash = sha256(bench.stage.station(OFFICER).transport.token or b"")
    message = login_message(
        bytes.fromhex(fields["nonce"]),
        vault.directory_id,
        bench.stage.server.url,
        token_hash,
        fields["expiry"],
    )
    fields["token_hash"] = token_hash.hex()
    fields["sig"] = vault.device_key.sign(SigType.LOGIN, message).hex()
    answer = await bench.post_json("/v1/login", fields)
    token = b"u" * 32  # the try has ended the analyst's session: a new one, in order
    fields = await attempt(bench, ANALYST, totp=one_time_code(bench.stage, ANALYST))
    proof = await prove_device(vault, bench.stage.station(ANALYST).transport, token)
    done = await bench.post_json("/v1/login", {**fields, **proof.fields()})
    assert done.code == "taken"
    bench.stage.station(ANALYST).transport.token = token
    return answer


@login.case("a bot by the people's door", "login_failed")
async def _bot(bench: Bench) -> Answer:
    return await bench.post_json("/v1/login", await attempt(bench, BOT))


@login.case("a person by the bots' door", "login_failed")
async def _person(bench: Bench) -> Answer:
    fields = await attempt(bench)
    del fields["totp"]
    fields["client_secret"] = fields.pop("login_secret")
    return await bench.post_json("/v1/bot/login", fields)


@login.case("confirming what is confirmed", "login_failed")
async def _confirmed(bench: Bench) -> Answer:
    fields = _right_code(bench, await attempt(bench))
    return await bench.post_json("/v1/account/confirm", fields)


accounts = Group("accounts and enrolment")


@accounts.case("a second registration", "account_exists")
async def _again(bench: Bench) -> Answer:
    fields = await attempt(bench)
    del fields["totp"]
    return await bench.post_json("/v1/account", fields)


@accounts.case("a code of five digits", "bad_request")
async def _five(bench: Bench) -> Answer:
    return await bench.post_json("/v1/login", await attempt(bench, totp="12345"))


@accounts.case("a code in other digits", "bad_request")
async def _digits(bench: Bench) -> Answer:
    return await bench.post_json("/v1/login", await attempt(bench, totp="\u0661" * 6))


@accounts.case("an invitation for somebody of another administration", "forbidden")
async def _foreign(bench: Bench) -> Answer:
    person = bench.stage.person(OFFICER).hex()
    fields = {"invitation": "ab" * 16, "person": person}
    return await bench.post_json("/v1/invitations", fields, by=CONTACT)


@accounts.case("an invitation for nobody", "unknown_person")
async def _nobody(bench: Bench) -> Answer:
    fields = {"invitation": "ab" * 16, "person": "00" * 16}
    return await bench.post_json("/v1/invitations", fields, by=CONTACT)


@accounts.case("a bot's secret for somebody else's contact point", "forbidden")
async def _secret(bench: Bench) -> Answer:
    fields = {"person": bench.stage.person(BOT).hex()}
    return await bench.post_json("/v1/bot/secret", fields, by=OFFICER)


@accounts.case("a bot's secret a second time", "account_exists")
async def _secret_again(bench: Bench) -> Answer:
    fields = {"person": bench.stage.person(BOT).hex()}
    return await bench.post_json("/v1/bot/secret", fields, by=CONTACT)


async def invited(bench: Bench) -> tuple[Fields, PersonId]:
    """An invitation of the contact point's for the outsider, and sound keys for it."""
    station = bench.stage.station(CONTACT)
    person = bench.stage.person(OUTSIDER)
    invitation = Invitation(
        directory=station.vault.directory_id,
        person=person,
        secret=sha256(b"secret"),
        account=OUTSIDER,
        kind="human",
        server="",
    )
    fields = {"invitation": invitation.lookup.hex(), "person": person.hex()}
    assert (await bench.post_json("/v1/invitations", fields, by=CONTACT)).code == "taken"
    message = enrol_message(station.vault.directory_id, person, BOX.public)
    return {
        "invitation": invitation.lookup.hex(),
        "sign_pk": SIGN.public.hex(),
        "box_pk": BOX.public.hex(),
        "enrol_sig": SIGN.sign(SigType.ENROL, message).hex(),
        "proof": invitation.proof(SIGN.public, BOX.public).hex(),
    }, person


ENROLMENTS: list[tuple[str, str, Fields]] = [
    ("keys for an invitation that was never made", "invitation_unknown", {"invitation": "00" * 16}),
    ("a signing key of small order", "bad_key", {"sign_pk": "01" + "00" * 31}),
    ("a box key of small order", "bad_key", {"box_pk": "00" * 32}),
    ("keys that are not proven", "bad_signature", {"enrol_sig": "00" * 64}),
]
for _name, _code, _other in ENROLMENTS:

    async def _enrol(bench: Bench, other: Fields | None = None) -> Answer:
        fields, _ = await invited(bench)
        return await bench.post_json("/v1/enrolments", {**fields, **(other or {})})

    accounts.case(_name, _code)(partial(_enrol, other=_other))


@accounts.case("the state of an invitation that was never made", "invitation_unknown")
async def _state(bench: Bench) -> Answer:
    return await bench.ask("GET", f"/v1/enrolments?invitation={'00' * 16}")


@accounts.case("a second device under one invitation", "invitation_spent")
async def _spent(bench: Bench) -> Answer:
    fields, person = await invited(bench)
    assert (await bench.post_json("/v1/enrolments", fields)).code == "taken"
    other = SigningKey.from_seed(sha256(b"a second one"))
    id32 = bench.stage.station(CONTACT).vault.directory_id
    sig = other.sign(SigType.ENROL, enrol_message(id32, person, BOX.public))
    second = {**fields, "sign_pk": other.public.hex(), "enrol_sig": sig.hex()}
    return await bench.post_json("/v1/enrolments", second)
