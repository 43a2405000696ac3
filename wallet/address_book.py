"""A wallet's address book: labels and purposes, which addresses were spent from, and payment requests.

Entries stand under the script of their address; the stored form has the address (Core: CAddressBookData).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from interfaces.wallet_callbacks import ChangeType
from primitives import address
from primitives.errors import AddressError
from wallet.destinations import destination_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from common.chains import ChainParams
    from wallet.notices import AddressNews, Topic
    from wallet.records import Records

log: Final = logging.getLogger("wallet")

_USED: Final = "used"
_REQUEST: Final = "rr"


class Purpose(StrEnum):
    """What an address is for."""

    RECEIVE = "receive"
    SEND = "send"
    REFUND = "refund"


@dataclass(slots=True)
class Entry:
    """What is known of one address."""

    label: str | None = None
    """None for change, which nobody labelled."""
    purpose: Purpose | None = None
    used: bool = False
    """Whether a wallet that avoids reuse has spent from it."""
    requests: dict[str, str] = field(default_factory=dict)
    """Payment requests as the desktop program stores them, by number."""

    @property
    def is_change(self) -> bool:
        """Whether it is in no list of addresses."""
        return self.label is None


class AddressBook:
    """All entries of a wallet. Changes are stored at once; all under the wallet's lock."""

    def __init__(self, records: Records, chain: ChainParams, news: Topic[AddressNews]) -> None:
        """Start with what the records hold; `news` hears of changes."""
        self._news = news
        self._records = records
        self._chain = chain
        self._entries: dict[bytes, Entry] = {}
        self.version = 0
        """Grows with each change of a label or of what was spent from."""
        self._load()

    def _load(self) -> None:
        labels, purposes = self._records.names(), self._records.purposes()
        for text, label in labels.items():
            entry = self._at(text)
            entry.label = label
            # Nearly all have both, and reading an address takes a while.
            if (purpose := purposes.pop(text, None)) is not None:
                self._load_purpose(entry, text, purpose)
        for text, purpose in purposes.items():
            self._load_purpose(self._at(text), text, purpose)
        for text, name, value in self._records.address_data():
            if name == _USED:
                self._at(text).used = True
            elif name.startswith(_REQUEST):
                self._at(text).requests[name.removeprefix(_REQUEST)] = value

    def _load_purpose(self, entry: Entry, text: str, purpose: str) -> None:
        try:
            entry.purpose = Purpose(purpose)
        except ValueError:
            log.warning("Warning: nonstandard purpose string '%s' for address '%s'", purpose, text)

    def _at(self, text: str) -> Entry:
        try:
            script = address.decode(text, self._chain)
        except AddressError:
            script = b""  # As Core: all that is no address is one entry.
        return self._entries.setdefault(script, Entry())

    def _address(self, script: bytes) -> str:
        return address.encode(script, self._chain) or ""

    def entry(self, script: bytes, *, allow_change: bool = False) -> Entry | None:
        """Return an entry, None if there is none, or only one of change and `allow_change` does not ask for it."""
        found = self._entries.get(script)
        return None if found is None or (found.is_change and not allow_change) else found

    def entries(self) -> Iterator[tuple[bytes, Entry]]:
        """Return all scripts and entries, change too, in Core's order."""
        return iter(sorted(self._entries.items(), key=lambda each: destination_order(each[0])))

    def is_known(self, script: bytes) -> bool:
        """Whether the address is in the book, not as change only."""
        found = self._entries.get(script)
        return found is not None and found.label is not None

    def set(self, script: bytes, label: str, purpose: Purpose | None = None) -> None:
        """Label an address. The purpose stays as it is unless one is given."""
        entry = self._entries.setdefault(script, Entry())
        change = ChangeType.NEW if entry.label is None else ChangeType.UPDATED
        entry.label = label
        self.version += 1
        text = self._address(script)
        if purpose is not None:
            entry.purpose = purpose
            self._records.write_purpose(text, purpose)
        self._records.write_name(text, label)
        self._news.publish((script, label, change, entry.purpose or ""), script)

    def remove(self, script: bytes) -> bool:
        """Forget an address, which is not one of the wallet's own. Return whether it was there."""
        text = self._address(script)
        self.version += 1
        with self._records.database.transaction():
            self._records.erase_address_data(text)
            self._records.erase_purpose(text)
            self._records.erase_name(text)
        self._news.publish((script, "", ChangeType.DELETED, ""), script)
        return self._entries.pop(script, None) is not None

    def labels(self, purpose: Purpose | None = None) -> list[str]:
        """Return all labels, sorted; only those of addresses of a purpose if one is given."""
        found = {
            entry.label
            for entry in self._entries.values()
            if entry.label is not None and (purpose is None or entry.purpose == purpose)
        }
        return sorted(found)

    def scripts(self, label: str | None = None) -> list[bytes]:
        """Return the scripts of all addresses but change, or of those with a label, in Core's order."""
        return [
            script
            for script, entry in self.entries()
            if entry.label is not None and (label is None or entry.label == label)
        ]

    def is_used(self, script: bytes) -> bool:
        """Whether a wallet that avoids reuse has spent from this address."""
        found = self._entries.get(script)
        return found is not None and found.used

    def set_used(self, script: bytes, used: bool) -> None:
        """Note whether the address was spent from."""
        self.version += 1
        if used or script in self._entries:
            self._entries.setdefault(script, Entry()).used = used
        self._records.write_previously_spent(self._address(script), used)

    def requests(self) -> list[str]:
        """Return all payment requests."""
        return [request for _, entry in self.entries() for _, request in sorted(entry.requests.items())]

    def set_request(self, script: bytes, identifier: str, request: str | None) -> None:
        """Store a payment request, or forget it if None."""
        text = self._address(script)
        entry = self._entries.setdefault(script, Entry())
        if request is None:
            self._records.erase_receive_request(text, identifier)
            entry.requests.pop(identifier, None)
        else:
            self._records.write_receive_request(text, identifier, request)
            entry.requests[identifier] = request
