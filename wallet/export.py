"""A copy of a wallet that only watches: its public descriptors, transactions and address book (Core: export.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives.descriptor_parsing import parse_descriptor
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.descriptor_records import DescriptorRecord, DescriptorRecords
from wallet.descriptor_setup import OUTPUT_TYPES
from wallet.errors import WalletError
from wallet.flags import DISABLE_PRIVATE_KEYS
from wallet.importing import add_descriptor
from wallet.record_encoding import text
from wallet.wallet import Wallet

if TYPE_CHECKING:
    from pathlib import Path

_COPIED: Final = (
    *("tx", "wtxvariant", "orderposnext", "bestblock", "bestblock_nomerkle"),
    *("name", "purpose", "destdata", "lockedutxo"),
)
"""The kinds of records that the copy takes as they are."""


def export_watch_only(wallet: Wallet, destination: Path) -> None:
    """Write the copy to a new file. Raises WalletError. Hold the wallet's lock.

    Where hardened steps vary, only positions that the wallet has derived are in it.
    """
    if destination.exists():
        raise WalletError(f"Error: Export destination '{destination}' already exists")
    try:
        destination.touch(exist_ok=False)
    except OSError as error:
        raise WalletError(f"Error: Could not create file '{destination}'") from error
    try:
        if not wallet.descriptors.by_id:
            raise WalletError("Error: Wallet has no descriptors to export")
        with WalletDatabase(None, wallet.params) as database:
            _fill(wallet, database)
            destination.unlink()
            database.backup(destination)
    except BaseException:
        destination.unlink(missing_ok=True)
        raise


def _fill(wallet: Wallet, database: WalletDatabase) -> None:
    context = WalletContext(wallet.params, wallet.context.wallet_dir, wallet.settings)
    name = f"{wallet.name}_watchonly_temp"
    watching = Wallet.create(name, database, context, wallet.flags | DISABLE_PRIVATE_KEYS)
    caches = {each.id: each.cache for each in DescriptorRecords(wallet.database).all()}
    records = DescriptorRecords(database)
    with database.transaction():
        for keys in wallet.descriptors.by_id.values():
            parsed = parse_descriptor(keys.public_text_or_fail(), wallet.params)
            (descriptor,) = parsed.descriptors
            end, index, time = keys.range_end, keys.next_index, keys.creation_time
            if not descriptor.has_scripts() or descriptor.expand(0, parsed.data) is not None:
                positions = (keys.range_start, end)
                add_descriptor(watching, descriptor, parsed.data, time, positions, index, internal=True)
            else:
                record = DescriptorRecord(descriptor.text(), time, index, keys.range_start, end)
                records.write(descriptor.id(), record)
                records.write_cache(descriptor.id(), caches[keys.id])
            kind, internal = descriptor.output_type(), wallet.descriptors.is_internal(keys)
            if internal is not None and kind is not None:
                number = OUTPUT_TYPES.index(kind)
                watching.records.write_active_descriptor(number, descriptor.id(), internal=internal)
        for prefix in map(text, _COPIED):
            for key, value in wallet.database.items(prefix):
                database.put(key, value)
