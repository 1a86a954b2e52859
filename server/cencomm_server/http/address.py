"""Where a request comes from; a proxy's word counts only from configured networks (DESIGN 9)."""

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
        address = hop.strip()
    return address


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
