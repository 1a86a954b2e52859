"""A small HTTP server of a bot: on loopback, or where its operator says."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from cencomm_client.errors import AddressUnusable

LINGER_S = 1.0  # for the rest of a body that was refused


def _of_this_program(record: logging.LogRecord) -> bool:
    """Whether a log record is about a defect; of what no HTTP is, whoever sent it is told."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)


_log = logging.getLogger(__name__)
_log.addFilter(_of_this_program)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0: any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`127.0.0.1:8480` or `[::1]:8480`; raises AddressUnusable for a name, or off loopback:
        the source system stands beside its bot, and the way between them has no TLS."""
        host, _, port = text.rpartition(":")
        try:
            address = ipaddress.ip_address(host.strip("[]"))
            number = int(port)
        except ValueError as error:
            raise AddressUnusable(f"{text!r} read, ADDRESS:PORT expected") from error
        if not address.is_loopback or not 0 <= number <= 65_535:
            raise AddressUnusable(f"{text!r} read, an address of this machine alone expected")
        return cls(str(address), number)


@asynccontextmanager
async def serving(application: web.Application, address: Address) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port. Raises AddressUnusable if it is taken."""
    runner = web.AppRunner(
        application, access_log=None, logger=_log, shutdown_timeout=2.0, lingering_time=LINGER_S
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, address.host, address.port)
        try:
            await site.start()
        except OSError as error:
            raise AddressUnusable(f"{address.host}:{address.port}: {error.strerror}") from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
