"""The client: an async SDK, the command `cencomm`, bots, and the extract for CEN.

Verifies everything before it shows or uses it; the server is assumed hostile. Refuses to keep
plaintext on disk, to follow a redirect, and to import the server. docs/sdk.md is its one page.
"""

from cencomm_client.channel import Channel
from cencomm_client.client import Client
from cencomm_client.directory import Directory, Vouched
from cencomm_client.items import Alarm, Author, Control, Damage, Flag, Item, Message, Notice, Place
from cencomm_client.operation import Operation
from cencomm_client.operations import Summary
from cencomm_client.plan import Admission, OperationPlan
from cencomm_client.posting import Posted
from cencomm_client.station import Settings
from cencomm_client.verification import Verification

__all__ = [
    "Admission",
    "Alarm",
    "Author",
    "Channel",
    "Client",
    "Control",
    "Damage",
    "Directory",
    "Flag",
    "Item",
    "Message",
    "Notice",
    "Operation",
    "OperationPlan",
    "Place",
    "Posted",
    "Settings",
    "Summary",
    "Verification",
    "Vouched",
]
