"""Every error package `wallet` raises on purpose."""

from __future__ import annotations

from enum import Enum, auto


class WalletError(Exception):
    """Something about a wallet went wrong; the text is one for a person, Core's where Core has one."""


class BlocksAwaitedError(WalletError):
    """The node goes on from a snapshot, and has not yet the older blocks that concern the wallet."""


class DatabaseStatus(Enum):
    """Why a database cannot be had; RPC answers with a code by it (Core: DatabaseStatus)."""

    BAD_PATH = auto()
    BAD_FORMAT = auto()
    LEGACY_DISABLED = auto()
    ALREADY_LOADED = auto()
    ALREADY_EXISTS = auto()
    NOT_FOUND = auto()
    CREATE = auto()
    LOAD = auto()
    VERIFY = auto()
    ENCRYPT = auto()
    INVALID_BACKUP_FILE = auto()
    NEW_UNNAMED = auto()


class DatabaseError(WalletError):
    """A wallet's database cannot be opened, or a read or write failed."""

    def __init__(self, message: str, status: DatabaseStatus = DatabaseStatus.LOAD) -> None:
        super().__init__(message)
        self.status = status


class RecordError(WalletError, ValueError):
    """A record of a wallet's database is not what its key says."""


class UnknownDescriptorError(RecordError):
    """A stored descriptor cannot be read: the wallet may be of later software."""


class KeypoolError(WalletError):
    """There is no address to give out."""


class SignerError(WalletError):
    """The program of -signer, or a device behind it, failed."""


class NoSignerError(SignerError):
    """There is not the one device to sign with."""


class SigningFailedError(SignerError):
    """A device did not sign what it was given."""


class CorruptWalletError(WalletError):
    """What a wallet has stored contradicts itself."""
