"""What goes wrong when a transaction is made. The texts are Core's, as users see them."""

from wallet.errors import WalletError


class SpendError(WalletError):
    """No transaction can be made as asked; the text is one line for a person."""


class SelectionError(SpendError):
    """Coins cannot be selected for a reason other than that there are too few."""


class WeightError(SelectionError):
    """There would be coins enough, but all that suffice weigh too much."""

    def __init__(self) -> None:
        super().__init__(
            "The inputs size exceeds the maximum weight. "
            "Please try sending a smaller amount or manually consolidating your wallet's UTXOs"
        )
