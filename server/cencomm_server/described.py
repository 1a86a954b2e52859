"""What each route takes and gives, beside `routes`; `openapi` makes /v1/openapi.json of the two.

One entry of `DESCRIBED` per route; tests hold it against the table of routes and docs/api.md, and
schemathesis holds the running server against what comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cencomm_config.errors import ServiceCode as S
from cencomm_crypto.errors import ErrorCode as E

from cencomm_server.accounts.invitations import PAGE as INVITATIONS
from cencomm_server.describing import (
    BYTES,
    STRING,
    Described,
    Parameter,
    Schema,
    an_object,
    either,
    hexes,
    listed,
    maybe,
    perhaps,
    whole,
)
from cencomm_server.engine.lost_tail import MOST_RANGES
from cencomm_server.engine.reading import MAX_PAGE_ITEMS
from cencomm_server.http.call import CBOR, CBOR_SEQ, TEXT
from cencomm_server.http.logs import LARGEST_PAGE, PAGE
from cencomm_server.metrics import MEDIA

ACCOUNT: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$",
}
_PROOF: Mapping[str, Schema] = {
    "device": hexes(16),
    "nonce": hexes(32),
    "expiry": whole(),
    "token_hash": hexes(32),
    "sig": hexes(64),
}
_KEYS: Mapping[str, Schema] = {
    "sign_pk": hexes(32),
    "box_pk": hexes(32),
    "enrol_sig": hexes(64),
    "proof": hexes(32),
}
_TOTP: Schema = {"type": "string", "pattern": "^[0-9]{6}$", "minLength": 6, "maxLength": 6}
_RECOVERY: Schema = {
    "type": "string",
    "pattern": "^[A-Z2-7]{16}$",
    "minLength": 16,
    "maxLength": 16,
}
_CONFIRM = an_object(account=ACCOUNT, login_secret=hexes(32), totp=_TOTP, **_PROOF)
_RECOVER = an_object(account=ACCOUNT, login_secret=hexes(32), recovery=_RECOVERY, **_PROOF)
_LOGIN: Schema = {"anyOf": [_CONFIRM, _RECOVER]}
_RENEW: Schema = {
    "anyOf": [
        an_object(login_secret=hexes(32), totp=_TOTP),
        an_object(login_secret=hexes(32), recovery=_RECOVERY),
    ]
}
_SESSION = perhaps(
    an_object(expires=whole(), idle_s=whole()),
    recovery_left=whole(),
    recovery=listed(_RECOVERY),
)
_CHECKS: Schema = an_object(
    ready={"type": "boolean"}, checks={"type": "object", "additionalProperties": STRING}
)

# Every rule of the protocol may refuse an entry; only what a client alone can find is left out.
_OPENING = {E.VOID, E.ROTATION_MISMATCH, E.CANNOT_OPEN, E.NO_EPOCH_KEY, E.FORGED_METADATA}
APPENDING: tuple[str, ...] = (
    *(str(code) for code in E if code not in _OPENING),
    S.ID_REUSED,
    S.UNKNOWN_LOG,
    S.WRONG_DEPLOYMENT,
    S.NO_DIRECTORY,
    S.STORE_DOWN,
    S.STORE_FULL,
    S.CLOCK_JUMPED,
    S.LOG_BEHIND,
    S.SHUTTING_DOWN,
    S.FORBIDDEN,
)
_PROVING = (
    S.LOGIN_FAILED,
    S.NO_DIRECTORY,
    S.STORE_DOWN,
    S.STORE_FULL,
    S.CLOCK_JUMPED,
)
_READING = (
    S.UNKNOWN_LOG,
    S.NOT_FOUND,
    S.NO_DIRECTORY,
    S.STORE_DOWN,
    S.STORE_FULL,
    S.LOG_BEHIND,
    E.INACTIVE,
    E.LOG_DAMAGED,
    E.UNKNOWN_VERSION,
    E.UNKNOWN_TYPE,
    E.DIRECTORY_BEHIND,
)


_PARSING = (
    E.MALFORMED,
    E.TOO_LARGE,
    E.TOO_DEEP,
    E.NOT_CANONICAL,
    E.WRONG_TYPE,
    E.WRONG_SCOPE,
)


def _after(size: int) -> Parameter:
    return Parameter("after", hexes(size), "Begin after this one.")


def _limit(most: int, default: int) -> Parameter:
    return Parameter("limit", whole(1, most, default=default), "At most so many.")


_RECEIPT = "CBOR Receipt (PROTOCOL 9): the author's proof that the entry is in the log."
_SUBMISSION = "CBOR Submission (PROTOCOL 9): header, body, signature, wraps, shares."

DESCRIBED: Mapping[tuple[str, str], Described] = MappingProxyType(
    {
        # running
        ("GET", "/healthz"): Described("Alive.", an_object(ok={"const": True})),
        ("GET", "/readyz"): Described(
            "Whether an entry can be taken now, part by part.", _CHECKS, unready=_CHECKS
        ),
        ("GET", "/metrics"): Described(
            "What the process counts, for Prometheus.",
            STRING,
            media=MEDIA,
            codes=(S.NOT_FOUND, S.NOT_AUTHENTICATED),
        ),
        ("GET", "/v1/info"): Described(
            "Name, keys and limits of this server.",
            an_object(
                name=STRING,
                directory=maybe(hexes(32)),
                log_key=hexes(32),
                v=whole(1),
                suite=whole(1),
                version=STRING,
                limits=an_object(submission_bytes=whole(), read_bytes=whole()),
            ),
        ),
        ("GET", "/v1/openapi.json"): Described(
            "This document.", {"type": "object", "required": ["openapi", "paths"]}
        ),
        # the directory without a token
        ("GET", "/v1/directory/head"): Described(
            "The newest checkpoint of the directory.",
            an_object(size=whole(1), root=hexes(32), note=STRING),
            codes=(S.NO_DIRECTORY, S.STORE_DOWN, S.STORE_FULL, E.LOG_DAMAGED),
        ),
        ("POST", "/v1/directory/entries"): Described(
            f"Append what root signatures carry. Takes {_SUBMISSION} Gives {_RECEIPT}",
            BYTES,
            media=CBOR,
            takes=BYTES,
            codes=(*APPENDING, S.SETUP_REFUSED),
        ),
        # enrolment
        ("POST", "/v1/invitations"): Described(
            "Make room for the keys of a person's new device.",
            an_object(expires=whole()),
            takes=an_object(invitation=hexes(16), person=hexes(16)),
            codes=(
                S.FORBIDDEN,
                S.STORE_DOWN,
                S.STORE_FULL,
                S.CLOCK_JUMPED,
                E.UNKNOWN_PERSON,
                E.ALREADY_EXISTS,
                E.INACTIVE,
            ),
        ),
        ("GET", "/v1/invitations"): Described(
            "The caller's own invitations, with the keys left under them.",
            an_object(
                invitations=listed(
                    an_object(
                        invitation=hexes(16),
                        person=hexes(16),
                        expires=whole(),
                        enrolment=maybe(an_object(**_KEYS)),
                    )
                ),
                next=maybe(hexes(16)),
            ),
            query=(_after(16), _limit(INVITATIONS, INVITATIONS)),
            codes=(S.STORE_DOWN, S.STORE_FULL, S.CLOCK_JUMPED),
        ),
        ("POST", "/v1/enrolments"): Described(
            "Leave a new device's public keys under an invitation.",
            an_object(status=either("waiting", "done")),
            takes=an_object(invitation=hexes(16), **_KEYS),
            codes=(
                S.INVITATION_UNKNOWN,
                S.INVITATION_SPENT,
                S.STORE_DOWN,
                S.STORE_FULL,
                S.CLOCK_JUMPED,
                E.BAD_KEY,
                E.BAD_SIGNATURE,
                E.KEY_REUSED,
            ),
        ),
        ("GET", "/v1/enrolments"): Described(
            "What has become of the keys left under an invitation.",
            an_object(status=either("none", "waiting", "done")),
            query=(Parameter("invitation", hexes(16), "Its lookup value.", required=True),),
            codes=(S.INVITATION_UNKNOWN, S.STORE_DOWN, S.STORE_FULL, S.CLOCK_JUMPED),
        ),
        # accounts
        ("POST", "/v1/login/challenge"): Described(
            "A nonce to sign, answered alike for devices that do not exist.",
            an_object(nonce=hexes(32), expires=whole()),
            takes=an_object(device=hexes(16)),
            codes=(S.STORE_DOWN, S.STORE_FULL, S.CLOCK_JUMPED),
        ),
        ("POST", "/v1/account"): Described(
            "First registration of a person; the one-time secret is shown once.",
            an_object(totp_uri=STRING, totp_secret=STRING),
            takes=an_object(account=ACCOUNT, login_secret=hexes(32), **_PROOF),
            codes=(*_PROVING, S.ACCOUNT_EXISTS),
        ),
        ("POST", "/v1/account/confirm"): Described(
            "Make the account work with its first one-time code; opens a session.",
            _SESSION,
            takes=_CONFIRM,
            codes=_PROVING,
        ),
        ("POST", "/v1/account/recovery"): Described(
            "Other recovery codes, shown once; all earlier ones are void.",
            an_object(recovery=listed(_RECOVERY)),
            takes=_RENEW,
            codes=_PROVING,
        ),
        ("POST", "/v1/login"): Described(
            "Open a session for the device.", _SESSION, takes=_LOGIN, codes=_PROVING
        ),
        ("POST", "/v1/bot/login"): Described(
            "Open a session for a bot's device.",
            _SESSION,
            takes=an_object(account=ACCOUNT, client_secret=hexes(32), **_PROOF),
            codes=_PROVING,
        ),
        ("POST", "/v1/bot/secret"): Described(
            "A bot's client secret, shown once.",
            an_object(client_secret=hexes(32)),
            takes=an_object(person=hexes(16)),
            codes=(
                S.FORBIDDEN,
                S.ACCOUNT_EXISTS,
                S.STORE_DOWN,
                S.STORE_FULL,
                S.CLOCK_JUMPED,
                E.UNKNOWN_PERSON,
                E.INACTIVE,
            ),
        ),
        ("POST", "/v1/logout"): Described(
            "End the session and the device's live sockets.",
            an_object(),
            takes=an_object(),
            codes=(
                S.STORE_DOWN,
                S.STORE_FULL,
            ),
        ),
        # logs
        ("GET", "/v1/logs"): Described(
            "The logs that the caller may read.",
            an_object(
                logs=listed(
                    an_object(log=hexes(16), kind=either("directory", "operation"), size=whole())
                ),
                next=maybe(hexes(16)),
            ),
            query=(_after(16), _limit(LARGEST_PAGE, PAGE)),
            codes=_READING,
        ),
        ("POST", "/v1/logs"): Described(
            f"Start an operation's log with its genesis. Takes {_SUBMISSION} Gives {_RECEIPT}",
            BYTES,
            media=CBOR,
            takes=BYTES,
            headers={"X-Cencomm-Log": "The new log's id in hex."},
            codes=APPENDING,
        ),
        ("POST", "/v1/logs/{log}/entries"): Described(
            f"Append an entry. Takes {_SUBMISSION} Gives {_RECEIPT}",
            BYTES,
            media=CBOR,
            takes=BYTES,
            codes=APPENDING,
        ),
        ("GET", "/v1/logs/{log}/entries"): Described(
            "Sequenced items from a cursor on (PROTOCOL 9), as the caller may see them.",
            BYTES,
            media=CBOR_SEQ,
            query=(
                Parameter("after", whole(default=0), "The cursor: a seq."),
                _limit(MAX_PAGE_ITEMS, MAX_PAGE_ITEMS),
            ),
            headers={
                "X-Cencomm-Next": "The next cursor.",
                "X-Cencomm-Size": "Size of the newest checkpoint.",
            },
            codes=_READING,
        ),
        ("GET", "/v1/logs/{log}/checkpoint"): Described(
            "A signed note: the newest, or the one of exactly this size.",
            STRING,
            media=TEXT,
            query=(
                Parameter("size", whole(), "Exactly this size."),
                Parameter("least", whole(), "What the reader knows there is."),
            ),
            codes=_READING,
        ),
        ("GET", "/v1/logs/{log}/proof"): Described(
            "RFC 6962 consistency from one size to another.",
            an_object(proof=listed(hexes(32))),
            query=(
                Parameter("old", whole(), "The smaller size.", required=True),
                Parameter("new", whole(), "The larger size.", required=True),
            ),
            codes=_READING,
        ),
        ("POST", "/v1/logs/{log}/tail"): Described(
            "Hand back what a restore lost. Takes CBOR [note, start, forms, items].",
            an_object(
                size=whole(),
                signed=whole(),
                wanted=whole(),
                lacks={
                    "type": "array",
                    "maxItems": MOST_RANGES,
                    "items": {"type": "array", "minItems": 2, "maxItems": 2, "items": whole()},
                },
            ),
            takes=BYTES,
            codes=(
                *_READING,
                *_PARSING,
                S.TOO_BUSY,
                E.BAD_NOTE,
                E.BAD_PROOF,
                E.BAD_VALUE,
                E.TOO_MANY,
            ),
        ),
        ("GET", "/v1/logs/{log}/wraps"): Described(
            "CBOR {wrap?, share}: what was wrapped to the caller's device in an epoch.",
            BYTES,
            media=CBOR,
            query=(
                Parameter("chan", hexes(16), "The channel's id.", required=True),
                Parameter("n", whole(), "The epoch's number.", required=True),
            ),
            codes=(*_READING, E.UNKNOWN_CHANNEL),
        ),
        ("POST", "/v1/logs/{log}/wraps"): Described(
            f"Bring back wraps of a rotate or grant that a restore lost. Takes {_SUBMISSION}",
            an_object(),
            takes=BYTES,
            codes=(
                *_READING,
                *_PARSING,
                E.BAD_VALUE,
                E.BAD_COUNT,
                E.BAD_COMMIT,
                E.WRONG_HEAD,
                E.BAD_SIGNATURE,
                E.BAD_KEY,
            ),
        ),
    }
)
