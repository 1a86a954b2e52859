"""Where a request comes from; a proxy's word counts only from configured networks (DESIGN 9).

engine.io says 127.0.0.1 for everybody: always ask the aiohttp request, never the environ.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web
from cencomm_config.settings import Network


def address_of(request: web.Request, proxies: Sequence[Network]) -> str:
    """The nearest address that is no proxy of ours; for limits, never logged."""
    address = request.remote or ""
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed(hops):
        if not _is_in(address, proxies) or not hop.strip():
            break
        address = _bare(hop.strip())
    return address


def _bare(hop: str) -> str:
    """Without the port that some proxies add: `192.0.2.1:5`, `[2001:db8::1]:5`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    host, colon, port = hop.rpartition(":")
    return host if colon and ":" not in host and port.isdigit() else hop


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped  # how a socket for both kinds names an IPv4 peer
    return any(parsed in network for network in networks)
