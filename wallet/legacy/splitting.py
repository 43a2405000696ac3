"""Makes descriptor wallets of a legacy one, in memory (Core: DoMigration and ApplyMigrationData in wallet.cpp).

What it can spend stays in the main wallet. What it only watched goes to a second, and scripts that it could help to
spend but did not count to a third; each takes the transactions and addresses that are its own.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from common.version import CLIENT_NAME
from primitives import address
from primitives.errors import DecodeError
from primitives.signing_data import SigningData
from wallet import flags as wallet_flags
from wallet.address_book import Purpose
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.descriptor_setup import import_descriptor, new_master_key
from wallet.errors import CorruptWalletError, RecordError, WalletError
from wallet.importing import add_descriptor
from wallet.legacy.descriptors import scripts_not_taken, successors_of
from wallet.legacy.reading import OldKeyError, read_legacy_keys
from wallet.record_encoding import text, uint64
from wallet.records import LEGACY_KINDS, Records
from wallet.transaction import WalletTx
from wallet.wallet import Wallet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wallet.address_book import Entry
    from wallet.legacy.descriptors import Successor, Successors
    from wallet.legacy.keys import LegacyKeys


@dataclass(slots=True)
class LegacyWallet:
    """A legacy wallet: its keys, and all else as a wallet in memory that has no descriptors. To be closed."""

    wallet: Wallet
    keys: LegacyKeys
    has_legacy_records: bool

    def close(self) -> None:
        """Forget it."""
        self.wallet.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_legacy(name: str, file: str, records: Mapping[bytes, bytes], context: WalletContext) -> LegacyWallet:
    """Load the records of a legacy wallet. Raises WalletError with Core's texts, which name the file."""
    flags = _flags(records, file)
    is_legacy = {text(kind) for kind in LEGACY_KINDS}
    kept = {key: value for key, value in records.items() if key[: 1 + key[0] if key else 0] not in is_legacy}
    has_legacy = len(kept) < len(records)
    if flags & wallet_flags.DESCRIPTORS:
        if has_legacy:
            raise WalletError(
                f"Unexpected legacy entry in descriptor wallet found. Loading wallet {file}\n\n"
                "The wallet might have been tampered with or created with malicious intent.\n"
            )
        raise WalletError("Error: This wallet is already a descriptor wallet")
    try:
        keys = read_legacy_keys(records)
    except OldKeyError as error:
        raise WalletError(f"Error loading {file}") from error
    except (RecordError, DecodeError, CorruptWalletError) as error:
        raise WalletError(f"Error loading {file}: Wallet corrupted") from error
    offline = WalletContext(context.params, context.wallet_dir, context.settings)
    offline.set_mock_time(context.now())
    database = WalletDatabase(None, context.params, shown=file)
    try:
        with database.transaction():
            for key, value in kept.items():
                database.put(key, value)
            # What must not have keys would drop its encryption, which only keys that are no descriptors' need.
            shown = flags & ~wallet_flags.DISABLE_PRIVATE_KEYS if keys.encrypted else flags
            database.put(text("flags"), uint64(shown | wallet_flags.DESCRIPTORS))
        wallet, _ = Wallet.load(name, database, offline)
        wallet.set_flags(flags | wallet_flags.DESCRIPTORS)
        keys.is_encrypted = wallet.encryption.is_encrypted
    except RecordError as error:
        database.close()
        raise WalletError(f"Error loading {file}: Wallet corrupted") from error
    except BaseException:
        database.close()
        raise
    return LegacyWallet(wallet, keys, has_legacy)


def _flags(records: Mapping[bytes, bytes], file: str) -> int:
    value = records.get(text("flags"), bytes(8))
    if len(value) < 8:
        raise WalletError(f"Error loading {file}: Wallet corrupted")
    flags = int.from_bytes(value[:8], "little")
    if wallet_flags.unknown_required(flags):
        raise WalletError(f"Error loading {file}: Wallet requires newer version of {CLIENT_NAME}")
    return flags


@dataclass(slots=True)
class Parts:
    """What a legacy wallet became, in memory. `watching` and `solving` are None where there is nothing for them."""

    main: Wallet
    watching: Wallet | None = None
    solving: Wallet | None = None
    main_is_empty: bool = False
    """Whether nothing is left for the main wallet."""

    def others(self) -> list[Wallet]:
        """Return those beside the main wallet."""
        return [wallet for wallet in (self.watching, self.solving) if wallet is not None]


class Splitting:
    """Finds the descriptors first, so that it is known which wallets there will be; `split` fills them."""

    def __init__(self, legacy: LegacyWallet, encryption_key: bytes | None) -> None:
        """Take a wallet apart; `encryption_key` decrypts its keys, None where they are plain. Raises WalletError."""
        self._legacy = legacy
        self._key = encryption_key
        main = legacy.wallet
        self._descriptors: Successors = successors_of(
            legacy.keys,
            encryption_key,
            main.params,
            watches_only=main.has_flag(wallet_flags.DISABLE_PRIVATE_KEYS),
        )

    @property
    def watches(self) -> bool:
        """Whether there will be a wallet that watches."""
        return bool(self._descriptors.watched)

    @property
    def solves(self) -> bool:
        """Whether there will be a wallet that helps to spend."""
        return bool(self._descriptors.solvable)

    def split(self, closing: ExitStack, watching: str, solving: str) -> Parts:
        """Make the wallets; the names are those of the others. Whatever is made is closed by `closing`.

        Raises WalletError where something of the wallet would be lost.
        """
        parts = Parts(self._legacy.wallet)
        if self.watches:
            parts.watching = self._beside(closing, watching, self._descriptors.watched)
        if self.solves:
            parts.solving = self._beside(closing, solving, self._descriptors.solvable)
        main = parts.main
        has_keys = bool(self._descriptors.spendable or self._descriptors.master)
        with ExitStack() as changing:
            for wallet in (main, *parts.others()):
                changing.enter_context(wallet.lock)
                changing.enter_context(wallet.database.transaction())
            self._fill(main, has_keys=has_keys)
            main.history.find_all_own()
            for wallet in parts.others():
                wallet.records.write_best_block(main.records.best_block())
            if parts.watching is not None:
                parts.watching.set_next_position(main.records.order_position_next() or 0)
            _share_transactions(main, parts.watching)
            lost = set(scripts_not_taken(self._legacy.keys))
            _share_addresses(main, parts.others(), lost, keep=has_keys)
        parts.main_is_empty = not main.descriptors.by_id
        if not has_keys:
            if any(True for _ in main.book.entries()):
                raise WalletError("Error: Not all address book records were migrated")
            if main.transactions:
                raise WalletError("Error: Not all transaction records were migrated")
        return parts

    def _beside(self, closing: ExitStack, name: str, successors: Iterable[Successor]) -> Wallet:
        """Make a wallet without private keys of descriptors."""
        main = self._legacy.wallet
        flags = wallet_flags.DISABLE_PRIVATE_KEYS | wallet_flags.BLANK
        flags |= main.flags & (wallet_flags.AVOID_REUSE | wallet_flags.KEY_ORIGIN_METADATA)
        wallet = Wallet.create(name, WalletDatabase(None, main.params), main.context, flags)
        closing.callback(wallet.close)
        with wallet.lock, wallet.database.transaction():
            for each in successors:
                add_descriptor(wallet, each.descriptor, SigningData(), each.creation_time, (0, 0), 0)
        return wallet

    def _fill(self, main: Wallet, *, has_keys: bool) -> None:
        """Give the main wallet its descriptors, and those that make new addresses."""
        for each in self._descriptors.spendable:
            if each.descriptor.id() in main.descriptors.by_id:
                raise WalletError(
                    "Error: Duplicate descriptors created during migration. Your wallet may be corrupted."
                )
            main.take_descriptor(
                import_descriptor(
                    *(main.database, main.params, 0, each.descriptor, each.creation_time, (0, each.end), 0),
                    each.keys,
                    self._key,
                )
            )
        main.set_flags(main.flags | wallet_flags.LAST_HARDENED_XPUB_CACHED)
        if has_keys and not main.has_flag(wallet_flags.DISABLE_PRIVATE_KEYS):
            main.keypool.setup_descriptors_of(self._descriptors.master or new_master_key(), self._key)
            main.set_flags(main.flags & ~wallet_flags.BLANK)


def _share_transactions(main: Wallet, watching: Wallet | None) -> None:
    """Copy what concerns the wallet that watches, and remove what concerns it alone. All must concern either."""
    moved = []
    for wtx in main.history.ordered:
        is_own = main.history.pays_me(wtx.tx) or main.history.is_from_me(wtx.tx)
        if watching is not None and (watching.history.pays_me(wtx.tx) or watching.history.is_from_me(wtx.tx)):
            watching.history.add(WalletTx.parse(wtx.serialize()))
            watching.records.write_transaction(wtx.txid, wtx.serialize())
            if not is_own:
                moved.append(wtx)
                continue
        if not is_own:
            txid = wtx.txid[::-1].hex()
            raise WalletError(f"Error: Transaction {txid} in wallet cannot be identified to belong to migrated wallets")
        main.records.write_transaction(wtx.txid, wtx.serialize())
    for wtx in moved:
        main.history.remove(wtx)
        main.records.erase_transaction(wtx.txid)


def _share_addresses(main: Wallet, others: list[Wallet], lost: set[bytes], *, keep: bool) -> None:
    """Move receiving addresses to the wallet whose they are now; all others, as those paid to, all wallets know.

    `lost` are output scripts that no wallet has any more. Unless `keep`, the main wallet is to be empty; Core fails
    where it knows addresses that are not for receiving.
    """
    moved = []
    for script, entry in main.book.entries():
        must_move = entry.purpose is Purpose.RECEIVE and not main.is_mine(script)
        takers = [wallet for wallet in others if not must_move or wallet.is_mine(script)][: 1 if must_move else None]
        for wallet in takers:
            _copy_entry(wallet.records, address.encode(script, main.params) or "", entry)
        if must_move and not takers and script not in lost:
            raise WalletError("Error: Address book data in wallet cannot be identified to belong to migrated wallets")
        if must_move or (takers and not keep):
            moved.append(script)
    for script in moved:
        main.book.remove(script)


def _copy_entry(records: Records, name: str, entry: Entry) -> None:
    if entry.purpose is not None:
        records.write_purpose(name, entry.purpose)
    if entry.label is not None:
        records.write_name(name, entry.label)
    for number, request in entry.requests.items():
        records.write_receive_request(name, number, request)
    if entry.used:
        records.write_previously_spent(name, spent=True)
