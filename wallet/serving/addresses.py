"""A served wallet's addresses, their labels and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interfaces.wallet import WalletAddress, WalletFailedError
from primitives.address import encode
from primitives.descriptor import OutputType
from primitives.script import TxoutType, solve
from wallet.address_book import Purpose
from wallet.flags import EXTERNAL_SIGNER
from wallet.message_signing import sign_message
from wallet.payment_view import read_address, read_output_type
from wallet.serving.part import WalletPart, told

if TYPE_CHECKING:
    from wallet.address_book import Entry
    from wallet.wallet import Wallet


class WalletAddresses(WalletPart):
    """Makes and tells addresses."""

    def get_new_destination(self, output_type: str, label: str) -> str:
        """Take the next address."""
        wallet = self._wallet
        with told():
            return encode(wallet.keypool.new_address(read_output_type(output_type), label), wallet.params) or ""

    def get_pub_key(self, address: str) -> bytes | None:
        """Look for it among what solves the script."""
        wallet = self._wallet
        with told(), wallet.lock:
            script = read_address(wallet, address)
            kind, solutions = solve(script)
            if kind not in {TxoutType.PUBKEYHASH, TxoutType.WITNESS_V0_KEYHASH}:
                return None
            for keys in wallet.descriptors_of(script):
                known = keys.solving_data(script)
                if known is not None and (found := known.pubkeys.get(solutions[0])) is not None:
                    return found
        return None

    def sign_message(self, message: str, address: str) -> str:
        """Sign."""
        wallet = self._wallet
        with told(), wallet.lock:
            return sign_message(wallet, read_address(wallet, address), message)

    def is_spendable(self, address: str) -> bool:
        """Ask the wallet."""
        wallet = self._wallet
        with told():
            return wallet.is_mine(read_address(wallet, address))

    def get_addresses(self) -> list[WalletAddress]:
        """Return what has a label, be it an empty one."""
        wallet = self._wallet
        with wallet.lock:
            found = [_address(wallet, script, entry) for script, entry in wallet.book.entries() if not entry.is_change]
        return [each for each in found if each is not None]

    def get_address(self, address: str) -> WalletAddress | None:
        """Look it up."""
        wallet = self._wallet
        with told(), wallet.lock:
            script = read_address(wallet, address)
            entry = wallet.book.entry(script)
            return None if entry is None else _address(wallet, script, entry)

    def set_address_book(self, address: str, label: str, purpose: str = "") -> None:
        """Label an address."""
        wallet = self._wallet
        with told(), wallet.lock:
            script = read_address(wallet, address)
            try:
                wanted = Purpose(purpose) if purpose else _purpose(wallet, script)
            except ValueError:
                raise WalletFailedError(f"Unknown purpose '{purpose}'") from None
            wallet.book.set(script, label, wanted)

    def del_address_book(self, address: str) -> bool:
        """Forget the address of another."""
        wallet = self._wallet
        with told(), wallet.lock:
            script = read_address(wallet, address)
            return not wallet.is_mine(script) and wallet.book.remove(script)

    def get_address_receive_requests(self) -> list[str]:
        """Return them."""
        wallet = self._wallet
        with wallet.lock:
            return wallet.book.requests()

    def set_address_receive_request(self, address: str, request_id: str, value: str) -> bool:
        """Store it, or forget it."""
        wallet = self._wallet
        with told(), wallet.lock:
            wallet.book.set_request(read_address(wallet, address), request_id, value or None)
        return True

    def display_address(self, address: str) -> None:
        """Ask the device."""
        wallet = self._wallet
        with told():
            wallet.display_address(read_address(wallet, address))

    def hd_enabled(self) -> bool:
        """Whether an active descriptor makes more than one script."""
        wallet = self._wallet
        with wallet.lock:
            return any(keys.descriptor.is_range() for _, _, keys in wallet.descriptors.all_active())

    def can_get_addresses(self) -> bool:
        """Ask the keypool."""
        return self._wallet.keypool.can_get_addresses()

    def has_external_signer(self) -> bool:
        """Ask the flags."""
        return self._wallet.has_flag(EXTERNAL_SIGNER)

    def taproot_enabled(self) -> bool:
        """Whether a descriptor makes such addresses."""
        wallet = self._wallet
        with wallet.lock:
            return any(wallet.active(OutputType.BECH32M, internal=internal) is not None for internal in (False, True))

    def get_default_address_type(self) -> str:
        """Look at the settings."""
        return self._wallet.settings.address_type


def _purpose(wallet: Wallet, script: bytes) -> Purpose:
    return Purpose.RECEIVE if wallet.is_mine(script) else Purpose.SEND


def _address(wallet: Wallet, script: bytes, entry: Entry) -> WalletAddress | None:
    """Return an entry, None if its script has no address."""
    text = encode(script, wallet.params)
    if text is None:
        return None
    return WalletAddress(
        text, wallet.is_mine(script), str(entry.purpose or _purpose(wallet, script)), entry.label or ""
    )
