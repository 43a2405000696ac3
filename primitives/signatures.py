"""Making signatures for one input: with its transaction's sighashes, or dummies of the right size (Core: sign.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from primitives import sighash
from primitives.secp256k1 import verify_ecdsa
from primitives.transaction import MAX_MONEY, SEQUENCE_FINAL

if TYPE_CHECKING:
    from primitives.keys import PrivateKey
    from primitives.sighash import Sighashes
    from primitives.signing_data import SigningData
    from primitives.transaction import Transaction

_LOCKTIME_THRESHOLD: Final = 500_000_000
_SEQUENCE_DISABLED: Final = 1 << 31
_SEQUENCE_TIME: Final = 1 << 22
_SEQUENCE_MASK: Final = 0xFFFF


class Signer(Protocol):
    """What makes signatures for an input, and knows its locks."""

    def ecdsa(self, known: SigningData, key_id: bytes, script_code: bytes, *, segwit: bool) -> bytes | None:
        """Return an ECDSA signature with its sighash byte by a key known, None if there is none."""

    def schnorr(
        self, known: SigningData, pubkey: bytes, *, leaf_hash: bytes = b"", merkle_root: bytes | None = None
    ) -> bytes | None:
        """Return a Schnorr signature by an x-only key known; with a root by what taproot tweaks it to."""

    def taproot_digest(self, leaf_hash: bytes) -> bytes | None:
        """Return what a Schnorr signature signs, None where none can be made."""

    def taproot_suffix(self) -> bytes:
        """Return what stands behind a Schnorr signature."""

    def check_older(self, number: int) -> bool:
        """Whether the input's sequence satisfies OP_CHECKSEQUENCEVERIFY."""

    def check_after(self, number: int) -> bool:
        """Whether the transaction's lock time satisfies OP_CHECKLOCKTIMEVERIFY."""


@dataclass(frozen=True, slots=True)
class InputSigner:
    """Signs an input of a transaction that spends `amount`."""

    transaction: Transaction
    sighashes: Sighashes
    index: int
    amount: int
    hash_type: int

    def ecdsa(self, known: SigningData, key_id: bytes, script_code: bytes, *, segwit: bool) -> bytes | None:
        """Return a signature."""
        key = known.private_key(key_id)
        if key is None or (segwit and not self._may_sign_segwit(key)):
            return None
        hash_type = self.hash_type or sighash.ALL
        return key.sign(self.digest(script_code, hash_type, segwit=segwit)) + bytes((hash_type,))

    def schnorr(
        self, known: SigningData, pubkey: bytes, *, leaf_hash: bytes = b"", merkle_root: bytes | None = None
    ) -> bytes | None:
        """Return a signature."""
        key = known.private_key_by_xonly(pubkey)
        digest = self.taproot_digest(leaf_hash) if key else None
        if key is None or digest is None:
            return None
        return key.sign_schnorr(digest, merkle_root) + self.taproot_suffix()

    def taproot_digest(self, leaf_hash: bytes) -> bytes | None:
        """Return what a Schnorr signature signs."""
        return self.sighashes.taproot(self.index, self.hash_type, leaf_hash=leaf_hash)

    def taproot_suffix(self) -> bytes:
        """Return the sighash byte, if there is one."""
        return bytes((self.hash_type,)) if self.hash_type else b""

    def digest(self, script_code: bytes, hash_type: int, *, segwit: bool) -> bytes:
        """Return what an ECDSA signature of this type signs."""
        if segwit:
            return self.sighashes.segwit_v0(self.index, script_code, self.amount, hash_type)
        return self.sighashes.legacy(self.index, script_code, hash_type)

    def is_signature(self, signature: bytes, pubkey: bytes, script_code: bytes, *, segwit: bool) -> bool:
        """Whether an ECDSA signature with its sighash byte is the key's on this input."""
        if not signature or (segwit and self.amount < 0):
            return False
        return verify_ecdsa(pubkey, signature[:-1], self.digest(script_code, signature[-1], segwit=segwit))

    def check_older(self, number: int) -> bool:
        """Whether the input's sequence satisfies OP_CHECKSEQUENCEVERIFY (BIP112)."""
        sequence = self.transaction.inputs[self.index].sequence
        if self.transaction.version < 2 or sequence & _SEQUENCE_DISABLED:
            return False
        same_kind = not (sequence ^ number) & _SEQUENCE_TIME
        return same_kind and number & _SEQUENCE_MASK <= sequence & _SEQUENCE_MASK

    def check_after(self, number: int) -> bool:
        """Whether the transaction's lock time satisfies OP_CHECKLOCKTIMEVERIFY (BIP65)."""
        lock_time = self.transaction.lock_time
        same_kind = (lock_time < _LOCKTIME_THRESHOLD) == (number < _LOCKTIME_THRESHOLD)
        is_final = self.transaction.inputs[self.index].sequence == SEQUENCE_FINAL
        return same_kind and number <= lock_time and not is_final

    def _may_sign_segwit(self, key: PrivateKey) -> bool:
        return key.compressed and 0 <= self.amount <= MAX_MONEY


@dataclass(frozen=True, slots=True)
class DummySigner:
    """Makes signatures that hold for nothing, of the size that small R and S have. All locks are open."""

    def ecdsa(self, known: SigningData, key_id: bytes, script_code: bytes, *, segwit: bool) -> bytes | None:
        """Return a signature."""
        return b"\x30\x44\x02\x20\x01" + bytes(31) + b"\x02\x20\x01" + bytes(31) + b"\x01"

    def schnorr(
        self,
        known: SigningData,
        pubkey: bytes,
        *,
        leaf_hash: bytes = b"",
        merkle_root: bytes | None = None,
    ) -> bytes | None:
        """Return a signature."""
        return bytes(64)

    def taproot_digest(self, leaf_hash: bytes) -> bytes | None:
        """Return nothing: there are always dummies."""

    def taproot_suffix(self) -> bytes:
        """Return nothing."""
        return b""

    def check_older(self, number: int) -> bool:
        """Whether a sequence does."""
        return True

    def check_after(self, number: int) -> bool:
        """Whether a lock time does."""
        return True
