"""Ops of PROTOCOL 10."""

from __future__ import annotations

from cencomm_crypto.member.invitation import Invitation
from cencomm_crypto.member.login import login_salt, stretch
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import SigningKey, SigType, login_message
from cencomm_crypto.public.primitives import sha256

from tests.support.vector_runner.reading import Inputs, Op, Outcome, raw


def _stretch(inputs: Inputs) -> Outcome:
    directory, account = raw(inputs, "directory"), inputs["account"]
    found = stretch(inputs["password"], directory, account)
    return {"login": found.login, "vault": found.vault, "salt": login_salt(directory, account)}


def _challenge(inputs: Inputs) -> Outcome:
    token_hash = sha256(raw(inputs, "token"))
    message = login_message(
        raw(inputs, "nonce"),
        raw(inputs, "directory"),
        inputs["origin"],
        token_hash,
        inputs["expiry"],
    )
    signature = SigningKey.from_seed(raw(inputs, "seed")).sign(SigType.LOGIN, message)
    return {"signature": signature, "token_hash": token_hash, "message": message}


def _invitation(inputs: Inputs) -> Invitation:
    return Invitation(
        raw(inputs, "directory"),
        PersonId(raw(inputs, "person")),
        raw(inputs, "secret"),
        inputs.get("account", "FR-014"),
        inputs.get("kind", "human"),
        inputs.get("server", "https://cencomm.example"),
    )


def _write_invitation(inputs: Inputs) -> Outcome:
    made = _invitation(inputs)
    return {"text": made.text(), "url": made.url(), "lookup": made.lookup}


def _read_invitation(inputs: Inputs) -> Outcome:
    read = Invitation.parse(inputs["text"])
    names = ("directory", "person", "secret", "account", "kind", "server")
    return {name: getattr(read, name) for name in names}


def _verify_invitation(inputs: Inputs) -> Outcome:
    names = ("sign_pk", "box_pk", "proof", "enrol_sig")
    _invitation(inputs).verify(*[raw(inputs, name) for name in names])
    return {}


OPS: dict[str, Op] = {
    "stretch": _stretch,
    "challenge": _challenge,
    "invitation": _write_invitation,
    "read invitation": _read_invitation,
    "invitation proof": lambda inputs: {
        "proof": _invitation(inputs).proof(raw(inputs, "sign_pk"), raw(inputs, "box_pk"))
    },
    "verify invitation": _verify_invitation,
}
