"""Every entry type and the shape of its body: the body half of PROTOCOL's CDDL as data.

Who may author what stands in the rights tables; what makes it valid in the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.public.encoding import Value
from cencomm_crypto.public.shape import Array, Bool, Bytes, Choice, Fixed, Map, Shape, Text, UInt

ID = Bytes((16,))
B32 = Bytes((32,))
SIG = Bytes((64,))
MILLIS = UInt(most=2**53 - 1)  # what every JSON reader can hold
SPAN = Fixed((MILLIS, MILLIS))
CODE = Text(32)
LABEL = Text(64)
PROSE = Text(2048)
ROLES = ("coordinator", "officer", "analyst", "observer", "expert", "bot", "auditor", "ncp")
PHASES = ("draft", "prep", "live", "post", "debrief")

WITNESS = Map(
    {
        "keys": Array(Fixed((Text(128), B32)), most=16),
        "k": UInt(most=16),
        "fresh": UInt(most=86_400),
        "mode": Choice(("warn", "strict")),
    }
)
GOVERNANCE = Map({"keys": Array(B32, least=1, most=16), "k": UInt(1, 16)})
AUDIT = Map({"persons": Array(ID, most=16), "k": UInt(most=16)})
PREVIOUS = Fixed((B32, MILLIS, B32))  # id, size and root of a log whose leaves were lost
_SIGNED = {
    "poster": B32,
    "serial": UInt(most=2**53 - 1),
    "sigs": Array(Fixed((UInt(most=15), SIG)), most=16),
}


def _root_signed(bodies: Mapping[str, Mapping[str, Shape]]) -> Mapping[str, Map]:
    """Bodies that name their own type: roots sign the body, and not the header that carries it.

    Else who posts a role.withdraw that k custodians signed could post it as a role.grant.
    """
    return {
        kind: Map({"type": Choice((kind,)), **fields, **_SIGNED}) for kind, fields in bodies.items()
    }


GOVERNANCE_BODIES: Mapping[str, Map] = _root_signed(
    {
        "directory.genesis": {
            "name": LABEL,
            "log_key": B32,
            "governance": GOVERNANCE,
            "witness": WITNESS,
            "suite_min": UInt(1, 65_535),
            "rules": UInt(1, 65_535),
            "previous?": PREVIOUS,
        },
        "admin.add": {"code": CODE, "root": B32},
        "admin.suspend": {"admin": ID},
        "admin.resume": {"admin": ID},
        "admin.rekey": {"admin": ID, "root": B32},
        "governance.rekey": {"keys": Array(B32, least=1, most=16), "k": UInt(1, 16)},
        "logkey.set": {"log_key": B32},
        "witness.set": {"witness": WITNESS},
        "suite.raise": {"suite_min": UInt(1, 65_535)},
        "role.grant": {"person": ID, "role": Choice(("operations",))},
        "role.withdraw": {"person": ID, "role": Choice(("operations",))},
        "log.restored": {
            "log": ID,
            "from": MILLIS,
            "to": MILLIS,
            "leaves": Array(Bytes((56,)), most=900),
        },
    }
)
ADMIN_ROOT_BODIES: Mapping[str, Map] = _root_signed(
    {
        "ncp.appoint": {
            "admin": ID,
            "person": ID,
            "code": CODE,
            "sign_pk": B32,
            "box_pk": B32,
            "proof": SIG,
        },
        "ncp.dismiss": {"admin": ID, "person": ID},
    }
)
DEVICE_BODIES: Mapping[str, Map] = {
    "person.add": Map({"person": ID, "code": CODE, "kind": Choice(("human", "bot"))}),
    "person.suspend": Map({"person": ID}),
    "person.resume": Map({"person": ID}),
    "person.reset": Map({"person": ID}),
    "role.request": Map({"person": ID, "role": Choice(("operations",))}),
    "device.add": Map({"person": ID, "sign_pk": B32, "box_pk": B32, "proof": SIG}),
    "device.revoke": Map({"device": ID}),
    "device.rekey": Map({"box_pk": B32}),
}
CONTROL_BODIES: Mapping[str, Map] = {
    "operation.genesis": Map(
        {
            "directory": B32,
            "name": LABEL,
            "window": SPAN,
            "grace": UInt(most=366 * 86_400_000),
            "live": SPAN,
            "phases": UInt(1, 65_535),
            "history": Choice(("all", "none")),
            "metadata": Choice(("full", "minimal")),
            "browser": Bool(),
            "retention": Map({"erase_at": MILLIS}),
            "clocks": Map(
                {
                    name: UInt(most=366 * 86_400)
                    for name in (
                        "accept_s",
                        "flash_s",
                        "feedback_s",
                        "seizure_s",
                        "long_s",
                        "sit_s",
                    )
                }
            ),
            "exercise": Bool(),
            "forms": Bytes((0, 32)),
            "audit": AUDIT,
            "witness": WITNESS,
            "legal": PROSE,
            "rules": UInt(1, 65_535),
            "suite_min": UInt(1, 65_535),
            "previous?": PREVIOUS,
        }
    ),
    "members.admit": Map(
        {
            "members": Array(
                Map(
                    {
                        "person": ID,
                        "role": Choice(ROLES),
                        "chan?": ID,
                        "kinds?": Array(CODE, least=1, most=32),
                        "rate?": UInt(1, 1_000_000),
                    }
                ),
                least=1,
                most=1000,
            )
        }
    ),
    "members.remove": Map({"persons": Array(ID, least=1, most=1000)}),
    "role.set": Map({"person": ID, "role": Choice(ROLES)}),
    "channel.create": Map(
        {
            "name": LABEL,
            "window": SPAN,
            "members?": Array(ID, most=3000),
            "rule?": Map(
                {
                    "all?": Bool(),
                    "admins?": Array(ID, least=1, most=300),
                    "roles?": Array(Choice(ROLES), least=1, most=8),
                }
            ),
            "parent?": ID,
        }
    ),
    "channel.members": Map(
        {"chan": ID, "add": Array(ID, most=1000), "remove": Array(ID, most=1000)}
    ),
    "phase.set": Map({"phase": Choice(PHASES)}),
    "operation.cancel": Map({}),
    "operation.suspend": Map({}),
    "operation.close": Map({}),
    "device.accept": Map({"device": ID}),
    "directory.sync": Map({}),
    "release": Map(
        {
            "entry": B32,
            "fields": Array(LABEL, most=256),
            "use": LABEL,
            "manifest": B32,
            "replaces?": B32,
        }
    ),
    "release.receipt": Map({"release": B32, "receipt": Text(256)}),
    "hold": Map({"reason": PROSE}),
    "audit.request": Map({"chan": ID, "purpose": PROSE}),
    "audit.grant": Map(
        {
            "request": B32,
            "x": UInt(1, 16),
            "chan": ID,
            "n": UInt(1),
            "share": Bytes(least=1, most=512),
        }
    ),
    "audit.report": Map({"request": B32, "hash": B32}),
    "rules.raise": Map({"rules": UInt(1, 65_535)}),
    "window.propose": Map(
        {
            "not_after?": MILLIS,
            "live?": SPAN,
            "channels?": Array(Fixed((ID, SPAN)), least=1, most=300),
        }
    ),
    "audit.propose": Map({"audit": AUDIT}),
    "close.propose": Map({}),
    "resume.propose": Map({}),
    "erase.propose": Map({}),
    "unhold.propose": Map({"hold": B32}),
    **{
        f"{subject}.approve": Map({"proposal": B32})
        for subject in ("window", "audit", "close", "resume", "erase", "unhold")
    },
}
CHANNEL_BODIES: Mapping[str, Map] = {
    "channel.rotate": Map(
        {
            "p": UInt(),
            "commit": B32,
            "close_commit": B32,
            "wraps_root": B32,
            "recips": B32,
            "count": UInt(1, 16_384),
            "drop_pk": B32,
            "prev_close?": Bytes((48,)),
            "prev_link?": Bytes((48,)),
            "escrow?": Bytes((48,)),
            "shares_root?": B32,
            "shares?": UInt(most=256),
        }
    ),
    "channel.grant": Map({"n": UInt(1), "device": ID, "box_pk": B32, "wrap": B32}),
    "channel.flag": Map({"n": UInt(1), "code": CODE}),
    "drop.result": Map({"re": B32, "device": ID, "box": Bytes((304,))}),
    "channel.close": Map({"n": UInt(1), "kc": B32}),
    "channel.reveal": Map({"n": UInt(1), "kc": B32}),
}

OPAQUE_TYPES = frozenset({"message", "drop"})
DIRECTORY_TYPES = frozenset({*GOVERNANCE_BODIES, *ADMIN_ROOT_BODIES, *DEVICE_BODIES})
BOTH_LOGS = frozenset({"log.restored"})  # it is about the log that it stands in
CONTROL_TYPES = frozenset({*CONTROL_BODIES, *BOTH_LOGS})
CHANNEL_TYPES = frozenset({*CHANNEL_BODIES, *OPAQUE_TYPES})
ROOT_SIGNED = frozenset({*GOVERNANCE_BODIES, *ADMIN_ROOT_BODIES})
GENESIS_TYPES = frozenset({"directory.genesis", "operation.genesis"})
EPOCH_TYPES = frozenset({"channel.rotate", "channel.grant", "channel.flag", "message", "drop"})

BODIES: Mapping[str, Map] = MappingProxyType(
    {
        **GOVERNANCE_BODIES,
        **ADMIN_ROOT_BODIES,
        **DEVICE_BODIES,
        **CONTROL_BODIES,
        **CHANNEL_BODIES,
    }
)


def parse_body(kind: str, value: Value) -> Mapping[str, Value]:
    """Check a decoded body against the shape of its type.

    Raises ProtocolError: UNKNOWN_TYPE (stop, never skip) or MALFORMED with the path.
    """
    shape = BODIES.get(kind)
    if shape is None:
        raise ProtocolError(ErrorCode.UNKNOWN_TYPE, f"entry type {ascii(kind)[:60]} is not known")
    shape.check(value, kind)
    checked: Mapping[str, Value] = value
    return checked
