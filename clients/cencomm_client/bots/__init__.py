"""Bots: write-only programs beside a source system that drop automated hits into one channel.

Refuses to read the operation, to forget a hit that it took, and to send one twice. Developers
extend `Bot`, or hand a `Source` to it; docs/sdk.md shows one in twenty lines.
"""

from cencomm_client.bots.bot import Bot
from cencomm_client.bots.folder import Folder
from cencomm_client.bots.health import Health
from cencomm_client.bots.serving import Address
from cencomm_client.bots.source import Outcome, RawHit, Result, Source, State
from cencomm_client.bots.webhook import Webhook

__all__ = [
    "Address",
    "Bot",
    "Folder",
    "Health",
    "Outcome",
    "RawHit",
    "Result",
    "Source",
    "State",
    "Webhook",
]
