"""One operation as this device sees it: verified state, items, keys, own entries.

Follows the mirror and never talks to the server. Makes the `Standing` that the deciders of
`automation` judge.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from weakref import ref

from cencomm_config.forms import FormSet
from cencomm_crypto.errors import CencommError, Rejected
from cencomm_crypto.public.ids import ChannelId, EntryId, LogId
from cencomm_crypto.public.operation.channel import Channel
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.wire import Sequenced

from cencomm_client.automation.standing import EpochNote, Standing, Verdict
from cencomm_client.collecting import all_of_it_stays
from cencomm_client.corrections import CorrectionBook
from cencomm_client.follow import Feed
from cencomm_client.form_library import FormLibrary, data_folder
from cencomm_client.items import Alarm, Control, Flag, Item, Message, Notice
from cencomm_client.kept_logs import Update
from cencomm_client.keyring import Keyring
from cencomm_client.kinds import WARNING
from cencomm_client.people import people_of
from cencomm_client.profiles import Names
from cencomm_client.progress import Stage, counted
from cencomm_client.reader import Reader
from cencomm_client.roles import Roles
from cencomm_client.station import Station
from cencomm_client.tasks import BLOCKED, TaskBook
from cencomm_client.warning_time import ends_warnings
from cencomm_client.work.threads import KeptThreads

_SEALED = ("message", "drop")


class OperationView:
    """State, items and keys of one operation; `take` is called for each verified step."""

    def __init__(self, station: Station, log: LogId) -> None:
        self.log = log
        self.feed = Feed()
        self.keyring = Keyring(station.vault, log)
        self.forms = FormLibrary(data_folder(station.vault.path))
        self.roles = Roles()
        """Who was what, and when."""
        self._station = station
        self._reader = self._new_reader()
        self._withheld: set[bytes] = set()  # leaves of what others read
        self._changes: list[int] = []  # places of phase changes
        self._warned_until: int | None = None  # place after which no warnings are written
        self._own: dict[EntryId, Sequenced] = {}
        self._sealed: defaultdict[tuple[ChannelId, int], list[int]] = defaultdict(list)
        self._counts: Counter[tuple[ChannelId, int]] = Counter()
        self.forgotten = False
        """Whether this process has forgotten what was erased; see `erasing`"""
        self._own_decision = -1  # seq of the last control entry that this device signed
        self._threads: Callable[[], KeptThreads | None] = lambda: None
        with all_of_it_stays():
            self._load()

    @property
    def state(self) -> OperationState:
        """The newest verified state."""
        return self._station.mirror.operation(self.log).state

    @property
    def form_set(self) -> FormSet:
        """The forms of this operation, or the base set where this device lacks them."""
        return self.forms.of(self.state.genesis["forms"])

    @property
    def lacks_forms(self) -> bool:
        """Whether the genesis names a set of forms that this device does not hold."""
        return self.forms.find(self.state.genesis["forms"]) is None

    def channels(self) -> list[Channel]:
        """The channels that this person is in."""
        return list(self.state.channels_of(self._station.vault.person))

    def expect_right(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The content of an own correction or withdrawal as it is sealed; see `CorrectionBook`."""
        author = self._reader.author(self._station.vault.device, self._station.directory)
        return self._corrections.expect_right(content, author)

    def threads(self) -> KeptThreads:
        """Which entries belong together: made for the first who asks, one for all who hold it,
        let go of with the last."""
        found = self._threads()
        if found is None:
            found = KeptThreads(self.feed)
            self._threads = ref(found)
        return found

    def own_entry(self, entry: EntryId) -> Sequenced | None:
        """An entry of this device, where the verified log holds it."""
        return self._own.get(entry)

    @property
    def own_decision(self) -> bool:
        """Whether this device signed the newest control entry: its client goes first."""
        return self._own_decision >= 0 and self._own_decision == self.state.last_control

    def standing(self) -> Standing:
        """What the deciders need to know, now."""
        vault, state = self._station.vault, self.state
        channels = list(state.channels.values())
        return Standing(
            state=state,
            directory=self._station.directory,
            device=vault.device,
            person=vault.person,
            now=self._station.now(),
            epochs={channel.id: self._note(channel) for channel in channels if channel.epoch},
            keys={
                channel.id: self.keyring.held(state, channel.id)
                for channel in channels
                if channel.epoch
            },
            bad_grants=frozenset(self.keyring.bad_grants),
        )

    # -- taking steps -------------------------------------------------------------------------

    def take(self, update: Update) -> None:
        """Take a verified step of this log."""
        self.forgotten = False  # it may bring bodies that are to be forgotten too
        if update.rebuilt:
            self.keyring.begin_anew()
            self.feed.begin_anew()
            self._reader = self._new_reader()
            self._own_decision = -1
        if update.completed or update.rebuilt:
            self._reload()
            return
        made: list[Item] = []
        state = self.state
        for found, outcome in zip(update.items, update.outcomes, strict=True):
            rejected = outcome if isinstance(outcome, Rejected) else None
            if rejected is None:
                self._index(found)
            made += self._made(found, rejected, state)
        self._put(made)
        self.judge()

    def directory_moved(self, before_at: int) -> None:
        """Look again at entries since server time `before_at`: a revocation flags them."""
        touched = [
            item.place.seq
            for item in self.feed.items()
            if isinstance(item, Message) and item.place.at >= before_at
        ]
        self._remake(touched)

    def learned(self, channel: ChannelId, epochs: Iterable[int]) -> None:
        """Secrets came: judge their rotates and show what they open."""
        self.judge()
        seqs = [seq for n in epochs for seq in self._sealed[channel, n]]
        self._remake(sorted({*seqs, *self._changes}))  # they may bring tasks to light

    def judge(self) -> None:
        """Recompute the rotates whose secret is here and that nobody judged yet (A18, A22)."""
        state, history = self.state, self._station.mirror.directory
        for channel in self.channels():
            for n in self.keyring.unjudged(state, channel.id):
                judged = self.keyring.judge(state, channel.id, n, history)
                if judged.verdict is Verdict.BAD:
                    self.feed.put([self._bad_epoch(channel, n, f"{judged.reason} is wrong")])

    def forget(self) -> None:
        """Forget names, and what was said, in this process: `erasing` took them from the files."""
        self._reader = self._new_reader()
        self._reload()
        self.feed.forget_replaced()
        self.forgotten = True

    def notice(self, code: str, detail: str, seq: int | None = None) -> None:
        """Tell the person something that is no entry."""
        self.feed.put([Notice(code, detail, self.log, self._station.now(), seq)])

    def bad_wrap(self, channel: Channel, n: int, detail: str) -> None:
        """Alarm: what came as this device's wrap of an epoch is not it (A18; of a grant A44)."""
        epoch = channel.epochs[n]
        row = "A44" if self._station.vault.device in epoch.grants else "A18"
        detail = f"epoch {n}: {detail}"
        self.feed.put([Alarm("wrap_damaged", detail, self.log, epoch.at, epoch.seq, row)])

    def failed(self, error: CencommError) -> None:
        """Tell of an alarm that stopped the log, or of a session that ended."""
        now, code = self._station.now(), str(error.code)
        row = getattr(error, "row", None)
        if row is None:
            self.notice(code, error.detail)
        else:
            self.feed.put([Alarm(code, error.detail, self.log, now, None, row)])

    # -- inside -------------------------------------------------------------------------------

    def _new_reader(self) -> Reader:
        people = people_of(lambda: self._station.directory, self.roles)
        self.names, self.tasks = Names(), TaskBook(people)
        reader = Reader(
            self.log, self.keyring, self.names, self.forms, self._station.now, self.roles
        )
        self._corrections = CorrectionBook(
            lambda: self.form_set, reader.first, lambda leaf: leaf in self._withheld
        )
        return reader

    def _load(self) -> None:
        mirror = self._station.mirror
        rejected = mirror.rejected(self.log)
        found = list(mirror.items(self.log))
        if not found:  # nothing is held yet, nor any state
            return
        state = self.state
        for item in found:
            if item.seq not in rejected:
                self._index(item)
        first = [item for item in found if item.scope == state.main]
        for item in first:  # names before all else, so that every item shows them
            self._reader.item(item, rejected.get(item.seq), state, mirror.directory)
        told = counted(found, Stage.OPENING, len(found), self._station.settings.progress)
        self._put(made for item in told for made in self._made(item, rejected.get(item.seq), state))
        self.judge()

    def _reload(self) -> None:
        """Older entries came whole, or lost their effect: all is read again."""
        for known in (self._own, self._sealed, self._counts, self._changes, self._withheld):
            known.clear()
        self.roles.clear()
        self._warned_until = None
        self._load()

    def _made(
        self, found: Sequenced, rejected: Rejected | None, state: OperationState
    ) -> list[Item]:
        """The items of a place in the log; `state` is the newest."""
        item = self._reader.item(found, rejected, state, self._station.mirror.directory)
        if item is None:
            return []
        if isinstance(item, Message):
            item = self._with_time(item)
            self._corrections.take(item)
        entry = found.entry
        granted = rejected is None and entry is not None and entry.header.type == "channel.grant"
        if granted and entry is not None and entry.body is not None:
            chan = ChannelId(found.scope)
            if not self.keyring.judge_grant(state, chan, entry.body):
                return [item, self._bad_grant(found)]
        return [item]

    def _with_tasks(self, item: Item) -> Item:
        """Flag a phase change that another client authored over open mandatory tasks."""
        if not isinstance(item, Control) or item.type not in BLOCKED:
            return item
        if not self.tasks.mandatory(item.place.seq):
            return item
        return replace(item, flags=item.flags | {Flag.OPEN_TASKS})

    def _with_time(self, item: Message) -> Message:
        """Flag a warning that another client wrote after LIVE, or that came in late."""
        until = self._warned_until
        if until is None or item.kind != WARNING or item.place.seq < until:
            return item
        return replace(item, flags=item.flags | {Flag.LATE_WARNING})

    def _index(self, found: Sequenced) -> None:
        entry = found.entry
        if entry is None:
            self._withheld.add(found.leaf)
            return
        header = entry.header
        self.roles.take(found, self.state.author)
        if header.device == self._station.vault.device:
            self._own[header.id] = found
            if header.chan is None:
                self._own_decision = found.seq
        if header.type in BLOCKED:
            self._changes.append(found.seq)
            if ends_warnings(header.type, entry.body or {}):
                self._warned_until = found.seq
        if header.type in _SEALED and header.chan is not None and header.epoch is not None:
            self._counts[header.chan, header.epoch] += 1
            self._sealed[header.chan, header.epoch].append(found.seq)

    def _remake(self, seqs: Iterable[int]) -> None:
        mirror, state = self._station.mirror, self.state
        rejected = mirror.rejected(self.log)
        made: list[Item] = []
        for seq in seqs:
            for found in mirror.items(self.log, seq, seq + 1):
                made += self._made(found, rejected.get(seq), state)
        self._put(made)

    def _put(self, made: Iterable[Item]) -> None:
        """Show items, and anew the corrections that they make right or wrong, and the phase changes
        before which these counted."""
        items = list(made)
        anew = self._corrections.judge()
        shown = self._corrections.shown
        items = [shown(item) if isinstance(item, Message) else item for item in items]
        messages = [item for item in items if isinstance(item, Message)]
        for item in messages:
            self.tasks.note(item)
        self.feed.put(map(self._with_tasks, items))
        anew.difference_update(item.place.seq for item in messages)
        if anew:
            self._remake(sorted({*anew, *self._changes}))

    def _note(self, channel: Channel) -> EpochNote:
        n = channel.epoch
        judged = self.keyring.judged(channel.id, n)
        return EpochNote(
            n,
            judged.verdict,
            self._counts[channel.id, n],
            judged.reason,
            n in channel.flagged,
        )

    def _bad_epoch(self, channel: Channel, n: int, detail: str) -> Alarm:
        epoch = channel.epochs[n]
        return Alarm("rotation_mismatch", detail, self.log, epoch.at, epoch.seq, "A18")

    def _bad_grant(self, found: Sequenced) -> Alarm:
        detail = "the granted wrap does not recompute"
        return Alarm("rotation_mismatch", detail, self.log, found.at, found.seq, "A44")
