"""Coins selected for a transaction, and how wasteful the choice is (Core: SelectionResult)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

    from primitives.transaction import OutPoint
    from wallet.spending.coin import Coin
    from wallet.spending.groups import OutputGroup
    from wallet.spending.parameters import SelectionParameters


class Algorithm(Enum):
    """How coins were chosen; Core's names."""

    BRANCH_AND_BOUND = "bnb"
    KNAPSACK = "knapsack"
    SINGLE_RANDOM_DRAW = "srd"
    COIN_GRINDER = "cg"
    MANUAL = "manual"


class Selection:
    """Distinct coins that reach `target`: what recipients get, with the cost of all that is no input."""

    __slots__ = ("algorithm", "bump_discount", "coins", "complete", "target", "tries", "uses_effective", "waste")

    def __init__(
        self, target: int, algorithm: Algorithm, groups: Iterable[OutputGroup] = (), *, subtract_fee: bool = False
    ) -> None:
        """Take the groups chosen."""
        self.target = target
        self.algorithm = algorithm
        self.coins: Final[dict[OutPoint, Coin]] = {}
        self.uses_effective = not subtract_fee
        self.bump_discount = 0
        """What coins count too much of for ancestors that they share."""
        self.waste = 0
        """As `weigh` found it."""
        self.complete = True
        """False if the search was cut short, so that there may be a better choice."""
        self.tries = 0
        for group in groups:
            self.add(group.coins)

    def add(self, coins: Iterable[Coin]) -> None:
        """Add coins. Raises ValueError if one is there already, for no amount may count twice."""
        for coin in coins:
            if coin.outpoint in self.coins:
                raise ValueError(f"Coin {coin.outpoint} selected twice")
            self.coins[coin.outpoint] = coin

    def merge(self, other: Selection) -> None:
        """Add what `other` selected for its own target."""
        self.add(other.coins.values())
        self.target += other.target
        self.uses_effective = self.uses_effective or other.uses_effective
        if self.algorithm is Algorithm.MANUAL:
            self.algorithm = other.algorithm

    @property
    def value(self) -> int:
        """What the coins hold."""
        return sum(coin.output.value for coin in self.coins.values())

    @property
    def effective_value(self) -> int:
        """What they hold beyond their own cost."""
        return sum(coin.effective_value for coin in self.coins.values()) + self.bump_discount

    @property
    def bump_fees(self) -> int:
        """What it takes to get their ancestors to the rate."""
        return sum(coin.bump_fee for coin in self.coins.values()) - self.bump_discount

    @property
    def weight(self) -> int:
        """The weight of the inputs."""
        return sum(coin.weight for coin in self.coins.values())

    def change(self, min_viable: int, change_fee: int) -> int:
        """Return what is left for a change output after its fee, 0 if that is too little for one."""
        left = self.effective_value - self.target - change_fee if self.uses_effective else self.value - self.target
        return 0 if left < min_viable else left

    def weigh(self, parameters: SelectionParameters) -> None:
        """Find the waste: what coins cost more now than later, and the change, or what is lost for there is none."""
        waste = sum(coin.fee - coin.long_term_fee for coin in self.coins.values()) - self.bump_discount
        if self.change(parameters.min_viable_change, parameters.change_fee):
            waste += parameters.cost_of_change
        else:
            waste += (self.effective_value if self.uses_effective else self.value) - self.target
        self.waste = waste

    def rank(self) -> tuple[int, int]:
        """Return what the best selection has least of: waste; if equal, more inputs are better."""
        return self.waste, -len(self.coins)

    def shuffled(self, rng: random.Random) -> list[Coin]:
        """Return the coins in random order."""
        coins = list(self.coins.values())
        rng.shuffle(coins)
        return coins
