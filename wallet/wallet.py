"""One wallet: what it is made of, and what others ask of it.

Each part is a file of its own: `history` and `tracker` for transactions, `ledger` for what follows from them,
`descriptors`, `address_book`, `encryption`, and `sync` for the chain. Who looks at more than one thing holds `lock`; it
is never held across a call to the node.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from common.version import CLIENT_NAME, CORE_VERSION
from interfaces.chain import BlockParts
from primitives import address
from primitives.descriptor_of_script import infer_descriptor
from primitives.errors import DecodeError
from primitives.transaction import OutPoint
from wallet import flags as wallet_flags
from wallet.address_book import AddressBook, Purpose
from wallet.descriptor_setup import load_descriptors
from wallet.descriptors import Descriptors
from wallet.encryption import Encryption
from wallet.errors import CorruptWalletError, RecordError, SignerError, UnknownDescriptorError, WalletError
from wallet.history import History
from wallet.history_loading import load_history
from wallet.keypool import Keypool
from wallet.ledger import Ledger
from wallet.notices import Notices
from wallet.records import LEGACY_KINDS, Records
from wallet.rescan import Rescan
from wallet.resubmitting import next_resend, resubmit
from wallet.sync import Sync
from wallet.tracker import Tracker
from wallet.uses import Uses
from wallet.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from interfaces.chain import Chain
    from interfaces.wallet_callbacks import ChangeType
    from primitives.descriptor import OutputType
    from primitives.transaction import Transaction
    from wallet.context import WalletContext
    from wallet.database import WalletDatabase
    from wallet.descriptor_keys import DescriptorKeys
    from wallet.tracker import BlockPlace
    from wallet.transaction import State, WalletTx

_log: Final = logging.getLogger("wallet")
_PATIENCE: Final = 5.0
"""Seconds that calls have to end once the wallet is to be closed."""


class Wallet:
    """A wallet that is loaded, and owns its database."""

    def __init__(self, name: str, database: WalletDatabase, context: WalletContext, flags: int) -> None:
        """Use `create` or `load`."""
        self.name = name
        self.database = database
        self.context = context
        self.settings = context.settings
        self.params = context.params
        self.clock = context.now
        self.lock = threading.RLock()
        self.uses = Uses()
        self.spending = threading.RLock()
        """Held by who makes a transaction, also while the node is asked; taken before `lock`."""
        self.records = Records(database)
        self.flags = flags
        self.last_block = b""
        """The hash of the last block processed, empty before the first."""
        self.birth_time: int | None = None
        """No transaction is older, seconds since 1970; None if nothing is known of that."""
        self.watch = Watch()
        self.descriptors = Descriptors(self.records, lambda: self.encryption.key, self.watch)
        self.scripts = self.descriptors.scripts
        """All output scripts that are the wallet's."""
        self.history = History(self.is_mine, self.watch)
        self.notices = Notices()
        """What is told to those who show the wallet."""
        self.descriptors.on_active = lambda: self.notices.can_get_addresses.publish(True)
        self.book = AddressBook(self.records, self.params, self.notices.addresses)
        self.ledger = Ledger(self)
        self.tracker = Tracker(self)
        self.locked_coins: dict[tuple[bytes, int], bool] = {}
        """Outputs not to spend, and whether that is stored."""
        self.listeners: list[Callable[[WalletTx, ChangeType], None]] = []
        """Hear of each transaction that is new, changed or gone."""
        self.block_times: dict[bytes, int] = {}
        """Times of blocks that hold transactions of the wallet, seconds since 1970, as far as they were heard of."""
        self.best_block_time = 0
        """When the last block was connected, seconds since 1970."""
        self.next_resend = next_resend(context.now())
        """When to send again what waits, seconds since 1970."""
        self.reorgs = 0
        """How many blocks left the chain."""
        self.must_rescan = False
        """Whether what is stored of transactions is not to be trusted."""
        self.encryption = Encryption(self)
        self.keypool = Keypool(self)
        self.rescan = Rescan(self)
        self.is_missing_metadata = False
        """Whether something stored cannot be read that no money depends on."""
        self._next_position = 0
        self._sync: Sync | None = None
        self._is_closed = False

    @classmethod
    def create(cls, name: str, database: WalletDatabase, context: WalletContext, flags: int) -> Wallet:
        """Make a wallet of a new database, with descriptors for all kinds of addresses unless flags say otherwise."""
        flags |= wallet_flags.LAST_HARDENED_XPUB_CACHED | wallet_flags.DESCRIPTORS
        wallet = cls(name, database, context, flags)
        with wallet.lock, database.transaction():
            wallet.records.write_flags(flags)
            wallet.records.write_version(CORE_VERSION)
            wallet.keypool.make_own_descriptors()
        chain = context.chain
        if chain is not None and (height := chain.get_height()) is not None:
            found = chain.find_block(chain.get_block_hash(height), BlockParts(locator=True))
            if found is not None and found.locator:
                wallet.records.write_best_block(found.locator)
        return wallet

    @classmethod
    def load(cls, name: str, database: WalletDatabase, context: WalletContext) -> tuple[Wallet, list[str]]:
        """Load the wallet of a database; return it and warnings. Raises WalletError with Core's texts."""
        file = database.file
        records = Records(database)
        try:
            flags = records.flags()
        except RecordError as error:
            raise WalletError(f"Error loading {file}: Wallet corrupted") from error
        if flags is not None and wallet_flags.unknown_required(flags):
            raise WalletError(f"Error loading {file}: Wallet requires newer version of {CLIENT_NAME}")
        if flags is None or not flags & wallet_flags.DESCRIPTORS:
            raise WalletError(
                f"Error loading {file}: Wallet is a legacy wallet. Please migrate to a descriptor wallet using the "
                "migration tool (migratewallet RPC)."
            )
        if records.has(LEGACY_KINDS):
            raise WalletError(
                f"Unexpected legacy entry in descriptor wallet found. Loading wallet {file}\n\n"
                "The wallet might have been tampered with or created with malicious intent.\n"
            )
        try:
            wallet = cls(name, database, context, flags)
            with wallet.lock:
                for keys in load_descriptors(database, context.params, context.settings.keypool):
                    wallet.take_descriptor(keys)
                wallet.descriptors.load_active()
                wallet.encryption.drop_needless()
                wallet.must_rescan = load_history(wallet)
        except UnknownDescriptorError as error:
            raise WalletError(
                f"Unrecognized descriptor found. Loading wallet {file}\n\n"
                "The wallet might have been created on a newer version.\n"
                "Please try running the latest software version.\n"
            ) from error
        except (RecordError, DecodeError, CorruptWalletError) as error:
            _log.warning("[%s] %s", name or "default wallet", error)
            raise WalletError(f"Error loading {file}: Wallet corrupted") from error
        version = records.version()
        wallet.log("Last client version = %d", version or 0)
        if version != CORE_VERSION:
            records.write_version(CORE_VERSION)
        wallet.keypool.top_up()
        return wallet, wallet._load_warnings(file)

    def _load_warnings(self, file: str) -> list[str]:
        warnings = []
        if self.is_missing_metadata:
            warnings.append(
                f"Error reading {file}! All keys read correctly, but transaction data or address metadata may be "
                "missing or incorrect."
            )
        if self.must_rescan:
            warnings.append(f"Error reading {file}! Transaction data may be missing or incorrect. Rescanning wallet.")
        if self.has_flag(wallet_flags.DISABLE_PRIVATE_KEYS) and any(
            keys.has_private_keys for _, _, keys in self.descriptors.all_active()
        ):
            warnings.append(f"Warning: Private keys detected in wallet {{{file}}} with disabled private keys")
        return warnings

    # The node.

    @property
    def chain(self) -> Chain | None:
        """The node's chain, None offline."""
        return self.context.chain

    def chain_or_fail(self) -> Chain:
        """Return the node's chain. Raises WalletError offline."""
        if self.context.chain is None:
            raise WalletError("The wallet is not connected to a node")
        return self.context.chain

    @property
    def is_closed(self) -> bool:
        """Whether it was unloaded."""
        return self._is_closed

    @property
    def is_connected(self) -> bool:
        """Whether the wallet follows a node."""
        return self._sync is not None and self._sync.is_running

    def start(self) -> None:
        """Catch up with the node, if there is one, follow it, and offer it what waits to be confirmed.

        Again after the node was lost. Raises WalletError. Returns once the wallet knows what is in the mempool too. Not
        to be called with `lock` held.
        """
        self._stop()
        context = self.context
        if context.chain is not None and context.make_events is not None and not self._is_closed:
            sync = Sync(self, context.chain, context.make_events(), context.lost)
            try:
                sync.start()
            except BaseException:
                sync.close()
                raise
            self._sync = sync
            sync.wait()
            resubmit(self)

    def _stop(self) -> None:
        sync, self._sync = self._sync, None
        if sync is not None:
            sync.close()

    def wait_until_synced(self, timeout: float = 60.0) -> bool:
        """Wait until the wallet knows all that the node did before this call. Not to be called with `lock` held."""
        return self._sync is None or self._sync.wait(timeout)

    def close(self) -> None:
        """Follow no longer, forget keys, and close the database. Idempotent. Calls under way have a while to end."""
        self._is_closed = True
        self.rescan.abort()
        self.uses.end(_PATIENCE)
        self._stop()
        with self.rescan.finished(), self.lock:
            self.encryption.close()
            self.database.close()
        self.notices.unload.publish(True)
        self.notices.end()

    def remember_block_time(self, block: bytes, time: int) -> None:
        """Note the time of a block."""
        self.block_times[block] = time

    def block_time(self, block: bytes) -> int | None:
        """Return the time of a block that holds transactions of the wallet; None if that is not known offline."""
        found = self.block_times.get(block)
        if found is None and self.chain is not None:
            looked_up = self.chain.find_block(block, BlockParts())
            if looked_up is not None:
                found = self.block_times[block] = looked_up.time
        return found

    def backup(self, file: Path) -> None:
        """Copy the database to a file. Raises DatabaseError."""
        if self._sync is not None:
            self._sync.save()
        self.database.backup(file)

    def log(self, text: str, *arguments: object) -> None:
        """Log under the wallet's name."""
        _log.info("[%s] " + text, self.name or "default wallet", *arguments)

    def tell(self, wtx: WalletTx, change: ChangeType) -> None:
        """Tell listeners of a change. Called without the lock, unless the caller holds it."""
        for listener in list(self.listeners):
            listener(wtx, change)

    # What it must and must not do.

    def has_flag(self, flag: int) -> bool:
        """Whether a flag of `wallet.flags` is set."""
        return bool(self.flags & flag)

    def set_flags(self, flags: int) -> None:
        """Replace the flags, stored and in memory."""
        with self.lock:
            self.records.write_flags(flags)
            self.flags = flags

    @property
    def avoids_reuse(self) -> bool:
        """Whether coins on addresses that were spent from are kept apart."""
        return bool(self.flags & wallet_flags.AVOID_REUSE)

    def display_address(self, script: bytes) -> None:
        """Have the device that signs show the address of an output script. Raises SignerError."""
        with self.lock:
            owners = self.descriptors_of(script) if self.has_flag(wallet_flags.EXTERNAL_SIGNER) else ()
            if not owners:
                raise SignerError("There is no ScriptPubKeyManager for this address")
            descriptor = infer_descriptor(script, self.params, owners[0].solving_data(script))
        self.context.signers.display_address(descriptor.text(), address.encode(script, self.params) or "")

    # Scripts and descriptors.

    def is_mine(self, script: bytes) -> bool:
        """Whether an output script is one of the wallet's."""
        return script in self.scripts

    def has_address(self, script: bytes) -> bool:
        """Whether a script has an address."""
        return address.encode(script, self.params) is not None

    def take_descriptor(self, keys: DescriptorKeys) -> None:
        """Take a descriptor that is stored already, and its scripts."""
        with self.lock:
            self.descriptors.add(keys)
            self.lower_birth_time(keys.creation_time)

    def descriptors_of(self, script: bytes) -> tuple[DescriptorKeys, ...]:
        """Return all descriptors that know a script."""
        return self.descriptors.of(script)

    def active(self, kind: OutputType, *, internal: bool = False) -> DescriptorKeys | None:
        """Return the descriptor that makes addresses of a kind, for change or not."""
        return self.descriptors.active(kind, internal=internal)

    def mark_used(self, script: bytes) -> None:
        """Note that a script was used; receiving addresses that so count as used come into the address book."""
        for each in self.descriptors.mark_used(script):
            if not self.book.is_known(each):
                self.book.set(each, "", Purpose.RECEIVE)

    def lower_birth_time(self, time: int) -> None:
        """Note that something of the wallet's is from this time."""
        if self.birth_time is None or time < self.birth_time:
            self.birth_time = time

    # Transactions.

    @property
    def transactions(self) -> dict[bytes, WalletTx]:
        """All transactions by id."""
        return self.history.transactions

    @property
    def last_block_height(self) -> int:
        """The height of the last block processed, -1 before the first."""
        return self.history.height

    def reserve_positions(self, end: int) -> None:
        """Let the next transaction have the position that is stored for it, but none before `end`."""
        try:
            self._next_position = max(end, self.records.order_position_next() or 0)
        except RecordError as error:
            self.log("%s", error)
            self.is_missing_metadata = True
            self._next_position = end

    def next_position(self) -> int:
        """Return the position of one more transaction, and store that it is taken."""
        position = self._next_position
        self.set_next_position(position + 1)
        return position

    def set_next_position(self, position: int) -> None:
        """Store the position that the next transaction gets."""
        self._next_position = position
        self.records.write_order_position_next(position)

    def add_transaction(
        self,
        tx: Transaction,
        state: State,
        note: Callable[[WalletTx, bool], bool] | None = None,
        place: BlockPlace | None = None,
    ) -> WalletTx:
        """Take a transaction, or another state of one that is there; see `Tracker.add`."""
        return self.tracker.add(tx, state, note, place)

    def abandon(self, txid: bytes) -> bool:
        """Give up a transaction of the wallet and its descendants; False if it is not to be given up."""
        return self.tracker.abandon(txid)

    # Coins.

    def lock_coin(self, outpoint: tuple[bytes, int], *, persist: bool = False) -> None:
        """Keep an output from being spent until it is unlocked, or until it is spent after all."""
        with self.lock:
            self.locked_coins[outpoint] = persist or self.locked_coins.get(outpoint, False)
            if persist:
                self.records.write_locked_coin(OutPoint(*outpoint))

    def unlock_coin(self, outpoint: tuple[bytes, int]) -> None:
        """Let an output be spent again."""
        with self.lock:
            if self.locked_coins.pop(outpoint, False):
                self.records.erase_locked_coin(OutPoint(*outpoint))

    def unlock_all_coins(self) -> None:
        """Let all outputs be spent again."""
        with self.lock, self.database.transaction():
            for outpoint in list(self.locked_coins):
                self.unlock_coin(outpoint)
