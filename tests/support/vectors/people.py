"""login.json and invitation.json: PROTOCOL 10."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

from cencomm_crypto.member.invitation import PREFIX, Invitation
from cencomm_crypto.member.login import login_salt, stretch
from cencomm_crypto.public.encoding import encode
from cencomm_crypto.public.ids import PersonId
from cencomm_crypto.public.keys import BoxKey, SigningKey, SigType, enrol_message, login_message
from cencomm_crypto.public.primitives import sha256

from tests.support.vectors.notation import Book, Case, Json, fixed

DIRECTORY = fixed("directory")
DEVICE = SigningKey.from_seed(fixed("new device"))
BOX = BoxKey.from_seed(fixed("new device box"))


def login() -> Book:
    """Two secrets of one password, and the signed challenge."""
    cases = []
    for name, password, account in (
        ("ASCII", "correct horse battery staple", "FR-014"),
        ("in NFC", "pa\u00dfw\u00f6rt \u00e9t\u00e9 \u6d77\u95a2", "BE-001"),
        ("the same in NFD", "pa\u00dfwo\u0308rt e\u0301te\u0301 \u6d77\u95a2", "BE-001"),
    ):
        stretched = stretch(password, DIRECTORY, account)
        cases.append(
            Case(name, "LOG-1", "stretch",
                 {"password": password, "directory": DIRECTORY, "account": account},
                 {"login": stretched.login, "vault": stretched.vault},
                 intermediate={"salt": login_salt(DIRECTORY, account)})
        )  # fmt: skip
    for name, password in (
        ("a character that Unicode 14.0 does not know", "pass\u0378word"),
        ("a character of a later Unicode", "pass\U0001fae8word"),
        ("half of a surrogate pair", "pass\ud800word"),
    ):
        inputs = {"password": password, "directory": DIRECTORY, "account": "FR-014"}
        cases.append(Case(f"password: {name}", "LOG-1", "stretch", inputs, failure="malformed"))
    nonce, token, origin = fixed("nonce"), fixed("token"), "https://cencomm.example"
    message = login_message(nonce, DIRECTORY, origin, sha256(token), 1_767_225_660_000)
    cases.append(
        Case("challenge", "LOG-3", "challenge",
             {"seed": DEVICE.seed, "nonce": nonce, "directory": DIRECTORY, "origin": origin,
              "token": token, "expiry": 1_767_225_660_000},
             {"signature": DEVICE.sign(SigType.LOGIN, message)},
             intermediate={"token_hash": sha256(token), "message": message})
    )  # fmt: skip
    return Book("PROTOCOL 10.1: login", cases)


def _fields(**changed: Json) -> dict[str, Json]:
    fields: dict[str, Json] = {
        "directory": DIRECTORY,
        "person": fixed("person", 16),
        "secret": fixed("invitation secret"),
        "account": "FR-014",
        "kind": "human",
        "server": "https://cencomm.example",
    }
    return {**fields, **changed}


def _invitation() -> Invitation:
    fields = _fields()
    return Invitation(**{**fields, "person": PersonId(fields["person"])})


def invitation() -> Book:
    """The word on paper, its lookup, and the proof that keys come from who holds it."""
    return Book("PROTOCOL 10.2: invitation", [*_words(), *_proofs()])


def _word(data: bytes, checksum: bytes | None = None) -> str:
    packed = data + (sha256(data)[:4] if checksum is None else checksum)
    return PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")


WHITE_SPACE = "".join(
    map(chr, (*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
              0x2028, 0x2029, 0x202F, 0x205F, 0x3000))
)  # fmt: skip


def _words() -> Iterator[Case]:
    made = _invitation()
    word = made.text()
    bot = replace(made, account="FR-BOT-1", kind="bot", server="http://127.0.0.1:8470")
    slashes = replace(made, server="https://cencomm.example//")
    for name, invited in (
        ("invitation", made),
        ("invitation of a bot", bot),
        ("invitation to a server with two slashes", slashes),
    ):
        yield Case(name, "INV-2", "invitation", _shown(invited),
                   {"text": invited.text(), "url": invited.url(),
                    "lookup": invited.lookup})  # fmt: skip
    yield Case("word read", "INV-2", "read invitation", {"text": word}, _shown(made))
    yield Case("URL read", "INV-2", "read invitation", {"text": made.url()}, _shown(made))
    yield Case("word read with line breaks", "INV-2", "read invitation",
               {"text": f"  {word[:40]}\n {word[40:80]}\t{word[80:]}\n"}, _shown(made))  # fmt: skip
    yield Case("word read with each white space", "INV-2", "read invitation",
               {"text": word[:40] + WHITE_SPACE + word[40:]}, _shown(made))  # fmt: skip
    data = encode(_fields())
    bad: dict[str, tuple[str, str]] = {
        "another prefix": (word.replace("cencomm1-", "cencomm2-"), "malformed"),
        "a letter changed": (word[:50] + ("A" if word[50] != "A" else "B") + word[51:],
                             "malformed"),
        "a letter lost": (word[:60] + word[61:], "malformed"),
        "another check sum": (_word(data, bytes(4)), "malformed"),
        "a space without width": (word[:40] + "\u200b" + word[40:], "malformed"),
        "a mark of byte order": ("\ufeff" + word, "malformed"),
        "padding": (word + "=", "malformed"),
        "a letter of plain base64": (word[:-3] + "+" + word[-2:], "malformed"),
        "nothing": (PREFIX, "malformed"),
        "an unknown field": (_word(encode(_fields(extra=1))), "malformed"),
        "another kind": (_word(encode(_fields(kind="cat"))), "malformed"),
        "a secret of 31 bytes": (_word(encode(_fields(secret=bytes(31)))), "malformed"),
        "not canonical": (_word(b"\xb8\x06" + data[1:]), "not_canonical"),
        "1,025 characters": (PREFIX + "A" * 1016, "too_large"),
    }  # fmt: skip
    for name, (text, code) in bad.items():
        yield Case(f"word: {name}", "INV-2", "read invitation", {"text": text}, failure=code)


def _shown(invited: Invitation) -> dict[str, Json]:
    return {
        "directory": invited.directory,
        "person": invited.person,
        "secret": invited.secret,
        "account": invited.account,
        "kind": invited.kind,
        "server": invited.server,
    }


def _proofs() -> Iterator[Case]:
    made = _invitation()
    proof = made.proof(DEVICE.public, BOX.public)
    enrol_sig = DEVICE.sign(SigType.ENROL, enrol_message(DIRECTORY, made.person, BOX.public))
    given = {"directory": DIRECTORY, "person": made.person, "secret": made.secret}
    keys = {"sign_pk": DEVICE.public, "box_pk": BOX.public}
    yield Case("proof", "INV-1", "invitation proof", {**given, **keys}, {"proof": proof})
    base = {**given, **keys, "proof": proof, "enrol_sig": enrol_sig}
    yield Case("keys that the invited sent", "INV-1", "verify invitation", base, {})
    other = SigningKey.from_seed(fixed("host"))
    forged = other.sign(SigType.ENROL, enrol_message(DIRECTORY, made.person, BOX.public))
    swapped = BoxKey.from_seed(fixed("host box")).public
    rows: list[tuple[str, dict[str, Json], str]] = [
        ("keys that the host put in", {"sign_pk": other.public, "enrol_sig": forged}, "bad_proof"),
        ("a box key that the host put in", {"box_pk": swapped}, "bad_proof"),
        ("another invitation's secret", {"secret": fixed("other")}, "bad_proof"),
        ("another person", {"person": bytes(16)}, "bad_proof"),
        ("keys of another device, claimed", {"enrol_sig": forged}, "bad_signature"),
    ]
    for name, changed, code in rows:
        yield Case(name, "INV-1", "verify invitation", {**base, **changed}, failure=code)
