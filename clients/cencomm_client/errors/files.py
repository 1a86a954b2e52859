"""Files of this device that cannot be used as they are; each is left unchanged."""

from __future__ import annotations

from cencomm_client.errors.codes import ClientCode, ClientError


class FileError(ClientError):
    """A file of this device that cannot be used as it is; the file is left unchanged."""


class VaultMissing(FileError):
    """No vault at this path."""

    code = ClientCode.VAULT_MISSING


class VaultExists(FileError):
    """`create` never overwrites a vault."""

    code = ClientCode.VAULT_EXISTS


class VaultLocked(FileError):
    """Another process has this vault open."""

    code = ClientCode.VAULT_LOCKED


class VaultDamaged(FileError):
    """Bytes of the vault changed or are missing."""

    code = ClientCode.VAULT_DAMAGED


class VaultFormat(FileError):
    """Not a vault, or one that a newer program wrote."""

    code = ClientCode.VAULT_FORMAT


class VaultPassword(FileError):
    """The password does not open this undamaged vault."""

    code = ClientCode.VAULT_PASSWORD


class ReplicaDamaged(FileError):
    """The replica was cut or changed; it can be set aside and fetched again."""

    code = ClientCode.REPLICA_DAMAGED


class ReplicaFormat(FileError):
    """Not a replica, or one that a newer program wrote."""

    code = ClientCode.REPLICA_FORMAT


class ReplicaBehind(FileError):
    """The replica holds less than the vault's checkpoint: an old copy was put back (A4)."""

    code = ClientCode.REPLICA_BEHIND
    row = "A4"


class ReplicaLocked(FileError):
    """Another process has this replica open."""

    code = ClientCode.REPLICA_LOCKED


class RootFileMissing(FileError):
    """No root key file at this path."""

    code = ClientCode.ROOT_FILE_MISSING


class RootFileExists(FileError):
    """A root key file is never overwritten."""

    code = ClientCode.ROOT_FILE_EXISTS


class RootFileLocked(FileError):
    """Another process has this root key file open."""

    code = ClientCode.ROOT_FILE_LOCKED


class RootFileDamaged(FileError):
    """Bytes of the root key file changed or are missing."""

    code = ClientCode.ROOT_FILE_DAMAGED


class RootFileFormat(FileError):
    """Not a root key file, or one that a newer program wrote."""

    code = ClientCode.ROOT_FILE_FORMAT


class RootFilePassphrase(FileError):
    """The passphrase does not open this undamaged root key file."""

    code = ClientCode.ROOT_FILE_PASSPHRASE


class DraftDamaged(FileError):
    """A draft that travels between custodians is not what one of them signed."""

    code = ClientCode.DRAFT_DAMAGED


class ReportDamaged(FileError):
    """A report of what a log lost is not what a member's device wrote (A50)."""

    code = ClientCode.REPORT_DAMAGED


class RequestDamaged(FileError):
    """An offline enrolment request is malformed or does not prove its keys."""

    code = ClientCode.REQUEST_DAMAGED


class FileUnusable(FileError):
    """The machine does not let a file be read or written: a full disk, no rights."""

    code = ClientCode.FILE_UNUSABLE


class QueueDamaged(FileError):
    """A bot's queue that does not open: changed, of another vault or operation, or newer."""

    code = ClientCode.QUEUE_DAMAGED


class QueueUnwritable(FileError):
    """The disk takes nothing of a bot's queue now; what was taken before is there."""

    code = ClientCode.QUEUE_FULL


class FolderUnusable(FileError):
    """A bot's folder that cannot be read, or does not take what is moved within it."""

    code = ClientCode.FOLDER_UNUSABLE
