"""The one gate through which content leaves: what handling forbids stays, what a REL lets out is
logged before it goes.

A use under a grant is an entry: a REL without a decision that answers the grant, by who used it.
Who may not post cannot use a grant.
"""

from __future__ import annotations

from dataclasses import replace

from cencomm_crypto.errors import CencommError

from cencomm_client.errors import HandlingForbids
from cencomm_client.handling import Grant, Way
from cencomm_client.items import Damage, Item, Message
from cencomm_client.operation import Operation
from cencomm_client.posting import Posted
from cencomm_client.work import reading
from cencomm_client.work.reading import Content


class Gate:
    """The gate of one operation on this device."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._attendant = operation.attend()
        self._logged: set[tuple[bytes, Way]] = set()  # own uses that were not read back yet

    def message(self, leaf: bytes) -> Message | None:
        """The message of a leaf, of one that was sealed anew the first."""
        return self._attendant.refresh().message(leaf)

    def check(self, message: Message, way: Way) -> Grant | None:
        """As `Handling.check`, with everything that this device has read. Raises
        HandlingForbids."""
        return self._attendant.refresh().handling.check(message, way, self._attendant.now())

    def codes(self, message: Message) -> tuple[str, ...]:
        """The codes that bind an entry now."""
        return self._attendant.refresh().handling.codes(message)

    def standing(self, message: Message) -> Content | None:
        """What an entry says now; None where it was withdrawn."""
        return self._attendant.refresh().present(message).content

    def lifts(self, message: Message, way: Way) -> Grant | None:
        """The grant that lets the whole of an entry out, if one does; None also where nothing
        forbids it, or where a grant names only some of its fields."""
        try:
            grant = self.check(message, way)
        except HandlingForbids:
            return None
        present = self._attendant.refresh().present(message)
        return grant if grant is not None and grant.covers(present.content or {}) else None

    async def let_out(self, message: Message, way: Way, content: Content | None = None) -> Content:
        """The content as posted (or the given one, as it stands), or what a grant lets out of it;
        the use is in the log then.

        Raises HandlingForbids; Refused or TransportError where the use cannot be logged.
        """
        grant = self.check(message, way)
        content = content or message.content or {}
        if grant is None:
            return content
        await self.log_use(grant, way)
        return grant.narrowed(content)

    async def copied(self, item: Item, stands: Content | None = None) -> Item:
        """An item as another program may have it, as posted or as it stands; one that is forbidden
        comes without content.

        Its `damage` says why. A grant is used, and its use logged, once per device. Of a wrong form
        nobody can say what binds it: where it is wrong is told, not what was read there.
        """
        if not isinstance(item, Message):
            return item
        if item.content is None:
            return item if item.damage is None else replace(item, damage=_untold(item.damage))
        try:
            return replace(item, content=await self.let_out(item, Way.COPY, stands))
        except CencommError as refused:  # forbidden, or its use could not be logged
            return replace(item, content=None, damage=Damage(str(refused.code), refused.detail))

    def hidden(self, message: Message) -> bool:
        """Whether an overview for another program leaves out what this is about: no use of a
        grant is made for a line of it."""
        return bool(self.codes(message))

    def hidden_at(self, seq: int) -> bool:
        """`hidden`, of an entry by its number."""
        found = self._operation.view.feed.at(seq)
        return isinstance(found, Message) and self.hidden(found)

    async def log_use(self, grant: Grant, way: Way) -> Posted | None:
        """Put the use of a grant into the log; a copy once per device. A CEN record is logged by
        its `release`: after the end no message is taken."""
        if way is Way.COPY and self._used(grant, way):
            return None
        channel = self._operation.channel(grant.message.channel.hex())
        conditions = f" Conditions: {grant.conditions}" if grant.conditions else ""
        content = {
            "entry": grant.entry,
            "fields": sorted(grant.fields),
            "use": str(way),
            "remarks": f"Used under entry {grant.message.place.seq}.{conditions}",
        }
        posted = await channel.post(reading.RELEASE, content, re=grant.leaf)
        self._logged.add((grant.leaf, way))
        return posted

    def _used(self, grant: Grant, way: Way) -> bool:
        desk = self._attendant.refresh()
        return (grant.leaf, way) in self._logged or any(
            one.kind == reading.RELEASE
            and one.re == grant.leaf
            and one.author.device == self._operation.device
            and reading.text_of(one.content or {}, "use") == way
            for one in desk.history(grant.leaf)
        )


def _untold(damage: Damage) -> Damage:
    """Without the values that its errors repeat."""
    if not damage.errors:
        return damage
    return replace(damage, detail=", ".join(wrong.path for wrong in damage.errors), errors=())
