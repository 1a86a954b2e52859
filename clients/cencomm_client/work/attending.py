"""The desk over an operation that a client has open: who is who, and what comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cencomm_crypto.public.directory.state import DirectoryState
from cencomm_crypto.public.ids import AdminId
from cencomm_crypto.public.operation.state import OperationState
from cencomm_crypto.public.rights import SENDING

from cencomm_client.collecting import all_of_it_stays
from cencomm_client.follow import Cursor, Feed
from cencomm_client.handling import granting
from cencomm_client.items import Control, Item, Message
from cencomm_client.people import people_of
from cencomm_client.verifier import Clock
from cencomm_client.view import OperationView
from cencomm_client.work.chain import Who
from cencomm_client.work.clocks import Clocks
from cencomm_client.work.desk import Desk
from cencomm_client.work.timeline import TURNS, timeline_of

Directories = Callable[[], DirectoryState]
"""Gives the newest verified directory."""


class Attendant:
    """Keeps a `Desk` in step with a view: call `refresh` before you look.

    Takes only what came since; begins anew where the view did (entries lost their effect), and
    where the operation's course changed, which all times follow: it was suspended or went on, a
    phase began, two sides made it longer.
    """

    def __init__(self, view: OperationView, directory: Directories, clock: Clock) -> None:
        self._view, self._directory, self._clock = view, directory, clock
        self._owing: tuple[int, dict[str, int]] = (-1, {})
        self._cursor = Cursor(view.feed)
        self._threads = view.threads()
        self._begin(self._cursor.came()[0])

    def refresh(self) -> Desk:
        """The desk with everything that this device has read."""
        items, anew = self._cursor.came()
        if not anew:
            self._turns |= _turns(items)
            anew = timeline_of(self._view.state, self._turns.values()) != self._timeline
            if anew:
                self._cursor.rewind()
                items, _ = self._cursor.came()
        if anew:
            self._begin(items)
        else:
            self._threads.refresh()
            for item in items:
                self.desk.note(item)
        return self.desk

    def now(self) -> int:
        """Own clock or the log's time, whichever is later: ends count from `at`."""
        return max(self._clock(), self._view.state.at)

    def _begin(self, items: Sequence[Item]) -> None:
        state = self._view.state
        people = people_of(self._directory, self._view.roles)
        who = Who(people, self._owing_now, self._may_grant)
        self._turns = _turns(items)
        self._timeline = timeline_of(state, self._turns.values())
        with all_of_it_stays():
            threads = self._threads.refresh()
            self.desk = Desk(Clocks.of(state.genesis), self._timeline, who, threads)
            for item in items:
                self.desk.note(item)
            self.desk.settle()

    # -- who ----------------------------------------------------------------------------------

    def _may_grant(self, release: Message) -> bool:
        return granting(self._view.roles, release)

    def _owing_now(self) -> dict[str, int]:
        """Administrations with somebody who may post, since when; anew after each decision."""
        state = self._view.state
        decided, owing = self._owing
        if decided != state.last_control:
            owing = owing_administrations(state, self._directory(), self._view.feed)
            self._owing = state.last_control, owing
        return owing


def _turns(items: Iterable[Item]) -> dict[int, Control]:
    """Entries that start or stop clocks, by their place; later versions take the earlier's."""
    return {one.place.seq: one for one in items if isinstance(one, Control) and one.type in TURNS}


def owing_administrations(
    state: OperationState, directory: DirectoryState, feed: Feed
) -> dict[str, int]:
    """Code -> when its first posting member was admitted, ms; of a code that is given again, when
    that of its present bearer was."""
    first: dict[AdminId, int] = {}
    for member in state.members.values():
        if member.role in SENDING:
            first[member.admin] = min(first.get(member.admin, member.admitted), member.admitted)
    found: dict[str, int] = {}
    for admin, seq in first.items():
        known, item = directory.administration(admin), feed.at(seq)
        bearer = None if known is None else directory.administration_by_code(known.code)
        if known is not None and (bearer is None or bearer.id == admin):
            found[known.code] = item.place.at if isinstance(item, Control) else state.window[0]
    return dict(sorted(found.items()))
