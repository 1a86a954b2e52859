"""What schemathesis cannot know of this interface: how CBOR bodies look (SCHEMATHESIS_HOOKS)."""

from __future__ import annotations

import schemathesis
from cencomm_crypto.public.encoding import encode
from hypothesis import strategies as st


def _submission(header: bytes, body: bytes, sig: bytes, wraps: bytes) -> bytes:
    return encode([header, body, sig, wraps, b""])


_envelopes = st.builds(
    _submission,
    st.binary(min_size=1, max_size=200),
    st.binary(max_size=200),
    st.binary(min_size=64, max_size=64),
    st.binary(max_size=112),
)
schemathesis.openapi.media_type("application/cbor", st.one_of(_envelopes, st.binary(max_size=300)))
