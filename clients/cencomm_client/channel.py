"""One channel of an operation, as a program uses it: post, drop, close."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cencomm_config.forms import FieldError, FormInvalid, FormSet
from cencomm_config.forms.errors import Expected
from cencomm_crypto.errors import CencommError, ErrorCode, ProtocolError
from cencomm_crypto.member.closing import close_body
from cencomm_crypto.member.payload import make_payload
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.channel import Channel as ChannelState
from cencomm_crypto.public.rights import Role

from cencomm_client.directing import expect_directed, path_of
from cencomm_client.directory import person_id
from cencomm_client.errors import NotDirected
from cencomm_client.exercise import expect_unmixed
from cencomm_client.items import Item, Message
from cencomm_client.kinds import PRECEDENCE
from cencomm_client.posting import PATIENCE_S, Posted, Poster
from cencomm_client.profiles import KIND as PROFILE
from cencomm_client.reaching import expect_reached
from cencomm_client.station import Station
from cencomm_client.view import OperationView
from cencomm_client.warning_time import expect_in_time
from cencomm_client.work.changes import CHANGING

Referred = Posted | Message | bytes | None
"""What `re` may name: something posted, something read, or a leaf hash (32 bytes)."""


class Channel:
    """A channel that this person is in, or that this bot drops into."""

    def __init__(
        self, station: Station, view: OperationView, poster: Poster, chan: ChannelId
    ) -> None:
        self._station, self._view, self._poster = station, view, poster
        self.id = chan

    @property
    def state(self) -> ChannelState:
        """The channel as the verified log has it."""
        return self._view.state.channels[self.id]

    @property
    def name(self) -> str:
        """Its name within the operation; a directed one stands behind its parent's."""
        return path_of(self._view.state, self.state)

    @property
    def parent(self) -> ChannelId | None:
        """The channel that a directed one is part of."""
        return self.state.parent

    def items(self, after: int = 0) -> list[Item]:
        """Messages and control items of this channel, in the log's order."""
        found = self._view.feed.items(after)
        return [item for item in found if getattr(item, "channel", None) == self.id]

    async def post(
        self,
        kind: str,
        content: Mapping[str, Any],
        *,
        re: Referred = None,
        prio: str | None = None,
        ack_by: int | None = None,
        to: Iterable[str] = (),
        mid: bytes | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Posted:
        """Seal and post a message; returns its verified receipt.

        `to` are functional codes: it addresses, it never hides. `ack_by` is in ms; `mid` is for
        what must be told apart from a repetition (16 bytes; else random). Raises
        FormInvalid for a form with wrong fields, NotTheAuthor and NotChangeable for a correction or
        withdrawal that would have no effect, ProtocolError where this client refuses to
        author (NOT_MEMBER where somebody that it is for would not read it), NotDirected for what
        only some may read, NoNewWarnings for a warning after LIVE,
        Refused where the server does, TransportError after `patience_s` (the bytes stay in the
        outbox and go out later).
        """
        held = checked(self._view.form_set, kind, content, prio)
        expect_unmixed(self._station, self._view.log, leaf_of(re), held)
        if kind in CHANGING:
            held = await self._right(held)
        addressees = self._addressees(to)
        payload = make_payload(
            kind,
            mid or self._station.settings.random(16),
            held,
            re=leaf_of(re),
            prio=prio,
            ack_by=ack_by,
            to=addressees,
        )
        self._expect_fitting(kind)
        expect_in_time(self._view.state, kind)
        expect_directed(self._view.state, self.state, kind, held, addressees)
        await self._expect_reached(kind, held, addressees)
        return await self._poster.seal(self.id, payload, patience_s=patience_s)

    async def drop(
        self, kind: str, content: Mapping[str, Any], *, patience_s: float = PATIENCE_S
    ) -> Posted:
        """Post as a bot, which can read nothing: sealed to the epoch's drop key (A31, A45)."""
        if self._view.state.role_of(self._station.vault.person) is not Role.BOT:
            raise ProtocolError(ErrorCode.NOT_PERMITTED, "only a bot drops; people post")
        return await self.post(kind, content, patience_s=patience_s)

    async def close(self) -> Posted:
        """End this channel now (a coordinator) and show its close key."""
        await self._poster.sender.pull()
        secret = self._view.keyring.secret(self._view.state, self.id, self.state.epoch)
        if secret is None:
            raise ProtocolError(ErrorCode.NO_EPOCH_KEY, "no key of the channel's current epoch")
        return await self._poster.sender.entry("channel.close", close_body(secret), chan=self.id)

    async def change_members(
        self, *, add: Iterable[str] = (), remove: Iterable[str] = ()
    ) -> Posted:
        """Change a channel that has a list; functional codes."""
        directory = self._station.directory
        body = {
            "chan": self.id,
            "add": [person_id(directory, code) for code in add],
            "remove": [person_id(directory, code) for code in remove],
        }
        return await self._poster.decide("channel.members", body)

    async def _right(self, change: dict[str, Any]) -> dict[str, Any]:
        """A correction or withdrawal as it is sealed; reads on if what it names is not here yet."""
        try:
            return self._view.expect_right(change)
        except ProtocolError as error:
            if error.code is not ErrorCode.UNKNOWN_REFERENCE:
                raise
        await self._poster.sender.pull()
        return self._view.expect_right(change)

    async def _expect_reached(
        self, kind: str, content: Mapping[str, Any], to: tuple[bytes, ...] | None
    ) -> None:
        """As `reaching.expect_reached`; reads on first: somebody may have been admitted since."""
        if self._reaches(kind, content, to) is not None:
            await self._poster.sender.pull()
            missed = self._reaches(kind, content, to)
            if missed is not None:
                raise missed

    def _reaches(
        self, kind: str, content: Mapping[str, Any], to: tuple[bytes, ...] | None
    ) -> CencommError | None:
        state, directory = self._view.state, self._station.directory
        author = self._station.vault.person
        try:
            expect_reached(state, directory, self.state, author, kind, content, to)
        except (ProtocolError, NotDirected) as error:
            return error
        return None

    def _addressees(self, codes: Iterable[str]) -> tuple[bytes, ...] | None:
        found = tuple(person_id(self._station.directory, code) for code in codes)
        return found or None

    def _expect_fitting(self, kind: str) -> None:
        if (kind == PROFILE) != self.state.main:
            raise ProtocolError(
                ErrorCode.NOT_PERMITTED, "the main channel carries profiles, and only it does"
            )


def checked(
    forms: FormSet, kind: str, content: Mapping[str, Any], prio: str | None = None
) -> dict[str, Any]:
    """The content in its normal form; raises FormInvalid with every wrong field."""
    if kind == PROFILE:
        return dict(content)  # its shape is the protocol's (PRF-1)
    form = forms.form(kind)
    made = form.normal(content)
    errors = form.check(made)
    if prio is not None and prio not in PRECEDENCE:
        expected = Expected("field_choice", {"choices": ", ".join(PRECEDENCE)})
        errors += (FieldError(("prio",), _PRECEDENCE_LABELS, prio, expected),)
    if errors:
        raise FormInvalid(errors)
    return made


_PRECEDENCE_LABELS = {"en": "Precedence", "fr": "Urgence"}


def leaf_of(referred: Referred) -> bytes | None:
    """The leaf hash that `re` names."""
    if isinstance(referred, Message):
        return referred.place.leaf
    return referred.leaf if isinstance(referred, Posted) else referred
