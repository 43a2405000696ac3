"""Tells others what changes in a served wallet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from primitives.address import encode
from wallet.serving.part import WalletPart

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.handler import Handler
    from interfaces.wallet_callbacks import (
        AddressBookChangedCallback,
        BlockProcessedCallback,
        CanGetAddressesChangedCallback,
        ShowProgressCallback,
        StatusChangedCallback,
        TransactionChangedCallback,
        UnloadCallback,
    )
    from wallet.notices import AddressNews, T, Topic


class WalletNews(WalletPart):
    """Calls back, each registration on a thread of its own."""

    def handle_unload(self, callback: UnloadCallback) -> Handler:
        """Tell it."""
        return self._follow(self._wallet.notices.unload, lambda _: callback.call())

    def handle_show_progress(self, callback: ShowProgressCallback) -> Handler:
        """Tell the newest."""
        return self._follow(self._wallet.notices.progress, lambda progress: callback.call(*progress))

    def handle_status_changed(self, callback: StatusChangedCallback) -> Handler:
        """Tell that there was a change."""
        return self._follow(self._wallet.notices.status, lambda _: callback.call())

    def handle_address_book_changed(self, callback: AddressBookChangedCallback) -> Handler:
        """Tell the newest of each address."""
        wallet = self._wallet

        def tell(news: AddressNews) -> None:
            script, label, change, purpose = news
            callback.call(encode(script, wallet.params) or "", label, wallet.is_mine(script), purpose, change)

        return self._follow(wallet.notices.addresses, tell)

    def handle_transaction_changed(self, callback: TransactionChangedCallback) -> Handler:
        """Tell the newest of each transaction."""
        return self._follow(self._wallet.notices.transactions, lambda news: callback.call(*news))

    def handle_can_get_addresses_changed(self, callback: CanGetAddressesChangedCallback) -> Handler:
        """Tell that there may be a change."""
        return self._follow(self._wallet.notices.can_get_addresses, lambda _: callback.call())

    def handle_block_processed(self, callback: BlockProcessedCallback) -> Handler:
        """Tell the newest."""
        return self._follow(self._wallet.notices.blocks, lambda block: callback.call(*block))

    def _follow(self, topic: Topic[T], tell: Callable[[T], None]) -> Handler:
        mailbox, give_back = topic.follow()
        return self._deliveries.deliver(mailbox.take, tell, give_back)
