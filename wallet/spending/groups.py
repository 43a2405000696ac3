"""Coins that are spent together or not at all, and which of them may be spent (Core: OutputGroup, GroupOutputs)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from primitives.descriptor import OutputType
    from wallet.spending.coin import Coin

MAX_GROUP_SIZE: Final = 100
"""More coins of one script make several groups, so that nobody is surprised by a very high fee."""
UNLIMITED: Final = 2**64 - 1


class Ancestry(NamedTuple):
    """How many transactions of the mempool a coin's transaction hangs on, and with how many it is connected in any way.

    Both count itself.
    """

    ancestors: int = 0
    cluster_count: int = 0


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Which groups may be spent: least confirmations, most relatives in the mempool."""

    depth_mine: int
    """For coins the wallet sent itself."""
    depth_theirs: int
    max_ancestors: int
    max_cluster_count: int
    partial_groups: bool = False
    """Whether a group that is not full may stand for its script though there are full ones."""
    mixed_types: bool = True
    """Whether coins of different kinds of addresses may be spent together."""


class OutputGroup:
    """Coins that are spent together; what they are worth and cost in all. Never changes."""

    __slots__ = (
        "amount",
        "ancestors",
        "cluster_count",
        "coins",
        "depth",
        "effective_value",
        "fee",
        "from_me",
        "long_term_fee",
        "value",
        "weight",
    )

    def __init__(self, coins: Sequence[tuple[Coin, Ancestry]], *, subtract_fee: bool = False) -> None:
        """Take coins, at least one; with `subtract_fee` their whole value counts as `amount`."""
        self.coins: Final = tuple(coin for coin, _ in coins)
        self.value: Final = sum(coin.output.value for coin in self.coins)
        self.fee: Final = sum(coin.fee for coin in self.coins)
        self.long_term_fee: Final = sum(coin.long_term_fee for coin in self.coins)
        self.effective_value: Final = self.value - self.fee
        self.amount: Final = self.value if subtract_fee else self.effective_value
        """What searches go by."""
        self.weight: Final = sum(coin.weight for coin in self.coins)
        self.from_me: Final = all(coin.from_me for coin in self.coins)
        self.depth: Final = min(coin.depth for coin in self.coins)
        self.ancestors: Final = sum(ancestry.ancestors for _, ancestry in coins)
        """At most: those of several coins count for each."""
        self.cluster_count: Final = max(ancestry.cluster_count for _, ancestry in coins)

    @property
    def waste(self) -> int:
        """What it costs more to spend the coins now than later."""
        return self.fee - self.long_term_fee

    def is_eligible(self, rule: Eligibility) -> bool:
        """Whether it may be spent under a rule."""
        return (
            self.depth >= (rule.depth_mine if self.from_me else rule.depth_theirs)
            and self.ancestors <= rule.max_ancestors
            and self.cluster_count <= rule.max_cluster_count
        )


@dataclass(slots=True)
class Groups:
    """The groups of one kind of address, or all."""

    positive: list[OutputGroup] = field(default_factory=list)
    """Those worth more than they cost, made of such coins."""
    mixed: list[OutputGroup] = field(default_factory=list)
    """Those of all coins."""


@dataclass(slots=True)
class GroupsByType:
    """The groups under one rule."""

    types: dict[OutputType | None, Groups] = field(default_factory=dict)
    every: Groups = field(default_factory=Groups)

    def push(self, group: OutputGroup, kind: OutputType | None, *, positive: bool, mixed: bool) -> None:
        """Add a group of one kind to the lists named."""
        for groups in (self.types.setdefault(kind, Groups()), self.every):
            if positive and group.amount > 0:
                groups.positive.append(group)
            if mixed:
                groups.mixed.append(group)


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups under each rule, in the order of the rules, and those that none lets through."""

    by_rule: list[GroupsByType]
    discarded: list[OutputGroup]


def group_coins(
    coins: Mapping[OutputType | None, Iterable[Coin]],
    rules: Sequence[Eligibility],
    ancestry: Callable[[bytes], Ancestry],
    *,
    by_script: bool,
    subtract_fee: bool,
) -> Grouping:
    """Group coins, each alone or those of one script together; `ancestry` tells of a transaction in the mempool."""
    by_rule = [GroupsByType() for _ in rules]
    discarded: list[OutputGroup] = []
    confirmed = Ancestry()

    def relatives(coin: Coin) -> Ancestry:
        return confirmed if coin.depth > 0 else ancestry(coin.outpoint.txid)

    def sort_in(group: OutputGroup, kind: OutputType | None, *, partial: bool, positive: bool, mixed: bool) -> None:
        accepted = False
        for rule, groups in zip(rules, by_rule, strict=True):
            if group.is_eligible(rule) and (rule.partial_groups or not partial):
                groups.push(group, kind, positive=positive, mixed=mixed)
                accepted = True
        if not accepted:
            discarded.append(group)

    if not by_script:
        for kind, several in coins.items():
            for coin in several:
                group = OutputGroup([(coin, relatives(coin))], subtract_fee=subtract_fee)
                sort_in(group, kind, partial=False, positive=True, mixed=True)
        return Grouping(by_rule, discarded)

    everything: dict[tuple[bytes, OutputType | None], list[tuple[Coin, Ancestry]]] = {}
    for kind, several in coins.items():
        for coin in several:
            everything.setdefault((coin.output.script_pubkey, kind), []).append((coin, relatives(coin)))
    for positive in (False, True):
        for (_, kind), members in everything.items():
            used = [member for member in members if member[0].effective_value > 0] if positive else members
            parts = [used[at : at + MAX_GROUP_SIZE] for at in range(0, len(used), MAX_GROUP_SIZE)]
            for number, part in reversed(list(enumerate(parts, 1))):
                group = OutputGroup(part, subtract_fee=subtract_fee)
                is_partial = number == len(parts) > 1
                sort_in(group, kind, partial=is_partial, positive=positive, mixed=not positive)
    return Grouping(by_rule, discarded)
