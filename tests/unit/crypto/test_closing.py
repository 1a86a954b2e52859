"""A channel's end: close keys prove themselves and reach every epoch before (PROTOCOL 8.8)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from cencomm_crypto.errors import ErrorCode, ProtocolError
from cencomm_crypto.member import closing
from cencomm_crypto.member.closing import (
    close_body,
    reach,
    reveal_body,
    revealed,
    to_reveal,
    verify_reveal,
)
from cencomm_crypto.member.epoch import CloseKey, EpochSecret
from cencomm_crypto.member.escrow import open_share, recover
from cencomm_crypto.member.links import context_at, open_previous_close
from cencomm_crypto.public.bodies import parse_body
from cencomm_crypto.public.ids import ChannelId
from cencomm_crypto.public.operation.state import Epoch, OperationState
from hypothesis import given
from hypothesis import strategies as st

from tests.support.directory import DirectoryBuilder, HeldPerson
from tests.support.epochs import Epochs
from tests.support.operation import CLOSES, GRACE, OperationBuilder
from tests.support.sealing import bytes32, epoch, few, fixed


@dataclass
class Case:
    """One officer, a channel, and the epochs that a test makes in it."""

    operation: OperationBuilder
    epochs: Epochs
    officer: HeldPerson
    auditors: list[HeldPerson]
    work: ChannelId

    def end(self) -> None:
        """Let the window and its grace pass."""
        self.operation.wait_until(CLOSES + GRACE + 1)

    def reveal(self, secret: EpochSecret, by: HeldPerson | None = None) -> None:
        """Append a reveal."""
        entry = self.operation.author(
            "channel.reveal", reveal_body(secret), by or self.operation.creator, chan=self.work
        )
        self.operation.append(entry)


@pytest.fixture
def case() -> Case:
    directory = DirectoryBuilder()
    administrations = [directory.administration(code) for code in ("FR", "DE")]
    officer = directory.person(administrations[0])
    auditors = [directory.person(administration) for administration in administrations]
    operation = OperationBuilder(directory, auditors=auditors, k=2, history="none")
    operation.admit(officer, "officer")
    operation.start()
    work = operation.channel("work")
    return Case(operation, Epochs(operation), officer, auditors, work)


@given(bytes32)
@few
def test_a_close_key_proves_itself_against_its_epoch_only(false: bytes) -> None:
    secret, other = epoch(1), epoch(2)
    kc = secret.close_key.key
    assert verify_reveal(kc, secret.context, secret.close_commit) == secret.close_key
    for wrong in (
        (false, secret.context, secret.close_commit),
        (kc, other.context, secret.close_commit),
        (kc, secret.context, other.close_commit),
        (kc[:31], secret.context, secret.close_commit),
    ):
        with pytest.raises(ProtocolError) as caught:
            verify_reveal(*wrong)
        assert caught.value.code is ErrorCode.BAD_COMMIT


def test_close_and_reveal_name_the_epoch_and_its_key(case: Case) -> None:
    secret = case.epochs.rotate(case.work)
    body = close_body(secret)
    assert body == reveal_body(secret) == {"n": 1, "kc": secret.close_key.key}
    assert parse_body("channel.close", body) == body
    close = case.operation.author("channel.close", body, case.operation.creator, chan=case.work)
    case.operation.append(close)  # the public rules agree
    assert set(revealed(case.operation.state, case.work).keys) == {1}


def test_the_newest_close_key_reaches_every_epoch_without_their_secrets(case: Case) -> None:
    secrets = [case.epochs.rotate(case.work) for _ in range(5)]
    case.end()
    case.reveal(secrets[-1])
    reached = revealed(case.operation.state, case.work)
    assert dict(reached.keys) == {secret.context.n: secret.close_key for secret in secrets}
    assert (reached.broken, reached.missing) == ((), ())


def test_nothing_newer_than_the_revealed_epoch_is_reached(case: Case) -> None:
    secrets = [case.epochs.rotate(case.work) for _ in range(4)]
    reached = reach(case.operation.state, case.work, [secrets[1].close_key])
    assert sorted(reached.keys) == [1, 2]
    assert reached.missing == (3, 4)


def test_a_bad_epoch_is_a_head_like_any_other(case: Case) -> None:
    first = case.epochs.rotate(case.work)
    second = case.epochs.rotate(case.work, prev_close=bytes(48))  # claims to link the first
    third = case.epochs.rotate(case.work, previous=first)
    due = to_reveal(case.operation.state, case.work, [first, second, third])
    assert [secret.context.n for secret in due] == [3, 2]
    case.end()
    for secret in due:
        case.reveal(secret)
    reached = revealed(case.operation.state, case.work)
    assert sorted(reached.keys) == [1, 2, 3]
    assert reached.broken == ()


def test_what_a_bad_epoch_only_claims_to_link_is_revealed_by_itself(case: Case) -> None:
    first = case.epochs.rotate(case.work)
    second = case.epochs.rotate(case.work, prev_close=bytes(48))
    due = to_reveal(case.operation.state, case.work, [first, second])
    assert [secret.context.n for secret in due] == [2, 1]
    reached = reach(case.operation.state, case.work, [second.close_key])
    assert (reached.broken, reached.missing) == ((2,), (1,))


def test_what_is_to_be_revealed_opens_each_epoch_once(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month has thousands of epochs, and all clients close in the same minute."""
    secrets = [case.epochs.rotate(case.work) for _ in range(12)]
    opened: list[int] = []

    def counted(state: OperationState, key: CloseKey, rotate: Epoch) -> CloseKey:
        opened.append(rotate.n)
        return open_previous_close(state, key, rotate)

    monkeypatch.setattr(closing, "open_previous_close", counted)
    assert to_reveal(case.operation.state, case.work, secrets) == (secrets[-1],)
    assert sorted(opened) == list(range(2, 13))


def test_who_left_early_reveals_what_it_holds_and_nothing_twice(case: Case) -> None:
    first = case.epochs.rotate(case.work)
    second = case.epochs.rotate(case.work)
    state = case.operation.state
    assert to_reveal(state, case.work, [first]) == (first,)
    case.end()
    case.reveal(second)
    assert to_reveal(case.operation.state, case.work, [first, second]) == ()


def test_a_secret_whose_close_commit_is_false_is_not_revealed(case: Case) -> None:
    secret = case.epochs.rotate(case.work, close_commit=bytes(32))
    assert to_reveal(case.operation.state, case.work, [secret]) == ()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.randoms(use_true_random=False))
@few
def test_every_epoch_is_reached_however_they_were_linked(
    choices: list[int], random: object
) -> None:
    """p is any earlier epoch; the reveals of all holders together reach all."""
    directory = DirectoryBuilder()
    operation = OperationBuilder(directory)
    operation.start()
    work = operation.channel("work")
    epochs = Epochs(operation)
    secrets: list[EpochSecret] = []
    for choice in choices:
        previous = secrets[choice % len(secrets)] if secrets and choice else None
        secrets.append(epochs.rotate(work, previous=previous))
    due = to_reveal(operation.state, work, secrets)
    reached = reach(operation.state, work, (secret.close_key for secret in due))
    assert reached.missing == ()
    assert reached.broken == ()
    heads = operation.state.channels[work].heads()
    assert sorted(secret.context.n for secret in due) == list(heads)


def test_auditors_open_every_epoch_from_one_reveal_and_their_shares(case: Case) -> None:
    """The whole way of an opening: nothing in it needs a member."""
    secrets = [case.epochs.rotate(case.work) for _ in range(3)]
    case.end()
    case.reveal(secrets[-1])
    state = case.operation.state
    for n, close_key in revealed(state, case.work).keys.items():
        rotate = case.epochs.epoch(case.work, n)
        shares = {}
        for auditor in case.auditors:
            ((x, w),) = case.epochs.shares_for(case.work, n, auditor)
            shares[x] = open_share(w, auditor.device.box, context_at(state, case.work, n))
        opening = recover(rotate.body["escrow"], close_key, shares, 2, 2, rotate.commit)
        assert opening.secret == secrets[n - 1]
        shares[1] = fixed("a lie")
        with pytest.raises(ProtocolError):
            recover(rotate.body["escrow"], close_key, shares, 2, 2, rotate.commit)
