"""Making a transaction that pays (Core: CreateTransaction and FundTransaction in src/wallet/spend.cpp).

One transaction of a wallet is made at a time, under `Wallet.spending`; the wallet's lock is held only to look into the
wallet, never while the node is asked.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from primitives.descriptor import OutputType
from primitives.dust import dust_threshold
from primitives.encoding import compact_size
from primitives.fee_rate import FeeRate
from primitives.money import format_money
from primitives.script import TxoutType, solve
from primitives.transaction import WITNESS_SCALE_FACTOR, OutPoint, Transaction, TxIn, TxOut
from wallet.errors import KeypoolError
from wallet.spending.available import CoinFilter, find_coins, price
from wallet.spending.choosing import TRUC_VERSION, ChainLimits, Coins, select_coins
from wallet.spending.coin import Coin
from wallet.spending.errors import SpendError
from wallet.spending.fees import MAX_FEE_EXCEEDED, ChosenRate, discard_rate, effective_rate
from wallet.spending.parameters import MAX_STANDARD_WEIGHT, SelectionParameters, change_target
from wallet.spending.signing import sign_own
from wallet.spending.sizes import InputSizes, vsize_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wallet.descriptor_keys import DescriptorKeys
    from wallet.spending.coin_control import CoinControl, Recipient
    from wallet.spending.node_view import NodeView, RelayRates
    from wallet.spending.selection import Selection
    from wallet.wallet import Wallet

RBF_SEQUENCE: Final = 0xFFFFFFFD
NON_FINAL_SEQUENCE: Final = 0xFFFFFFFE
MIN_WEIGHT: Final = 65 * WITNESS_SCALE_FACTOR
"""Smaller transactions are not relayed."""

_MAX_TIP_AGE: Final = 8 * 60 * 60
_NESTED_INPUT_SIZE: Final = 91
"""Of P2SH-P2WPKH, for change that the wallet cannot spend."""
_rng: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Created:
    """A transaction, the fee it pays in satoshis, and where its change is."""

    transaction: Transaction
    fee: int
    change_position: int | None
    rate: ChosenRate


def create_transaction(
    wallet: Wallet,
    node: NodeView,
    recipients: Sequence[Recipient],
    control: CoinControl,
    *,
    change_position: int | None = None,
    sign: bool = True,
) -> Created:
    """Make a transaction; its change goes anywhere among the outputs unless a position is given. Raises SpendError."""
    if not recipients:
        raise SpendError("Transaction must have at least one recipient")
    if any(recipient.amount < 0 for recipient in recipients):
        raise SpendError("Transaction amounts must not be negative")
    with wallet.spending:
        maker = _Maker(wallet, node, recipients, control, change_position, sign)
        made = maker.make()
        most = wallet.settings.max_avoid_partial_fee
        if not made.fee or most < 0 or control.avoid_partial_spends:
            return made
        # Spending addresses as a whole tells others less; do so if it costs no more than the settings allow.
        change = made.change_position
        again = replace(control, avoid_partial_spends=True)
        if change is not None:
            again.change_script = made.transaction.outputs[change].script_pubkey
        try:
            grouped = _Maker(wallet, node, recipients, again, change_position, sign, maker.available).make()
        except SpendError:
            return made
        use_grouped = grouped.fee <= made.fee + most
        which = "grouped" if use_grouped else "non-grouped"
        wallet.log("Fee non-grouped = %d, grouped = %d, using %s", made.fee, grouped.fee, which)
        return grouped if use_grouped else made


def fund_transaction(
    wallet: Wallet,
    node: NodeView,
    transaction: Transaction,
    recipients: Sequence[Recipient],
    control: CoinControl,
    *,
    change_position: int | None = None,
    lock_coins: bool = False,
) -> Created:
    """Add coins and change to a transaction whose outputs are `recipients`; nothing is signed. Raises SpendError."""
    control.lock_time = transaction.lock_time
    control.version = transaction.version
    coins = node.find_coins([each.prevout for each in transaction.inputs])
    with wallet.spending:
        for each in transaction.inputs:
            preset = control.select(each.prevout)
            with wallet.lock:
                is_own = each.prevout in wallet.history.own
            if not is_own:
                if each.prevout not in coins:
                    raise SpendError("Unable to find UTXO for external input")
                preset.output = coins[each.prevout]
            preset.sequence = each.sequence
            preset.script_sig = each.script_sig
            preset.witness = each.witness
        made = create_transaction(wallet, node, recipients, control, change_position=change_position, sign=False)
        if lock_coins:
            for each in made.transaction.inputs:
                wallet.lock_coin(each.prevout)
        return made


def anti_fee_sniping_lock_time(wallet: Wallet, node: NodeView) -> int:
    """Return a lock time that lets a transaction only into the next block, so that nobody gains by mining an old one.

    Sometimes it is lower, as transactions that were long under way have it; 0 if the chain is not up to date.
    """
    with wallet.lock:
        block, height = wallet.last_block, wallet.last_block_height
    if node.is_catching_up() or node.block_time(block) < wallet.clock() - _MAX_TIP_AGE:
        return 0
    return max(0, height - _rng.randrange(100)) if not _rng.randrange(10) else height


class _Maker:
    """Makes one transaction."""

    def __init__(
        self,
        wallet: Wallet,
        node: NodeView,
        recipients: Sequence[Recipient],
        control: CoinControl,
        change_position: int | None,
        sign: bool,
        available: tuple[FeeRate, Coins] | None = None,
    ) -> None:
        self._wallet = wallet
        self._node = node
        self._recipients = recipients
        self._control = control
        self._wanted_position = change_position
        self._sign = sign
        self.available = available
        """The coins found, and at which rate their costs are."""
        self._sizes = InputSizes(wallet, control)
        self._rates: RelayRates = node.rates()
        self._change_script = b""
        self._change_error = ""

    def make(self) -> Created:
        parameters_weight = self._max_weight()
        self._check_recipients()
        reserved = self._reserve_change()
        kept = False
        try:
            made = self._make(parameters_weight)
            kept = True
            return made
        finally:
            if reserved is not None and not kept:
                with self._wallet.lock:
                    keys, script = reserved
                    if (index := keys.index_of(script)) is not None:
                        keys.return_script(index)

    def _max_weight(self) -> int:
        given = self._control.max_weight
        weight = MAX_STANDARD_WEIGHT if given is None else given
        if not MIN_WEIGHT <= weight <= MAX_STANDARD_WEIGHT:
            raise SpendError(f"Maximum transaction weight must be between {MIN_WEIGHT} and {MAX_STANDARD_WEIGHT}")
        return weight

    def _check_recipients(self) -> None:
        dust = self._rates.dust
        if any(each.amount < dust_threshold(each.script, dust) for each in self._recipients):
            raise SpendError("Transaction amount too small")

    def _reserve_change(self) -> tuple[DescriptorKeys, bytes] | None:
        """Find where change goes, and return what to give back if it is not needed."""
        if self._control.change_script is not None:
            self._change_script = self._control.change_script
            return None
        wallet = self._wallet
        with wallet.lock:
            kind = self._change_kind()
            keys = wallet.active(kind, internal=True)
            try:
                if keys is None:
                    raise KeypoolError(f"Error: No {kind} addresses available.")
                self._change_script = keys.new_script()
            except KeypoolError as error:
                self._change_error = f"Transaction needs a change address, but we can't generate it. {error}"
                return None
            return keys, self._change_script

    def _change_kind(self) -> OutputType:
        """Return the kind of address for change: as recipients have it, so that it does not stand out."""
        wallet, settings = self._wallet, self._wallet.settings
        chosen = self._control.change_type or (OutputType(settings.change_type) if settings.change_type else None)
        if chosen is not None:
            return chosen
        default = OutputType(settings.address_type)
        if default is OutputType.LEGACY:
            return default
        kinds = {solve(each.script)[0] for each in self._recipients}
        for kind, paid in _CHANGE_KINDS:
            if paid in kinds and wallet.active(kind, internal=True) is not None:
                return kind
        for kind in (OutputType.BECH32M, OutputType.BECH32):
            if wallet.active(kind, internal=True) is not None:
                return kind
        return default

    def _make(self, max_weight: int) -> Created:
        wallet, node, control, rates = self._wallet, self._node, self._control, self._rates
        settings = wallet.settings
        total = sum(each.amount for each in self._recipients)
        discard = discard_rate(settings, node, rates)
        chosen = effective_rate(settings, node, rates, control)
        parameters = self._parameters(chosen.rate, discard, max_weight, total)
        not_inputs = 0 if parameters.subtract_fee else chosen.rate.fee_for(parameters.size_without_inputs)
        target = total + not_inputs
        if target == 0 and not control.selected:
            raise SpendError(
                "Transaction requires one destination of non-zero value, a non-zero feerate, or a pre-selected input"
            )
        preset = self._preset(parameters)
        available = Coins()
        if control.allow_other_inputs:
            available = self._find(parameters)
        selection = self._select(available, preset, target, total, parameters)
        transaction, position, fee, size = self._build(selection, parameters)
        if self._change_error and position is not None:
            raise SpendError(self._change_error)
        if self._sign:
            signed = sign_own(wallet, transaction)
            if signed is None:
                raise SpendError("Signing transaction failed")
            transaction = signed
        if (transaction.weight if self._sign else size) > MAX_STANDARD_WEIGHT:
            raise SpendError("Transaction too large")
        if fee > settings.max_fee:
            raise SpendError(MAX_FEE_EXCEEDED)
        if settings.reject_long_chains and (error := node.chain_limit_error(transaction)):
            raise SpendError(error)
        wallet.log("Coin Selection: Algorithm:%s, Waste Metric Score:%d", selection.algorithm.value, selection.waste)
        wallet.log("Fee Calculation: Fee:%d Bytes:%d, Source: %s", fee, vsize_of(size), chosen.reason)
        return Created(transaction, fee, position, chosen)

    def _parameters(self, rate: FeeRate, discard: FeeRate, max_weight: int, total: int) -> SelectionParameters:
        control, recipients = self._control, self._recipients
        change = TxOut(0, self._change_script)
        change_size = len(change.serialize())
        with self._wallet.lock:
            spend_size = self._sizes.own_size(self._change_script) or _NESTED_INPUT_SIZE
        change_fee = rate.fee_for(change_size)
        spend_fee = discard.fee_for(spend_size)
        outputs = sum(len(TxOut(each.amount, each.script).serialize()) for each in recipients)
        return SelectionParameters(
            rate=rate,
            long_term_rate=FeeRate(self._wallet.settings.consolidate_fee_rate),
            discard_rate=discard,
            change_output_size=change_size,
            change_spend_size=spend_size,
            min_change_target=change_target(total // len(recipients), change_fee, _rng),
            min_viable_change=max(spend_fee + 1, dust_threshold(self._change_script, discard)),
            change_fee=change_fee,
            cost_of_change=spend_fee + change_fee,
            # Version, lock time, number of inputs, and a byte for what tells of witnesses.
            size_without_inputs=10 + len(compact_size(len(recipients))) + outputs,
            subtract_fee=any(each.subtract_fee for each in recipients),
            avoid_partial_spends=control.avoid_partial_spends,
            include_unsafe=control.include_unsafe,
            version=control.version,
            max_weight=max_weight,
            rng=random.Random(_rng.randbytes(32)),  # noqa: S311 - fast, and nobody can guess its seed
        )

    def _find(self, parameters: SelectionParameters) -> Coins:
        """Return the coins that may be added."""
        if self.available is None or self.available[0] != parameters.rate:
            with self._wallet.lock:
                found = find_coins(self._wallet, self._sizes, self._control, CoinFilter())
            priced = price(found, parameters.rate, parameters.long_term_rate, self._node)
            self.available = (parameters.rate, priced)
        return self.available[1]

    def _preset(self, parameters: SelectionParameters) -> Coins:
        """Return the coins that must be spent (Core: FetchSelectedInputs)."""
        control, wallet = self._control, self._wallet
        coins = Coins()
        outpoints = sorted(control.selected, key=lambda outpoint: (outpoint.txid, outpoint.index))
        bump_fees = self._node.bump_fees(outpoints, parameters.rate)
        with wallet.lock:
            for outpoint in outpoints:
                coin = self._preset_coin(outpoint)
                coins.add(None, coin.at(parameters.rate, parameters.long_term_rate, bump_fees[outpoint]))
        return coins

    def _preset_coin(self, outpoint: OutPoint) -> Coin:
        control, wallet, preset = self._control, self._wallet, self._control.selected[outpoint]
        size = None if preset.weight is None else vsize_of(preset.weight)
        own = wallet.history.own.get(outpoint)
        if own is not None:
            output = own.output
            if size is None:
                size = self._sizes.own_size(output.script_pubkey)
            if wallet.history.depth(own.wtx) == 0:
                check_versions(own.wtx.tx.version, control.version)
        elif preset.output is not None:
            output = preset.output
        else:
            raise SpendError(f"Not found pre-selected input {_shown(outpoint)}")
        if size is None:
            size = self._sizes.external_size(outpoint, output.script_pubkey)
        if size is None:
            raise SpendError(f"Not solvable pre-selected input {_shown(outpoint)}")
        return Coin(outpoint, output, 0, size)

    def _select(
        self, available: Coins, preset: Coins, target: int, total: int, parameters: SelectionParameters
    ) -> Selection:
        settings = self._wallet.settings
        ancestors, cluster = self._node.relative_limits()
        limits = ChainLimits(ancestors, cluster, settings.reject_long_chains, settings.spend_zero_conf_change)
        allow_others = self._control.allow_other_inputs
        found = select_coins(available, preset, target, parameters, self._node, limits, allow_other_inputs=allow_others)
        if found is not None:
            return found
        if preset.total() + available.total() >= total:
            effective = preset.total(subtract_fee=False) + available.total(subtract_fee=False)
            if effective < target:
                fee = format_money(target - total)
                raise SpendError(f"The total exceeds your balance when the {fee} transaction fee is included.")
        raise SpendError("Insufficient funds")

    def _build(self, selection: Selection, parameters: SelectionParameters) -> tuple[Transaction, int | None, int, int]:
        """Return the unsigned transaction, where its change is, its fee, and the most it weighs when it is signed."""
        outputs = [TxOut(each.amount, each.script) for each in self._recipients]
        change = selection.change(parameters.min_viable_change, parameters.change_fee)
        position = None
        if change > 0:
            position = _rng.randrange(len(outputs) + 1) if self._wanted_position is None else self._wanted_position
            if position > len(outputs):
                raise SpendError("Transaction change output index out of range")
            outputs.insert(position, TxOut(change, self._change_script))
        coins = sorted(selection.shuffled(_rng), key=lambda coin: self._control.order_of(coin.outpoint))
        inputs = tuple(map(self._input, coins))
        unsigned = Transaction(self._control.version, inputs, tuple(outputs), self._lock_time())
        with self._wallet.lock:
            size = self._sizes.transaction_size(unsigned, [coin.output for coin in coins])
        if size is None:
            raise SpendError("Missing solving data for estimating transaction size")
        needed = parameters.rate.fee_for(size.vsize) + selection.bump_fees
        fee = selection.value - sum(output.value for output in outputs)
        if fee < 0:
            raise SpendError("Internal bug detected: Fee paid < 0")
        if position is not None and needed < fee:
            outputs[position] = outputs[position]._replace(value=outputs[position].value + fee - needed)
            fee = needed
        if parameters.subtract_fee:
            self._subtract(needed - fee, outputs, position)
            fee = needed
        if needed > fee:
            raise SpendError("Internal bug detected: Fee needed > fee paid")
        if selection.value - sum(output.value for output in outputs) != fee:
            raise SpendError("Internal bug detected: Change adjustment: Fee needed != fee paid")
        return Transaction(unsigned.version, inputs, tuple(outputs), unsigned.lock_time), position, fee, size.weight

    def _input(self, coin: Coin) -> TxIn:
        preset = self._control.selected.get(coin.outpoint)
        sequence = None if preset is None else preset.sequence
        if sequence is None:
            signal = self._control.signal_rbf
            signal = self._wallet.settings.signal_rbf if signal is None else signal
            sequence = RBF_SEQUENCE if signal else NON_FINAL_SEQUENCE
        script_sig = (preset.script_sig if preset else None) or b""
        return TxIn(coin.outpoint, script_sig, sequence, (preset.witness if preset else None) or ())

    def _lock_time(self) -> int:
        if self._control.lock_time is not None:
            return self._control.lock_time
        presets = self._control.selected.values()
        if any(preset.sequence is not None for preset in presets):
            return 0
        return anti_fee_sniping_lock_time(self._wallet, self._node)

    def _subtract(self, amount: int, outputs: list[TxOut], change_position: int | None) -> None:
        """Take the fee from the recipients who pay it, in equal parts; what cannot be divided from the first."""
        places = [place for place in range(len(outputs)) if place != change_position]
        paying = [place for place, each in zip(places, self._recipients, strict=True) if each.subtract_fee]
        # As C++ divides: towards zero, for the amount may be negative where change was too small.
        part = abs(amount) // len(paying)
        part = part if amount >= 0 else -part
        rest = amount - part * len(paying)
        for place in paying:
            output = outputs[place]
            output = output._replace(value=output.value - part - rest)
            rest = 0
            if output.value < dust_threshold(output.script_pubkey, self._rates.dust):
                if output.value < 0:
                    raise SpendError("The transaction amount is too small to pay the fee")
                raise SpendError("The transaction amount is too small to send after the fee has been deducted")
            outputs[place] = output


_CHANGE_KINDS: Final = (
    (OutputType.BECH32M, TxoutType.WITNESS_V1_TAPROOT),
    (OutputType.BECH32, TxoutType.WITNESS_V0_KEYHASH),
    (OutputType.P2SH_SEGWIT, TxoutType.SCRIPTHASH),
    (OutputType.LEGACY, TxoutType.PUBKEYHASH),
)


def check_versions(parent: int, child: int) -> None:
    """Refuse to let a transaction spend an unconfirmed one if just one of them is of version 3. Raises SpendError."""
    if parent == TRUC_VERSION != child:
        raise SpendError(f"Can't spend unconfirmed version 3 pre-selected input with a version {child} tx")
    if child == TRUC_VERSION != parent:
        raise SpendError(f"Can't spend unconfirmed version {parent} pre-selected input with a version 3 tx")


def _shown(outpoint: OutPoint) -> str:
    return f"COutPoint({outpoint.txid[::-1].hex()[:10]}, {outpoint.index})"
