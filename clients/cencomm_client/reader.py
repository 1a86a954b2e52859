"""From verified log items to what a person is shown: opened, attributed, flagged.

Pure but for the keyring and the names that it is given. Refuses to hide: what cannot be opened
stays an item with its reason, what has no effect becomes an alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cencomm_config.forms import FormInvalid
from cencomm_crypto.errors import ErrorCode, ProtocolError, Rejected
from cencomm_crypto.member.drop import open_drop
from cencomm_crypto.member.message import open_message
from cencomm_crypto.member.payload import forged_fields
from cencomm_crypto.public.bodies import OPAQUE_TYPES
from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.entry import Entry, Header
from cencomm_crypto.public.history import DirectoryHistory
from cencomm_crypto.public.ids import ChannelId, DeviceId, LogId
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.operation.views import erasable, erased_by_date
from cencomm_crypto.public.wire import Sequenced

from cencomm_client.directing import directing, path_of
from cencomm_client.errors import ClientCode
from cencomm_client.exercise import RELEASING, is_exercise
from cencomm_client.form_library import FormLibrary
from cencomm_client.items import (
    CLAIM_TOLERANCE_MS,
    Alarm,
    Author,
    Control,
    Damage,
    Flag,
    Item,
    Message,
    Place,
)
from cencomm_client.keyring import Keyring
from cencomm_client.profiles import KIND as PROFILE
from cencomm_client.profiles import Names
from cencomm_client.roles import Roles
from cencomm_client.rows import row_of

UNKNOWN = "?"


class Reader:
    """Makes the items of one operation for one device."""

    def __init__(
        self,
        log: LogId,
        keyring: Keyring,
        names: Names,
        forms: FormLibrary,
        now: Callable[[], int],
        roles: Roles,
    ) -> None:
        """`now`: own clock, ms; whether a date has come by which bodies go."""
        self._log, self._keyring, self._names, self._now = log, keyring, names, now
        self._forms, self._roles = forms, roles
        self._stood: tuple[int, int, int, DirectoryState | None] = (0, 0, 0, None)
        self._authors: dict[DeviceId, Author] = {}  # as they stand in the directory of:
        self._authors_of: DirectoryState | None = None
        self._mids: dict[tuple[DeviceId, bytes], bytes] = {}  # (author, mid) -> leaf that was first

    def item(
        self,
        found: Sequenced,
        rejected: Rejected | None,
        state: OperationState,
        history: DirectoryHistory,
    ) -> Item | None:
        """The item for a place in the log; None where only 56 bytes of it are here.

        `state` and `history` are the newest verified ones. Reads profiles into the names.
        """
        entry = found.entry
        if rejected is not None:
            row = row_of(found, rejected, state.suite_min)
            return Alarm(rejected.code, rejected.detail, self._log, found.at, found.seq, row)
        if entry is None:
            return None
        if entry.header.type in OPAQUE_TYPES:
            return self._message(found, entry, state, history)
        return self._control(found, entry, state, history)

    def first(self, message: Message) -> bytes:
        """The leaf under which a message that was sealed anew was opened first; else its own."""
        leaf = message.place.leaf
        mid = message.mid
        return leaf if mid is None else self._mids.get((message.author.device, mid), leaf)

    def author(self, device: DeviceId, directory: DirectoryState) -> Author:
        """Who a device is, with the name that its administration gave."""
        if directory is not self._authors_of:
            self._authors, self._authors_of = {}, directory
        made = self._authors.get(device)
        if made is None:
            made = self._authors[device] = self._new_author(device, directory)
        return made

    def _new_author(self, device: DeviceId, directory: DirectoryState) -> Author:
        known = directory.device(device)
        person = None if known is None else directory.person(known.person)
        if person is None:
            return Author(device, None, UNKNOWN, UNKNOWN)
        admin = directory.administration(person.admin)
        code = UNKNOWN if admin is None else admin.code
        name = self._names.name(person.id)
        return Author(device, person.id, person.code, code, name, person.admin)

    def _control(
        self, found: Sequenced, entry: Entry, state: OperationState, history: DirectoryHistory
    ) -> Control:
        header = entry.header
        flags = self._flags(found, header, state, history)
        if is_exercise(state) and header.type in RELEASING:
            flags.add(Flag.EXERCISE_RELEASE)
        return Control(
            place=self._place(found),
            author=self.author(header.device, history.at(history.size)),
            type=header.type,
            body=entry.body or {},
            channel=header.chan,
            channel_name=None if header.chan is None else _channel_name(state, header.chan),
            flags=frozenset(flags),
        )

    def _message(
        self, found: Sequenced, entry: Entry, state: OperationState, history: DirectoryHistory
    ) -> Message:
        header = entry.header
        if header.chan is None or header.epoch is None:  # parse_header checked
            raise ProtocolError(ErrorCode.MALFORMED, "a message without channel or epoch")
        flags = self._flags(found, header, state, history)
        payload: Mapping[str, Any] | None = None
        damage: Damage | None = None
        forged: tuple[str, ...] = ()
        try:
            payload = self._open(entry, header.chan, header.epoch, state)
        except ProtocolError as error:
            damage = Damage(error.code, error.detail)
        author = self.author(header.device, history.at(history.size))
        if payload is not None:
            forged = forged_fields(header, payload)
            damage = self._check(payload, author, header, state, history)
            flags |= self._sealed_flags(payload, header, found, state, history)
        sealed: Mapping[str, Any] = payload or {}
        to = sealed.get("to") if payload is not None else header.to
        return Message(
            place=self._place(found),
            author=author,
            channel=header.chan,
            channel_name=_channel_name(state, header.chan),
            type=header.type,
            id=header.id,
            epoch=header.epoch,
            kind=sealed.get("kind", header.kind),
            content=None if damage is not None or payload is None else payload["content"],
            mid=sealed.get("mid"),
            re=sealed.get("re") if payload is not None else header.re,
            prio=sealed.get("prio") if payload is not None else header.prio,
            ack_by=sealed.get("ack_by") if payload is not None else header.ack_by,
            to=tuple(to or ()),
            time=header.time,
            flags=frozenset(flags | {Flag.FORGED_METADATA} if forged else flags),
            forged=forged,
            damage=damage,
        )

    def _open(
        self, entry: Entry, chan: ChannelId, n: int, state: OperationState
    ) -> Mapping[str, Any]:
        if entry.body_bytes is None:
            now = self._now()
            raise _Gone(erased=erasable(state, now) or erased_by_date(state, now))
        secret = self._keyring.secret(state, chan, n)
        if secret is None:
            raise ProtocolError(
                ErrorCode.NO_EPOCH_KEY, f"this device has no key of epoch {n} of the channel"
            )
        opener = open_message if entry.header.type == "message" else open_drop
        return opener(entry, secret)

    def _check(
        self,
        payload: Mapping[str, Any],
        author: Author,
        header: Header,
        state: OperationState,
        history: DirectoryHistory,
    ) -> Damage | None:
        """Forms of the operation's set: a wrong one is shown as damaged, with the reason."""
        content = payload["content"]
        form = self._forms.of(state.genesis["forms"]).find(payload["kind"])
        errors = () if form is None else form.check(content)
        if errors:
            wrong = FormInvalid(errors)
            return Damage(wrong.code, wrong.detail, errors)
        if payload["kind"] == PROFILE and header.chan == state.main and author.person is not None:
            try:
                directory = history.at(history.size)
                self._authors.clear()  # they may have other names now
                self._names.take(content, author.person, header.epoch or 0, directory)
            except ProtocolError as error:
                return Damage(error.code, error.detail)
        return None

    def _flags(
        self, found: Sequenced, header: Header, state: OperationState, history: DirectoryHistory
    ) -> set[Flag]:
        flags: set[Flag] = set()
        if abs(header.time - found.at) > CLAIM_TOLERANCE_MS:
            flags.add(Flag.TIME_DIFFERS)
        if not self._active_at(history, header.device, found.at):
            flags.add(Flag.AFTER_REVOCATION)
        if is_exercise(state):
            flags.add(Flag.EXERCISE)
        return flags

    def _sealed_flags(
        self,
        payload: Mapping[str, Any],
        header: Header,
        found: Sequenced,
        state: OperationState,
        history: DirectoryHistory,
    ) -> set[Flag]:
        flags: set[Flag] = set()
        if (payload["kind"] == PROFILE) != (header.chan == state.main):
            flags.add(Flag.MISPLACED)
        if payload["content"].get("exercise") is True:
            flags.add(Flag.EXERCISE)
        if header.type == "drop" and not self._admitted_for(payload["kind"], found, history):
            flags.add(Flag.UNEXPECTED_KIND)
        channel = None if header.chan is None else state.channels.get(header.chan)
        if channel is not None and channel.parent is None and self._meant_for_few(payload, found):
            flags.add(Flag.NOT_DIRECTED)
        leaf = found.leaf
        if self._mids.setdefault((header.device, payload["mid"]), leaf) != leaf:
            flags.add(Flag.RESEALED)
        return flags

    def _admitted_for(self, kind: str, found: Sequenced, history: DirectoryHistory) -> bool:
        """Whether a bot's admission named the kind, or none, when it dropped it."""
        device = None if found.entry is None else found.entry.header.device
        known = None if device is None else history.at(history.size).device(device)
        kinds = () if known is None else self._roles.held(known.person, found.seq).kinds
        return not kinds or kind in kinds

    def _meant_for_few(self, payload: Mapping[str, Any], found: Sequenced) -> bool:
        kind, content, to = payload["kind"], payload["content"], payload.get("to")
        return (
            directing(lambda person: self._roles.role(person, found.seq), kind, content, to)
            is not None
        )

    def _active_at(self, history: DirectoryHistory, device: DeviceId, at: int) -> bool:
        """`active_at`, with the directory of the last answer where it stood as well at `at`."""
        since, until, size, state = self._stood
        if state is None or size != history.size or not since <= at < until:
            place = standing_at(history, at)
            state = history.at(place)
            until = history.at(place + 1).at if place < history.size else 1 << 63
            self._stood = (0 if place == 1 else state.at), until, history.size, state
        return state.active(device)

    def _place(self, found: Sequenced) -> Place:
        return Place(self._log, found.seq, found.at, found.leaf)


class _Gone(ProtocolError):
    """A body that is not here any more."""

    def __init__(self, *, erased: bool) -> None:
        said = "the body was erased" if erased else "the body is not here, unexplained"
        super().__init__(ErrorCode.CANNOT_OPEN, said)
        self.code = ClientCode.BODY_ERASED if erased else ClientCode.BODY_WITHHELD


def active_at(history: DirectoryHistory, device: DeviceId, at: int) -> bool:
    """Whether the device was active when the directory stood as at server time `at` (ms).

    A revocation that the entry's author had not seen yet still shows here (DESIGN 3).
    """
    return history.at(standing_at(history, at)).active(device)


def standing_at(history: DirectoryHistory, at: int) -> int:
    """The size at which the directory stood at server time `at` (ms); at least 1."""
    low, high = 1, history.size
    while low < high:
        middle = (low + high + 1) // 2
        if history.at(middle).at <= at:
            low = middle
        else:
            high = middle - 1
    return low


def _channel_name(state: OperationState, chan: ChannelId) -> str:
    channel = state.channels.get(chan)
    return UNKNOWN if channel is None else path_of(state, channel)
