"""How a block is to be filled: what the node's operator says and what a client asks for.

(Core: BlockCreateOptions in src/node/mining_types.h, src/node/mining_args.cpp.) Weights are weight units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from primitives.fee_rate import FeeRate

MAX_WEIGHT: Final = 4_000_000
"""Of a block (BIP141)."""
MAX_SIGOPS_COST: Final = 80_000
"""Of a block (BIP141)."""
LEAST_RESERVED_WEIGHT: Final = 2000
DEFAULT_RESERVED_WEIGHT: Final = 8000
DEFAULT_ADDITIONAL_SIGOPS: Final = 400
DEFAULT_MIN_FEE_RATE: Final = FeeRate(1)
_ANYONE: Final = b"\x51"


class OptionsError(ValueError):
    """Options that no block can be built with; says which, as Core does."""


@dataclass(frozen=True, slots=True)
class MiningPolicy:
    """What the operator decides for all templates."""

    max_weight: int = MAX_WEIGHT
    """-blockmaxweight."""
    reserved_weight: int = DEFAULT_RESERVED_WEIGHT
    """-blockreservedweight, for clients that do not say themselves: those of JSON-RPC."""
    min_fee_rate: FeeRate = DEFAULT_MIN_FEE_RATE
    """-blockmintxfee."""
    version: int | None = None
    """-blockversion, on regtest only; None for what BIP9 asks for."""
    log_fees: bool = False
    """-printpriority."""


@dataclass(frozen=True, slots=True)
class TemplateOptions:
    """What a client asks for. Two clients that ask for the same share a template."""

    use_mempool: bool = True
    reserved_weight: int = DEFAULT_RESERVED_WEIGHT
    """For the header, the number of transactions and the coinbase."""
    additional_sigops: int = DEFAULT_ADDITIONAL_SIGOPS
    """What the outputs that a miner adds to the coinbase may cost."""
    script: bytes = _ANYONE
    """Whom the dummy coinbase pays."""

    def check(self, policy: MiningPolicy) -> None:
        """Raise OptionsError if no block can be built so."""
        reserved, most = self.reserved_weight, policy.max_weight
        if reserved < LEAST_RESERVED_WEIGHT:
            raise OptionsError(
                f"block_reserved_weight ({reserved}) is lower than minimum safety value of ({LEAST_RESERVED_WEIGHT})"
            )
        if reserved > MAX_WEIGHT:
            raise OptionsError(
                f"block_reserved_weight ({reserved}) exceeds consensus maximum block weight ({MAX_WEIGHT})"
            )
        if reserved > most:
            raise OptionsError(f"block_reserved_weight ({reserved}) exceeds block_max_weight ({most})")
        if self.additional_sigops > MAX_SIGOPS_COST:
            raise OptionsError(
                f"coinbase_output_max_additional_sigops ({self.additional_sigops}) exceeds consensus maximum block "
                f"sigops cost ({MAX_SIGOPS_COST})"
            )
