"""One descriptor of a wallet: its scripts, the next address, and its keys (Core: DescriptorScriptPubKeyMan).

Positions from `range_start` to before `range_end` are watched; those from `next_index` on have not been given out.
The wallet's lock guards it. What it changes it writes, as part of the database's transaction if there is one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from primitives.descriptor_parsing import parse_descriptor
from primitives.keys import key_id
from primitives.musig import NonceStore
from primitives.signing_data import SigningData
from wallet.descriptor_caching import DescriptorCaching
from wallet.descriptor_records import DescriptorRecord, DescriptorRecords, StoredDescriptor
from wallet.descriptor_secrets import DescriptorSecrets
from wallet.errors import KeypoolError, RecordError, WalletError
from wallet.records import Records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from common.chains import ChainParams
    from primitives.bip32 import ExtendedKey
    from primitives.descriptor import Descriptor, Expansion
    from primitives.keys import PrivateKey
    from wallet.database import WalletDatabase

log: Final = logging.getLogger("wallet")

_RAN_OUT: Final = "Error: Keypool ran out, please call keypoolrefill first"
_MOST_EXPANSIONS: Final = 1000
"""How many positions' keys and scripts are remembered for who signs or solves."""


class DescriptorKeys:
    """A descriptor with its range and keys. `on_scripts`, if set, hears of scripts that come to be watched."""

    def __init__(
        self,
        database: WalletDatabase,
        chain: ChainParams,
        descriptor: Descriptor,
        stored: StoredDescriptor,
        keypool: int,
    ) -> None:
        """Take over what is stored; watch nothing yet."""
        self.id: Final = stored.id
        self.descriptor: Final = descriptor
        self.creation_time = stored.record.creation_time
        self.next_index = stored.record.next_index
        self.range_start = stored.record.range_start
        self.range_end = stored.record.range_end
        self.nonces = NonceStore()
        """Where secret nonces lie between the two steps of a MuSig2 signature; those of a wallet may share one."""
        self.on_scripts: Callable[[list[bytes]], None] | None = None
        self._database = database
        self._chain = chain
        self._records = DescriptorRecords(database)
        self._secrets = DescriptorSecrets(stored, self._records)
        self._caching = DescriptorCaching(descriptor, stored.cache)
        self._known = self._caching.known()
        self._keypool = keypool
        self._text = descriptor.text()
        self._watched_end = self.range_start
        self._positions: dict[bytes, int] = {}
        self._pubkey_positions: dict[bytes, int] = {}
        self._addressed: list[bytes] = []
        self._expansions: dict[int, Expansion] = {}

    # What there is.

    @property
    def is_ranged(self) -> bool:
        """Whether there are many positions (Core: IsHDEnabled)."""
        return self.descriptor.is_range()

    @property
    def keypool_size(self) -> int:
        """How many positions have not been given out."""
        return self.range_end - self.next_index

    @property
    def has_private_keys(self) -> bool:
        """Whether there are private keys, encrypted or not."""
        return bool(self._secrets)

    @property
    def is_encrypted(self) -> bool:
        """Whether there are encrypted private keys."""
        return self._secrets.are_encrypted

    def can_get_addresses(self) -> bool:
        """Whether `new_script` makes sense; it may still fail, say because the wallet is locked."""
        return (
            self.descriptor.is_single_type()
            and self.is_ranged
            and (self.has_private_keys or self.keypool_size > 0 or self._caching.is_public())
        )

    def scripts(self) -> Iterable[bytes]:
        """Return all scripts watched."""
        return self._positions.keys()

    def index_of(self, script: bytes) -> int | None:
        """Return the position of a script, None if it is not watched."""
        return self._positions.get(script)

    def extended_keys(self) -> list[ExtendedKey]:
        """Return the extended public keys that the descriptor names."""
        return self._caching.roots()

    def public_text(self) -> str | None:
        """Return the text with xpubs behind the last hardened steps; None if that takes the key of a locked wallet."""
        return self._throw_away().normalized_text(self._known_with_keys())

    def public_text_or_fail(self) -> str:
        """Return `public_text`. Raises WalletError where it is None."""
        text = self.public_text()
        if text is None:
            raise WalletError("Can't get descriptor string.")
        return text

    def private_text(self) -> str:
        """Return the text with the private keys that are known, the public one if none is."""
        return self._throw_away().private_text(self._known_with_keys()) or self._text

    # Addresses.

    def watch(self) -> None:
        """Watch the range, as the database has it. Raises RecordError if that takes keys that are not there."""
        self._watch_to(self.range_end, RecordError("Error: Unable to expand wallet descriptor from cache"))

    def top_up(self, size: int = 0) -> bool:
        """Watch `size` positions beyond those given out, as many as the keypool has if zero. False if keys lack."""
        with self._database.transaction():
            end = max(self.next_index + (size or self._keypool), self.range_end)
            if not self.is_ranged:
                self.range_start, end = 0, 1
            if end == self.range_end == self._watched_end:
                return True
            try:
                new = self._watch_to(end, KeypoolError(_RAN_OUT))
            except KeypoolError:
                return False
            self.range_end = end
            self.write()
        if new and self.on_scripts is not None:
            self.on_scripts(new)
        return True

    def new_script(self) -> bytes:
        """Return the script of the next address, which is then given out. Raises KeypoolError."""
        if not self.can_get_addresses():
            raise KeypoolError("No addresses available")
        with self._database.transaction():
            self.top_up()
            if self.next_index >= self._watched_end and not self.top_up(1):
                raise KeypoolError(_RAN_OUT)
            script = self._addressed[self.next_index - self.range_start]
            self.next_index += 1
            self.write()
        return script

    def return_script(self, index: int) -> None:
        """Take back the address of a position, if it was the last given out."""
        if self.next_index - 1 == index:
            self.next_index = index
            self.write()

    def mark_used(self, script: bytes) -> list[bytes]:
        """Give out all up to a script that was used, and watch further ones; return the scripts given out by it."""
        index = self._positions.get(script)
        if index is None:
            return []
        used: list[bytes] = []
        with self._database.transaction():
            if index >= self.next_index:
                log.info(
                    "Detected a used keypool item at index %d, mark all keypool items up to this item as used", index
                )
                used = self._addressed[self.next_index - self.range_start : index + 1 - self.range_start]
                self.next_index = index + 1
                self.write()
            if not self.top_up():
                log.info("Topping up keypool failed (locked wallet)")
        return used

    # Keys.

    @property
    def encryption_key(self) -> Callable[[], bytes | None]:
        """What returns the key that decrypts the private keys, None while the wallet is locked."""
        return self._secrets.master_key

    @encryption_key.setter
    def encryption_key(self, source: Callable[[], bytes | None]) -> None:
        self._secrets.master_key = source

    def check_key(self, encryption_key: bytes) -> bool:
        """Whether this key decrypts the private keys. Raises WalletError if it does only some."""
        return self._secrets.check(encryption_key)

    def encrypt(self, encryption_key: bytes) -> None:
        """Encrypt the private keys, as part of the database's transaction; in memory once that is made."""
        self._secrets.encrypt(encryption_key)
        self._expansions.clear()

    def has_private_key(self, key: bytes) -> bool:
        """Whether there is the private key of a public key with this hash, encrypted or not."""
        return key in self._secrets

    def private_key(self, key: bytes) -> PrivateKey | None:
        """Return the private key of a public key with this hash; None if there is none or the wallet is locked."""
        return self._secrets.get(key)

    def solving_data(self, script: bytes) -> SigningData | None:
        """Return public keys, origins and scripts for a script watched, None for another."""
        index = self._positions.get(script)
        return None if index is None else self._data_at(index, private=False)

    def signing_data(self, script: bytes) -> SigningData | None:
        """Return `solving_data` and the private keys, as far as they are there and the wallet is not locked."""
        index = self._positions.get(script)
        return None if index is None else self._data_at(index, private=True)

    def signing_data_of_pubkey(self, pubkey: bytes) -> SigningData | None:
        """Return `signing_data` of the position where a public key occurs, None if its private key is not to be had."""
        index = self._pubkey_positions.get(pubkey)
        data = None if index is None else self._data_at(index, private=True)
        return data if data is not None and data.private_key(key_id(pubkey)) is not None else None

    def _data_at(self, position: int, *, private: bool) -> SigningData:
        expansion = self._expansions.get(position)
        if expansion is None:
            expansion = self._expand(position)
            if len(self._expansions) >= _MOST_EXPANSIONS:
                self._expansions.clear()
            self._expansions[position] = expansion
        data = SigningData()
        data.merge(expansion.data)
        if private and self.has_private_keys:
            known = self._known_with_keys()
            for key in self._throw_away().expand_private(position, known):
                data.add_private_key(key)
            data.nonces = self.nonces
        return data

    # Changes.

    def write(self) -> None:
        """Write the descriptor and where in its range the wallet is."""
        self._records.write(self.id, self.record())

    def record(self) -> DescriptorRecord:
        """Return what `write` writes."""
        return DescriptorRecord(self._text, self.creation_time, self.next_index, self.range_start, self.range_end)

    def add_keys(self, keys: Iterable[PrivateKey]) -> None:
        """Keep private keys that are new. Raises WalletError if the wallet is locked."""
        encrypted = bool(Records(self._database).master_keys())
        for key in keys:
            self._secrets.add(key, wallet_is_encrypted=encrypted)

    def why_no_update(self, range_start: int, range_end: int) -> str | None:
        """Return why the descriptor cannot be imported again with another range, None if it can."""
        if self.is_ranged and (range_start > self.range_start or range_end < self.range_end):
            return f"new range must include current range = [{self.range_start},{self.range_end - 1}]"
        return None

    def update(
        self, creation_time: int, range_start: int, range_end: int, next_index: int, keys: Iterable[PrivateKey]
    ) -> None:
        """Import the descriptor again. Raises WalletError."""
        reason = self.why_no_update(range_start, range_end)
        if reason is not None:
            raise WalletError(reason)
        with self._database.transaction():
            self.creation_time, self.next_index = creation_time, next_index
            self.range_start, self.range_end = range_start, range_end
            self._forget_watched()
            self.fill(keys)

    def fill(self, keys: Iterable[PrivateKey]) -> None:
        """Keep private keys and watch the range, as an import does. Raises WalletError."""
        self.add_keys(keys)
        if not self.top_up():
            raise WalletError("Could not top up scriptPubKeys")
        self.write()

    def upgrade_cache(self) -> None:
        """Keep the keys behind the last hardened steps, which older software did not."""
        if not self._caching.cache.last_hardened:
            self._records.write_cache(self.id, self._caching.extend(self.range_start, self._known_with_keys()))

    # Expanding.

    def _watch_to(self, end: int, failure: Exception) -> list[bytes]:
        """Watch all positions before `end`; return the scripts. Raises the failure where keys lack."""
        new: list[bytes] = []
        known: SigningData | None = None
        for position in range(self._watched_end, end):
            expansion = self.descriptor.expand(position, self._known)
            if expansion is None or self._caching.wants(position):
                known = known or self._known_with_keys()
                self._records.write_cache(self.id, self._caching.extend(position, known))
                expansion = self.descriptor.expand(position, self._known)
            if expansion is None:
                raise failure
            new += expansion.scripts
            self._addressed += expansion.scripts[:1]
            for script in expansion.scripts:
                self._positions[script] = position
            for pubkey in expansion.data.pubkeys.values():
                self._pubkey_positions.setdefault(pubkey, position)
            self._watched_end = position + 1
        return new

    def _expand(self, position: int) -> Expansion:
        expansion = self.descriptor.expand(position, self._known)
        if expansion is None:
            raise WalletError("Unable to expand descriptor from cache")
        return expansion

    def _forget_watched(self) -> None:
        self._watched_end = self.range_start
        self._positions.clear()
        self._pubkey_positions.clear()
        self._addressed.clear()
        self._expansions.clear()

    def _known_with_keys(self) -> SigningData:
        """Return what is known, private keys too; what is learned of extended keys stays."""
        return SigningData(keys=self._secrets.all(), extended_keys=self._known.extended_keys)

    def _throw_away(self) -> Descriptor:
        """Return the descriptor for use with private keys: one that remembers none once the wallet is locked."""
        if not self.is_encrypted:
            return self.descriptor
        return parse_descriptor(self._text, self._chain).descriptors[0]
