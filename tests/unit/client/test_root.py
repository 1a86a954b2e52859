"""Root ceremonies: key files, drafts from hand to hand, and what a root refuses to sign."""

from __future__ import annotations

from pathlib import Path

import pytest
from cencomm_client.contact_point import NcpRequest, create_ncp_vault
from cencomm_client.errors import (
    DraftDamaged,
    FileError,
    RequestDamaged,
    RootFileExists,
    RootFilePassphrase,
    RootRefused,
)
from cencomm_client.root import ceremony
from cencomm_client.root.draft import Draft
from cencomm_client.root.keyfile import RootKey, RootKind
from cencomm_crypto.errors import ErrorCode, Rejected
from cencomm_crypto.public.entry import Entry, Head
from cencomm_crypto.public.keys import SigningKey, admin_id
from cencomm_crypto.public.replay import DirectoryLog
from cencomm_crypto.public.wire import sequence

from tests.support.vaults import PASSWORD, derive

NOW = 1_767_225_600_000
LOG_KEY = SigningKey.from_seed(b"l" * 32)


class Ceremony:
    """Three custodians, two of whom decide; a directory that takes what they sign."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.custodians = [
            RootKey.create(
                folder / f"custodian {number}",
                PASSWORD,
                RootKind.GOVERNANCE,
                f"Custodian {number}",
                derive=derive,
            )
            for number in range(3)
        ]
        self.keys = [root.public for root in self.custodians]
        self.log = DirectoryLog()
        self.now = NOW

    def head(self) -> Head:
        return Head(self.log.size, self.log.tree.root())

    def apply(self, entry: Entry) -> Rejected | None:
        self.now += 1000
        result = self.log.apply(sequence(self.log.size, self.now, entry))
        return result if isinstance(result, Rejected) else None

    def found(self) -> bytes:
        draft = ceremony.draft_genesis(
            self.custodians[0],
            name="cencomm.example",
            log_key=LOG_KEY.public,
            keys=self.keys,
            k=2,
        )
        for root in self.custodians[:2]:
            draft = ceremony.sign(Draft.parse(draft.text()), root)
        entry = ceremony.complete(draft, self.custodians[0], self.head(), self.now)
        assert self.apply(entry) is None
        directory = ceremony.directory_id_of(entry)
        for root in self.custodians:
            root.adopt(directory)
        return directory

    def govern(self, decision: ceremony.Decision, signers: tuple[int, ...] = (2, 0)) -> Entry:
        draft = ceremony.draft(self.custodians[0], decision, keys=self.keys, k=2)
        for number in signers:
            draft = ceremony.sign(Draft.parse(draft.text()), self.custodians[number])
        return ceremony.complete(draft, self.custodians[0], self.head(), self.now)

    def administration(self, code: str) -> RootKey:
        root = RootKey.create(
            self.folder / code, PASSWORD, RootKind.ADMINISTRATION, code, derive=derive
        )
        root.adopt(self.log.id32)
        assert self.apply(self.govern(ceremony.add_administration(code, root.public))) is None
        return root


@pytest.fixture
def made(tmp_path: Path) -> Ceremony:
    return Ceremony(tmp_path)


def test_a_directory_is_founded_and_an_ncp_appointed_away_from_the_server(
    made: Ceremony, tmp_path: Path
) -> None:
    directory = made.found()
    root = made.administration("FR")
    vault, request = create_ncp_vault(
        tmp_path / "vault",
        PASSWORD,
        directory_id=directory,
        code="FR-001",
        server_url="https://cencomm.example",
        clock=lambda: made.now,
        derive=derive,
    )
    request = NcpRequest.parse(request.text())
    assert len(request.fingerprint.split()) == 4
    draft = ceremony.draft(root, ceremony.appoint_ncp(root.admin, request))
    signed = ceremony.sign(draft, root)
    assert made.apply(ceremony.complete(signed, root, made.head(), made.now)) is None

    state = made.log.state
    person = state.person_by_code("FR-001")
    assert person is not None
    assert person.ncp
    assert state.active(vault.device)
    device = state.device(vault.device)
    assert device is not None
    assert (device.sign_pk, device.box_pk) == (vault.device_key.public, vault.box_key.public)


def test_every_decision_is_one_that_the_directory_takes(made: Ceremony) -> None:
    made.found()
    france, spain = made.administration("FR"), made.administration("ES")
    fresh = SigningKey.from_seed(b"n" * 32).public
    vault, request = create_ncp_vault(
        made.folder / "vault",
        PASSWORD,
        directory_id=made.log.id32,
        code="FR-001",
        server_url="https://cencomm.example",
        clock=lambda: made.now,
        derive=derive,
    )
    appointment = ceremony.draft(france, ceremony.appoint_ncp(france.admin, request))
    entry = ceremony.complete(ceremony.sign(appointment, france), france, made.head(), made.now)
    assert made.apply(entry) is None
    for decision in (
        ceremony.grant_role(vault.person),
        ceremony.withdraw_role(vault.person),
        ceremony.suspend_administration(spain.admin),
        ceremony.resume_administration(spain.admin),
        ceremony.set_log_key(SigningKey.from_seed(b"m" * 32).public),
        ceremony.set_witnesses(ceremony.NO_WITNESSES),
        ceremony.rekey_administration(spain.admin, fresh),
        ceremony.rekey_governance([*made.keys[1:], made.keys[0]], 2),
    ):
        assert made.apply(made.govern(decision)) is None, decision.type
    dismissal = ceremony.draft(france, ceremony.dismiss_ncp(france.admin, vault.person))
    entry = ceremony.complete(ceremony.sign(dismissal, france), france, made.head(), made.now)
    assert made.apply(entry) is None
    assert made.log.state.administration(spain.admin).root_pk == fresh  # type: ignore[union-attr]


def test_too_few_signatures_are_not_published(made: Ceremony) -> None:
    made.found()
    with pytest.raises(RootRefused, match="1 more"):
        made.govern(ceremony.add_administration("FR", b"x" * 32), signers=(1,))


def test_a_second_body_under_one_serial_is_not_signed(made: Ceremony) -> None:
    made.found()
    first = ceremony.draft(
        made.custodians[0], ceremony.add_administration("FR", b"x" * 32), keys=made.keys, k=2
    )
    second = ceremony.draft(
        made.custodians[0], ceremony.add_administration("ES", b"y" * 32), keys=made.keys, k=2
    )
    root = made.custodians[1]
    once = ceremony.sign(first, root)
    assert ceremony.sign(first, root) == once
    with pytest.raises(RootRefused, match="another body under serial 1"):
        ceremony.sign(second, root)
    root.close()
    again = RootKey.open(root.path, PASSWORD, derive=derive)
    with pytest.raises(RootRefused):
        ceremony.sign(second, again)
    assert ceremony.sign(second, again, replace=True).sigs


def test_an_older_serial_is_not_signed_unseen(made: Ceremony) -> None:
    made.found()
    root = made.custodians[0]
    later = ceremony.draft(
        root, ceremony.add_administration("FR", b"x" * 32), keys=made.keys, k=2, serial=5
    )
    ceremony.sign(later, root)
    assert root.serial == 5
    earlier = ceremony.draft(
        root, ceremony.add_administration("ES", b"y" * 32), keys=made.keys, k=2, serial=3
    )
    with pytest.raises(RootRefused, match="lies before 5"):
        ceremony.sign(earlier, root)


def test_a_drafter_who_does_not_sign_counts_on(made: Ceremony) -> None:
    made.found()
    for code in ("FR", "ES", "PT"):
        key = SigningKey.from_seed(code.encode() * 16).public
        entry = made.govern(ceremony.add_administration(code, key), signers=(1, 2))
        assert made.apply(entry) is None


def test_a_replayed_decision_is_rejected_by_the_directory(made: Ceremony) -> None:
    made.found()
    entry = made.govern(ceremony.add_administration("FR", SigningKey.from_seed(b"f" * 32).public))
    assert made.apply(entry) is None
    rejected = made.apply(entry)
    assert rejected is not None
    assert rejected.code in (ErrorCode.BAD_SERIAL, ErrorCode.DUPLICATE_ID)


def test_a_root_signs_only_what_is_its_own(made: Ceremony, tmp_path: Path) -> None:
    made.found()
    root = made.administration("FR")
    with pytest.raises(RootRefused):
        ceremony.draft(root, ceremony.suspend_administration(root.admin))
    governed = ceremony.draft(
        made.custodians[0], ceremony.suspend_administration(root.admin), keys=made.keys, k=2
    )
    with pytest.raises(RootRefused, match="another root's"):
        ceremony.sign(governed, root)
    stranger = RootKey.create(
        tmp_path / "stranger", PASSWORD, RootKind.GOVERNANCE, "Stranger", derive=derive
    )
    with pytest.raises(RootRefused, match="another root's"):
        ceremony.sign(governed, stranger)
    with pytest.raises(RootRefused, match="no directory yet"):
        ceremony.draft(stranger, ceremony.suspend_administration(root.admin))
    with pytest.raises(RootRefused, match="another directory"):
        root.adopt(b"z" * 32)


def test_only_who_drafted_publishes(made: Ceremony) -> None:
    made.found()
    draft = ceremony.draft(
        made.custodians[0],
        ceremony.add_administration("FR", SigningKey.from_seed(b"f" * 32).public),
        keys=made.keys,
        k=2,
    )
    for root in made.custodians[:2]:
        draft = ceremony.sign(draft, root)
    with pytest.raises(RootRefused, match="the one that publishes"):
        ceremony.complete(draft, made.custodians[1], made.head(), made.now)


def test_every_changed_letter_of_a_draft_is_named(made: Ceremony) -> None:
    made.found()
    draft = ceremony.draft(
        made.custodians[0], ceremony.add_administration("FR", b"x" * 32), keys=made.keys, k=2
    )
    text = ceremony.sign(draft, made.custodians[0]).text()
    assert Draft.parse(f" {text[:50]}\n{text[50:]} ").text() == text
    for place in range(0, len(text), 3):
        bad = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(DraftDamaged):
            Draft.parse(bad)
    for bad in ("", text[:-1], text + "A", "cencomm1-" + text):
        with pytest.raises(DraftDamaged):
            Draft.parse(bad)


def test_a_changed_signature_is_named_before_anybody_signs_on(made: Ceremony) -> None:
    made.found()
    draft = ceremony.draft(
        made.custodians[0], ceremony.add_administration("FR", b"x" * 32), keys=made.keys, k=2
    )
    signed = ceremony.sign(draft, made.custodians[0])
    forged = Draft(
        signed.type, signed.directory, {**signed.body, "code": "ES"}, signed.keys, 2, signed.sigs
    )
    with pytest.raises(DraftDamaged):
        Draft.parse(forged.text())
    with pytest.raises(DraftDamaged):
        ceremony.sign(forged, made.custodians[1])


def test_every_changed_letter_of_an_ncps_request_is_named(made: Ceremony) -> None:
    directory = made.found()
    vault, request = create_ncp_vault(
        made.folder / "vault",
        PASSWORD,
        directory_id=directory,
        code="FR-001",
        server_url="https://cencomm.example",
        clock=lambda: NOW,
        derive=derive,
    )
    text = request.text()
    assert NcpRequest.parse(text) == request
    for place in range(0, len(text), 3):
        bad = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(RequestDamaged):
            NcpRequest.parse(bad)
    claimed = NcpRequest(
        request.directory,
        request.person,
        request.code,
        request.sign_pk,
        SigningKey.from_seed(b"q" * 32).public,
        request.proof,
    )
    with pytest.raises(RequestDamaged):
        NcpRequest.parse(claimed.text())
    vault.close()


def test_a_root_file_keeps_its_key_and_names_every_flipped_byte(tmp_path: Path) -> None:
    path = tmp_path / "root"
    root = RootKey.create(path, PASSWORD, RootKind.ADMINISTRATION, "France", derive=derive)
    public, poster = root.public, root.poster
    root.close()
    about = RootKey.peek(path)
    assert (about.kind, about.label, about.public) == (RootKind.ADMINISTRATION, "France", public)
    with RootKey.open(path, PASSWORD, derive=derive) as again:
        assert (again.public, again.poster, again.admin) == (public, poster, admin_id(public))
    with pytest.raises(RootFileExists):
        RootKey.create(path, PASSWORD, RootKind.ADMINISTRATION, "France", derive=derive)
    with pytest.raises(RootFilePassphrase):
        RootKey.open(path, "wrong", derive=derive)
    good = path.read_bytes()
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 0x20
        path.write_bytes(bad)
        with pytest.raises(FileError) as caught:
            RootKey.open(path, PASSWORD, derive=derive)
        assert caught.value.code in ("root_file_damaged", "root_file_format")
        assert path.read_bytes() == bad


def test_the_successor_of_an_administrations_root_signs_for_it(made: Ceremony) -> None:
    made.found()
    root = made.administration("FR")
    heir = RootKey.create(
        made.folder / "heir", PASSWORD, RootKind.ADMINISTRATION, "France", derive=derive
    )
    heir.adopt(made.log.id32)
    heir.succeed(root.public)
    assert made.apply(made.govern(ceremony.rekey_administration(root.admin, heir.public))) is None
    assert heir.admin == root.admin
    _, request = create_ncp_vault(
        made.folder / "vault",
        PASSWORD,
        directory_id=made.log.id32,
        code="FR-001",
        server_url="https://cencomm.example",
        clock=lambda: made.now,
        derive=derive,
    )
    serial = made.log.state.admins[root.admin].serial + 1
    draft = ceremony.draft(heir, ceremony.appoint_ncp(heir.admin, request), serial=serial)
    entry = ceremony.complete(ceremony.sign(draft, heir), heir, made.head(), made.now)
    assert made.apply(entry) is None
