"""Appendix A of PROTOCOL.md, rendered from the shapes that the parsers use.

So the grammar that is printed and the grammar that is enforced cannot part. Write it into the
specification with `python -m tests.support.appendix`; a test holds the two equal.
"""

from __future__ import annotations

from cencomm_crypto.public.bodies import (
    ADMIN_ROOT_BODIES,
    CHANNEL_BODIES,
    CONTROL_BODIES,
    DEVICE_BODIES,
    GOVERNANCE_BODIES,
)
from cencomm_crypto.public.entry import HEADER
from cencomm_crypto.public.shape import Map
from cencomm_crypto.public.wire import ITEMS, RECEIPT, SUBMISSION


def render() -> str:
    """The whole grammar as CDDL (RFC 8610), one rule a line."""
    parts = ["; header\n" + _map("header", HEADER)]
    groups = {
        "directory, signed by the governance root": GOVERNANCE_BODIES,
        "directory, signed by an administration's root": ADMIN_ROOT_BODIES,
        "directory, by devices": DEVICE_BODIES,
        "operation, control (log.restored stands above)": CONTROL_BODIES,
        "operation, a channel's": CHANNEL_BODIES,
    }
    for title, bodies in groups.items():
        parts.append(
            f"; {title}\n" + "\n".join(_map(kind, shape) for kind, shape in bodies.items())
        )
    items = [
        f"item-{name} = {shape.cddl()}"
        for name, shape in zip(("whole", "withheld", "erased", "lost"), ITEMS.values(), strict=True)
    ]
    parts.append(
        "; transport\n"
        + "\n".join([*items, f"submission = {SUBMISSION.cddl()}", _map("receipt", RECEIPT)])
    )
    parts.append("; bodies of message and drop are bytes (8.5, 8.6)")
    return "\n\n".join(parts) + "\n"


def _map(name: str, shape: Map) -> str:
    return f"{name} = {shape.cddl()}"
