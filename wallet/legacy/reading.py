"""Reads what a legacy wallet holds from its records (Core: LoadLegacyWalletRecords in src/wallet/walletdb.cpp)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from primitives.bip32 import HARDENED, KeyOrigin, parse_path_element
from primitives.errors import DescriptorError
from primitives.hashes import sha256d
from primitives.keys import has_valid_size, key_id
from primitives.script import MAX_SCRIPT_ELEMENT_SIZE
from wallet.errors import CorruptWalletError, RecordError, WalletError
from wallet.legacy.keys import CHAIN_SPLIT, HdChain, KeyMeta, LegacyKeys
from wallet.record_encoding import Reader, decode_private_key, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from primitives.keys import PrivateKey

_log: Final = logging.getLogger("wallet")

_WITH_SEED: Final = 10
_WITH_ORIGIN: Final = 12
_NO_SEED: Final = bytes(20)


class OldKeyError(WalletError):
    """There is a record of the first version of the software, which nobody reads any more."""


def read_legacy_keys(records: Mapping[bytes, bytes]) -> LegacyKeys:
    """Read all of it. Raises RecordError for what cannot be read, OldKeyError."""
    return _Reading(records).read()


class _Reading:
    def __init__(self, records: Mapping[bytes, bytes]) -> None:
        self._records = records
        self._found = LegacyKeys(is_encrypted=any(True for _ in self._of("mkey")))

    def _of(self, kind: str) -> Iterator[tuple[Reader, Reader]]:
        """Return the records of a kind, behind the kind's name."""
        prefix = text(kind)
        for key, value in self._records.items():
            if key.startswith(prefix):
                yield Reader(key[len(prefix) :]), Reader(value)

    def read(self) -> LegacyKeys:
        found = self._found
        found.is_empty = not any(
            True
            for kind in ("hdchain", "key", "ckey", "cscript", "keymeta", "watchs", "watchmeta")
            for _ in self._of(kind)
        )
        for _, value in self._of("hdchain"):
            found.chain = _read_chain(value)
        for key, value in self._of("key"):
            pubkey = _read_pubkey(key)
            found.add_key(pubkey, _read_key(pubkey, value))
        for key, value in self._of("ckey"):
            pubkey, secret = _read_pubkey(key), value.sized()
            found.has_unchecked |= value.at_end()
            if not value.at_end() and sha256d(secret) != value.take(32):
                raise RecordError("Error reading wallet database: Encrypted key corrupt")
            found.add_encrypted_key(pubkey, secret)
        if found.keys and (found.encrypted or found.is_encrypted):
            raise CorruptWalletError("Wallet contains both unencrypted and encrypted keys")
        if found.encrypted and not found.is_encrypted:
            raise CorruptWalletError("Wallet contains encrypted keys without the key that encrypts them")
        for key, value in self._of("cscript"):
            key.take(20)
            self._add_script(value.sized())
        for key, value in self._of("keymeta"):
            self._add_metadata(key.sized(), _read_metadata(value))
        for key, value in self._of("watchs"):
            script = key.sized()
            if value.take(1) == b"1":
                found.watch(script)
        for key, value in self._of("watchmeta"):
            script = key.sized()
            found.script_times[key_id(script)] = _read_metadata(value).creation_time
        for _, value in self._of("defaultkey"):
            _read_default_key(value)
        if any(True for _ in self._of("wkey")):
            raise OldKeyError("Found unsupported 'wkey' record, try loading with version 0.18")
        if found.chain is not None:
            found.inactive_chains.pop(found.chain.seed, None)
        return found

    def _add_script(self, script: bytes) -> None:
        if len(script) > MAX_SCRIPT_ELEMENT_SIZE:
            _log.warning(
                "Warning: This wallet contains a redeemScript of size %i which exceeds maximum size %i thus can never "
                "be redeemed.",
                len(script),
                MAX_SCRIPT_ELEMENT_SIZE,
            )
        else:
            self._found.add_script(script)

    def _add_metadata(self, pubkey: bytes, meta: KeyMeta) -> None:
        """Note where a key comes from, and how far the chain of its seed goes, which may be one of earlier."""
        found = self._found
        found.metadata[key_id(pubkey)] = pubkey, meta
        if meta.version < _WITH_SEED or not meta.seed or not meta.path:
            return
        try:
            internal, index = (False, 0) if meta.is_seed else _place(meta)
        except RecordError as error:
            _log.warning("%s", error)
            return
        chain = found.inactive_chains.setdefault(meta.seed, HdChain(meta.seed, version=1))
        if internal:
            chain.version = CHAIN_SPLIT
            chain.internal = max(chain.internal, index + 1)
        else:
            chain.external = max(chain.external, index + 1)


def _read_pubkey(key: Reader) -> bytes:
    pubkey = key.sized()
    if not has_valid_size(pubkey):
        raise RecordError("Error reading wallet database: CPubKey corrupt")
    return pubkey


def _read_key(pubkey: bytes, value: Reader) -> PrivateKey:
    encoded = value.sized()
    checksum = value.rest()[:32]  # The oldest have none.
    if len(checksum) == 32 and any(checksum) and sha256d(pubkey + encoded) != checksum:
        raise RecordError("Error reading wallet database: CPubKey/CPrivKey corrupt")
    key = decode_private_key(encoded, compressed=len(pubkey) == 33)
    if key is None or key.public_key() != pubkey:
        raise RecordError("Error reading wallet database: CPrivKey corrupt")
    return key


def _read_chain(value: Reader) -> HdChain:
    version, external, seed = value.signed(4), value.unsigned(4), value.take(20)
    internal = value.unsigned(4) if version >= CHAIN_SPLIT else 0
    return HdChain(seed, version, external, internal)


def _read_metadata(value: Reader) -> KeyMeta:
    version, time = value.signed(4), value.signed(8)
    if version < _WITH_SEED:
        return KeyMeta(version, time)
    path, seed = value.text(), value.take(20)
    if seed == _NO_SEED:
        seed = b""
    if version < _WITH_ORIGIN:
        return KeyMeta(version, time, path, seed)
    fingerprint = value.take(4)
    steps = tuple(value.unsigned(4) for _ in range(value.size()))
    has_origin = bool(value.unsigned(1))
    return KeyMeta(version, time, path, seed, KeyOrigin(fingerprint, steps) if has_origin else None)


def _place(meta: KeyMeta) -> tuple[bool, int]:
    """Return whether a key is for change, and its number in the chain."""
    path = meta.origin.path if meta.origin else _parse_path(meta.path)
    if len(path) != 3:
        raise RecordError("Error reading wallet database: keymeta found with unexpected path")
    if path[0] != HARDENED:
        raise RecordError(f"Unexpected path index of 0x{path[0]:08x} (expected 0x80000000) for the element at index 0")
    if path[1] not in {HARDENED, HARDENED | 1}:
        raise RecordError(
            f"Unexpected path index of 0x{path[1]:08x} (expected 0x80000000 or 0x80000001) for the element at index 1"
        )
    if not path[2] & HARDENED:
        raise RecordError(
            f"Unexpected path index of 0x{path[2]:08x} (expected to be greater than or equal to 0x80000000)"
        )
    return path[1] == HARDENED | 1, path[2] & ~HARDENED


def _parse_path(path: str) -> tuple[int, ...]:
    steps = path.split("/")
    try:
        return tuple(map(parse_path_element, steps[1:] if steps[0] == "m" else steps))
    except DescriptorError as error:
        raise RecordError("Error reading wallet database: keymeta with invalid HD keypath") from error


def _read_default_key(value: Reader) -> None:
    """The key itself is of no use any more, but a wrong one tells of a broken wallet."""
    if not has_valid_size(value.sized()):
        raise RecordError("Error reading wallet database: Default Key corrupt")
