"""Which entries belong together: by `re`, by what a form names, one message sealed anew or not.

Entries may come in any order, and again under the same leaf when they became readable; each
step moves only what hangs on the entry that came.
"""

from __future__ import annotations

from cencomm_client.follow import Cursor, Feed
from cencomm_client.items import Message
from cencomm_client.profiles import KIND as PROFILE
from cencomm_client.work import reading
from cencomm_client.work.changes import CHANGING, Changes, target_of


class Threads:
    """Every message by leaf, its chain, and the changes of each.

    Holds references to the messages, no copies. An entry costs a few look-ups, and as many more as
    entries move with it: none, but where it came before what it answers.
    """

    def __init__(self) -> None:
        self.changes = Changes()
        self._touched: dict[bytes, int] = {}  # root -> when, as a count; last touched last
        self._touches = 0
        self._messages: dict[bytes, Message] = {}
        self._first: dict[tuple[bytes, bytes], bytes] = {}  # (device, mid) -> leaf
        self._same: dict[bytes, bytes] = {}  # leaf of a message sealed anew -> the first one's
        self._root: dict[bytes, bytes] = {}
        self._chains: dict[bytes, dict[bytes, None]] = {}  # root -> its entries, itself too
        self._parent: dict[bytes, bytes] = {}
        self._children: dict[bytes, dict[bytes, None]] = {}
        self._adopted: dict[bytes, bytes] = {}  # a SZR that a FBK names, without `re` of its own

    def message(self, leaf: bytes) -> Message | None:
        """The message of a leaf; of one that was sealed anew, the first."""
        return self._messages.get(self.canonical(leaf))

    def messages(self) -> list[Message]:
        """All of them in the log's order, each once."""
        return sorted(self._messages.values(), key=lambda one: one.place.seq)

    def canonical(self, leaf: bytes) -> bytes:
        """The leaf under which the entry is kept."""
        return self._same.get(leaf, leaf)

    def root_of(self, leaf: bytes) -> bytes | None:
        """The chain that an entry is in."""
        return self._root.get(self.canonical(leaf))

    def members(self, root: bytes) -> list[Message]:
        """The entries of a chain in the log's order, without what started it."""
        found = [self._messages[leaf] for leaf in self._chains.get(root, ()) if leaf != root]
        return sorted(found, key=lambda one: one.place.seq)

    def answers(self, leaf: bytes) -> list[Message]:
        """The direct answers to an entry in the log's order, those that start a chain too."""
        children = self._children.get(self.canonical(leaf), ())
        found = [self._messages[child] for child in children if child in self._messages]
        return sorted(found, key=lambda one: one.place.seq)

    def alive(self, root: bytes) -> bool:
        """Whether this still starts a chain."""
        return root in self._chains

    def touched_since(self, mark: int) -> tuple[list[bytes], int]:
        """The chains to make anew for who has read up to `mark` (0: nothing), and the next mark.

        For any number of readers at their own pace: each chain once, last touched last; one may
        be gone (`alive`).
        """
        found: list[bytes] = []
        for root in reversed(self._touched):
            if self._touched[root] < mark:
                break
            found.append(root)
        found.reverse()
        return found, self._touches

    def take(self, message: Message) -> None:
        """A message, or a later version of one."""
        leaf = message.place.leaf
        if message.mid is not None and message.content is not None:
            first = self._first.setdefault((message.author.device, message.mid), leaf)
            if first != leaf:
                self._sealed_anew(leaf, first)
                return
        self._messages[leaf] = message
        self._link(message)

    def _sealed_anew(self, leaf: bytes, first: bytes) -> None:
        """Whatever names the later bytes means the first message."""
        if leaf in self._same:
            return
        self._same[leaf] = first
        self._forget(leaf)
        self.changes.moved(leaf, first)
        for child in list(self._children.pop(leaf, {})):
            self._link(self._messages[child])
        self._touch(self._root.get(first, first))

    def _link(self, message: Message) -> None:
        leaf = message.place.leaf
        content = message.content or {}
        if message.kind in CHANGING:
            about = target_of(message)
            parent = None if about is None else self.canonical(about)
            if parent is not None:
                self.changes.take(message, parent)
        else:
            named = message.re or reading.answered(content) or self._adopted.get(leaf)
            parent = None if named is None else self.canonical(named)
        before = self._parent.pop(leaf, None)
        if before is not None and before != parent:
            self._children.get(before, {}).pop(leaf, None)
        if parent is not None and parent != leaf:
            self._parent[leaf] = parent
            self._children.setdefault(parent, {})[leaf] = None
        self._place(leaf)
        if message.kind == reading.FEEDBACK:
            self._adopt(message, content)

    def _adopt(self, feedback: Message, content: reading.Content) -> None:
        """A SZR that answers nothing itself joins the chain of the FBK that names it."""
        named = reading.seizure_of(content)
        seizure = None if named is None else self.message(named)
        if seizure is None or seizure.place.leaf in self._parent:
            return
        if seizure.author.is_of(feedback.author):
            self._adopted[seizure.place.leaf] = feedback.place.leaf
            self._link(seizure)

    def _place(self, leaf: bytes) -> None:
        """Put an entry, and all that hangs on it, into its chain."""
        waiting = [leaf]
        while waiting:
            one = waiting.pop()
            message = self._messages.get(one)
            if message is None:
                continue
            parent = self._parent.get(one)
            above = None if parent is None else self._root.get(parent)
            starts = above is None or reading.starts(message.kind, message.content or {})
            root = one if starts or above is None else above
            if above is not None:
                self._touch(above)  # also of an offshoot
            self._touch(root)
            if self._root.get(one) == root:
                continue
            self._forget(one, keep=True)
            self._root[one] = root
            self._chains.setdefault(root, {})[one] = None
            waiting += self._children.get(one, {})

    def _forget(self, leaf: bytes, *, keep: bool = False) -> None:
        """Take an entry out of its chain."""
        before = self._root.pop(leaf, None)
        if before is not None:
            members = self._chains.get(before, {})
            members.pop(leaf, None)
            if not members:
                self._chains.pop(before, None)
            self._touch(before)
        if not keep:
            self._messages.pop(leaf, None)

    def _touch(self, root: bytes) -> None:
        self._touched.pop(root, None)
        self._touched[root] = self._touches
        self._touches += 1


class KeptThreads:
    """The threads of one operation in step with its feed: once, for all who read them.

    Holds one `Threads`; a step costs what came with it, whoever asks first. Profiles are in no
    thread. Get it from `OperationView.threads`.
    """

    def __init__(self, feed: Feed) -> None:
        self._cursor = Cursor(feed)
        self._threads = Threads()

    def refresh(self) -> Threads:
        """The threads with everything that the feed holds; another object where the log was told
        anew: what was read from the earlier one counts no more."""
        items, anew = self._cursor.came()
        if anew:
            self._threads = Threads()
        for item in items:
            if isinstance(item, Message) and item.kind != PROFILE:
                self._threads.take(item)
        return self._threads
