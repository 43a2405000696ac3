"""The descriptors that take the place of a legacy wallet's keys and scripts (Core: MigrateToDescriptor).

Lone keys become `combo`, seeds two ranged `combo` for receiving and change, and every other script what can be inferred
of it. Together they have exactly the output scripts that were the wallet's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from primitives.bip32 import ExtendedKey, encode_public, format_path
from primitives.descriptor_of_script import infer_descriptor
from primitives.descriptor_parsing import parse_descriptor
from primitives.errors import DescriptorError
from primitives.hashes import hash160
from primitives.signing_data import SigningData
from wallet.errors import WalletError
from wallet.legacy.keys import CHAIN_SPLIT
from wallet.legacy.ownership import can_provide, candidates, is_behind_hash, is_mine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from common.chains import ChainParams
    from primitives.descriptor import Descriptor
    from primitives.keys import PrivateKey
    from wallet.legacy.keys import HdChain, LegacyKeys

_NOT_PRODUCED: Final = (
    "Error: Unable to produce descriptors for this legacy wallet. Make sure to provide the wallet's passphrase if it "
    "is encrypted."
)
_TIME_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Successor:
    """One descriptor: when its keys or scripts were made, seconds since 1970 or 0, and how many positions are known."""

    descriptor: Descriptor
    creation_time: int
    end: int = 0
    keys: tuple[PrivateKey, ...] = field(default=(), repr=False)


@dataclass(slots=True)
class Successors:
    """The descriptors for each of the wallets that come of one."""

    spendable: list[Successor] = field(default_factory=list)
    watched: list[Successor] = field(default_factory=list)
    """Of what counted as the wallet's, though it lacks keys."""
    solvable: list[Successor] = field(default_factory=list)
    """Of what did not count, though the wallet could help to spend it."""
    master: ExtendedKey | None = None
    """The master key of the seed, to make new addresses of."""


def successors_of(
    keys: LegacyKeys, encryption_key: bytes | None, chain: ChainParams, *, watches_only: bool
) -> Successors:
    """Return them. `encryption_key` is None where keys are plain; `watches_only` says that there must be none.

    Raises WalletError.
    """
    return _Production(keys, keys.private_keys(encryption_key), chain, watches_only=watches_only).produce()


class _Production:
    def __init__(
        self, keys: LegacyKeys, private: dict[bytes, PrivateKey], chain: ChainParams, *, watches_only: bool
    ) -> None:
        self._keys = keys
        self._private = private
        self._chain = chain
        self._watches_only = watches_only
        self._data = keys.solving_data()
        self._made = Successors()
        self._candidates = dict.fromkeys(candidates(keys))
        self._left = {script: None for script in self._candidates if is_mine(keys, script)}
        self._own = frozenset(self._left)

    def produce(self) -> Successors:
        for key in self._keys.key_ids():
            if not self._is_derived(key):
                self._take_lone_key(key)
        self._take_chains()
        for script in list(self._left):
            if script in self._left:
                self._take_script(script)
        self._take_solvable()
        return self._made

    def _is_derived(self, key: bytes) -> bool:
        """Whether a key comes of a seed of the wallet's. Seeds themselves do not: they can be paid, too."""
        found = self._keys.metadata.get(key)
        if found is None or found[1].is_seed or not found[1].seed:
            return False
        active = self._keys.chain
        seed = found[1].seed
        return (active is not None and active.seed == seed) or seed in self._keys.inactive_chains

    def _private_key(self, key: bytes) -> PrivateKey:
        found = self._private.get(key)
        if found is None:
            raise WalletError(_NOT_PRODUCED)
        return found

    def _take_lone_key(self, key: bytes) -> None:
        private, origin = self._private_key(key), self._keys.origin(key)
        start = f"[{origin.fingerprint.hex()}{format_path(origin.path)}]" if origin else ""
        descriptor = self._parse(f"combo({start}{private.public_key().hex()})")
        self._add(Successor(descriptor, self._keys.creation_time(key) & _TIME_MASK, keys=(private,)))

    def _take_chains(self) -> None:
        active = self._keys.chain
        has_change = active is None or active.version >= CHAIN_SPLIT
        if active is not None and any(active.seed):
            self._made.master = self._take_chain(active, has_change=has_change)
        for _, chain in sorted(self._keys.inactive_chains.items()):
            self._take_chain(chain, has_change=has_change)

    def _take_chain(self, chain: HdChain, *, has_change: bool) -> ExtendedKey:
        if max(chain.external, chain.internal) > len(self._own):
            raise WalletError("Error: The wallet names more derived keys than it has. It may be corrupt.")
        master = ExtendedKey.from_seed(self._private_key(chain.seed).secret)
        private = master.private_key()
        xpub = encode_public(master.neuter(), self._chain)
        for internal, count in ((0, chain.external), (1, chain.internal))[: 2 if has_change else 1]:
            descriptor = self._parse(f"combo({xpub}/0h/{internal}h/*h)")
            self._add(Successor(descriptor, 0, count, (private,) if private else ()))
        return master

    def _add(self, successor: Successor) -> None:
        """Take a descriptor for the wallet itself, and its scripts off those left."""
        self._made.spendable.append(successor)
        data = SigningData()
        for key in successor.keys:
            data.add_key(key)
        is_ranged = successor.descriptor.is_range()
        for position in range(successor.end if is_ranged else 1):
            expansion = successor.descriptor.expand(position, data)
            for script in expansion.scripts if expansion else ():
                self._left.pop(script, None)

    def _take_script(self, script: bytes) -> None:
        """Find the descriptor of a script that is left; one that cannot be read again is dropped, as Core does."""
        descriptor = self._infer(script)
        expansion = descriptor.expand(0) if descriptor else None
        del self._left[script]
        if descriptor is None or expansion is None:
            return
        private = SigningData(keys=self._private)
        time = self._keys.script_times.get(hash160(script), 0) & _TIME_MASK
        if self._watches_only or descriptor.has_private_keys(private):
            known = [self._private[key] for key in expansion.data.origins if key in self._private]
            self._add(Successor(descriptor, time, keys=tuple(known)))
        else:
            self._made.watched.append(Successor(descriptor, time))

    def _take_solvable(self) -> None:
        for script in self._candidates:
            if not is_behind_hash(script) or script in self._own or not can_provide(self._keys, script, self._data):
                continue
            descriptor = self._infer(script)
            if descriptor is not None and descriptor.is_solvable():
                time = self._keys.script_times.get(hash160(script), 0) & _TIME_MASK
                self._made.solvable.append(Successor(descriptor, time))

    def _infer(self, script: bytes) -> Descriptor | None:
        """Return what is known of a script; None if that text could not be read again."""
        descriptor = infer_descriptor(script, self._chain, self._data)
        try:
            return self._parse(descriptor.text())
        except DescriptorError:
            return None

    def _parse(self, text: str) -> Descriptor:
        return parse_descriptor(text, self._chain).descriptors[0]


def scripts_not_taken(keys: LegacyKeys) -> Iterable[bytes]:
    """Return what the wallet watched though nobody can spend it, which no descriptor has."""
    return (script for script in keys.watched if not is_mine(keys, script))
