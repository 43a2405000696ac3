"""Output descriptors: what each kind is, its text, and the scripts it stands for (BIP380 to BIP390)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

from primitives import address
from primitives.descriptor_checksum import add_checksum
from primitives.descriptor_keys import TextForm
from primitives.hashes import hash160, sha256
from primitives.keys import is_compressed
from primitives.opcodes import OP_CHECKSIG, OP_CHECKSIGADD, OP_NUMEQUAL
from primitives.script import (
    TxoutType,
    multisig_script,
    pubkey_hash_script,
    pubkey_script,
    push_data,
    push_number,
    script_hash_script,
    solve,
    witness_script,
)
from primitives.secp256k1 import parse_xonly
from primitives.signing_data import SigningData
from primitives.taproot import Leaf, TapTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from common.chains import ChainParams
    from primitives.descriptor_keys import KeyExpression
    from primitives.keys import PrivateKey


class OutputType(StrEnum):
    """The kinds of addresses wallets make; the values are Core's names."""

    LEGACY = "legacy"
    P2SH_SEGWIT = "p2sh-segwit"
    BECH32 = "bech32"
    BECH32M = "bech32m"


@dataclass(frozen=True, slots=True)
class Expansion:
    """The scripts of a descriptor at a position, and the keys, origins and scripts it takes to solve them."""

    scripts: list[bytes]
    data: SigningData


@dataclass(frozen=True, slots=True)
class Descriptor(ABC):
    """One descriptor or what stands inside another. Immutable."""

    name: ClassVar[str]

    def keys(self) -> tuple[KeyExpression, ...]:
        """Return the key expressions that stand here."""
        return ()

    def subdescriptors(self) -> tuple[Descriptor, ...]:
        """Return the descriptors inside."""
        return ()

    def is_range(self) -> bool:
        """Whether positions matter."""
        return any(key.is_range() for key in self.keys()) or any(each.is_range() for each in self.subdescriptors())

    def is_solvable(self) -> bool:
        """Whether keys and scripts are known, not only an address or raw script."""
        return all(each.is_solvable() for each in self.subdescriptors())

    def is_single_type(self) -> bool:
        """Whether there is one script for each position."""
        return True

    def has_scripts(self) -> bool:
        """Whether there are scripts at all."""
        return True

    def output_type(self) -> OutputType | None:
        """Return the kind of address, None where there is none or several."""
        return None

    def warnings(self) -> list[str]:
        """Return what is allowed but unsafe."""
        return [warning for each in self.subdescriptors() for warning in each.warnings()]

    def has_private_keys(self, known: SigningData) -> bool:
        """Whether all private keys are known; not so where there is no key."""
        if not self.keys() and not self.subdescriptors():
            return False
        own = all(key.has_private_keys(known) for key in self.keys())
        return own and all(each.has_private_keys(known) for each in self.subdescriptors())

    def text(self, form: TextForm = TextForm.PUBLIC) -> str:
        """Return the public text with its checksum."""
        return add_checksum(self.body(lambda key: key.text(form)))

    def private_text(self, known: SigningData) -> str | None:
        """Return the text with the private keys that are known and its checksum; None if none is."""
        private = False

        def write(key: KeyExpression) -> str:
            nonlocal private
            text = key.private_text(known)
            private = private or text is not None
            return key.text() if text is None else text

        body = self.body(write)
        return add_checksum(body) if private else None

    def normalized_text(self, known: SigningData) -> str | None:
        """Return the text with an xpub at the last hardened step; None if that takes an unknown private key."""
        missing = False

        def write(key: KeyExpression) -> str:
            nonlocal missing
            text = key.normalized_text(known)
            missing = missing or text is None
            return text or ""

        body = self.body(write)
        return None if missing else add_checksum(body)

    def id(self) -> bytes:
        """Return the hash by which wallets know a descriptor."""
        return sha256(self.text(TextForm.COMPAT).encode())

    def body(self, write: Callable[[KeyExpression], str]) -> str:
        """Return the text without checksum, each key as `write` has it."""
        return f"{self.name}({','.join(self.arguments(write))})"

    def arguments(self, write: Callable[[KeyExpression], str]) -> list[str]:
        """Return what stands between the parentheses, as commas part it."""
        return [*map(write, self.keys()), *(each.body(write) for each in self.subdescriptors())]

    def expand(self, position: int, known: SigningData | None = None) -> Expansion | None:
        """Return the scripts at a position; None where hardened steps need private keys `known` does not have."""
        known = known or SigningData()
        found = SigningData()
        pubkeys = []
        for key in self.keys():
            pubkey = key.pubkey(position, known, found)
            if pubkey is None:
                return None
            pubkeys.append(pubkey)
        inner = []
        for each in self.subdescriptors():
            expansion = each.expand(position, known)
            if expansion is None:
                return None
            inner.append(expansion.scripts[0])
            found.merge(expansion.data)
        return Expansion(self.make_scripts(pubkeys, inner, found), found)

    def expand_private(self, position: int, known: SigningData) -> list[PrivateKey]:
        """Return the private keys at a position that are known."""
        own = [key for each in self.keys() for key in each.private_keys(position, known)]
        return own + [key for each in self.subdescriptors() for key in each.expand_private(position, known)]

    @abstractmethod
    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return the scripts made of keys and of inner scripts; tell `found` of scripts that hash to them."""


@dataclass(frozen=True, slots=True)
class _KeyDescriptor(Descriptor):
    """A function of one key."""

    key: KeyExpression

    def keys(self) -> tuple[KeyExpression, ...]:
        """Return the key expressions that stand here."""
        return (self.key,)


@dataclass(frozen=True, slots=True)
class PublicKey(_KeyDescriptor):
    """pk(KEY); x-only inside tr()."""

    name = "pk"
    xonly: bool = False

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return P2PK."""
        return [pubkey_script(pubkeys[0][1:33] if self.xonly else pubkeys[0])]


@dataclass(frozen=True, slots=True)
class PublicKeyHash(_KeyDescriptor):
    """pkh(KEY)."""

    name = "pkh"

    def output_type(self) -> OutputType:
        """Return the kind of address."""
        return OutputType.LEGACY

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return P2PKH."""
        return [pubkey_hash_script(hash160(pubkeys[0]))]


@dataclass(frozen=True, slots=True)
class WitnessPublicKeyHash(_KeyDescriptor):
    """wpkh(KEY)."""

    name = "wpkh"

    def output_type(self) -> OutputType:
        """Return the kind of address."""
        return OutputType.BECH32

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return P2WPKH."""
        return [witness_script(0, hash160(pubkeys[0]))]


@dataclass(frozen=True, slots=True)
class Combo(_KeyDescriptor):
    """combo(KEY): every script a wallet once made for one key."""

    name = "combo"

    def is_single_type(self) -> bool:
        """Whether there is one script for each position."""
        return False

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return P2PK and P2PKH, and for a compressed key P2WPKH and that in P2SH."""
        pubkey = pubkeys[0]
        scripts = [pubkey_script(pubkey), pubkey_hash_script(hash160(pubkey))]
        if is_compressed(pubkey):
            segwit = witness_script(0, hash160(pubkey))
            found.add_script(segwit)
            scripts += [segwit, script_hash_script(hash160(segwit))]
        return scripts


@dataclass(frozen=True, slots=True)
class Multisig(Descriptor):
    """multi(k,KEY,...) and sortedmulti(k,KEY,...), and their forms in tapscript with _a behind the name."""

    threshold: int
    members: tuple[KeyExpression, ...]
    is_sorted: bool
    in_taproot: bool

    def keys(self) -> tuple[KeyExpression, ...]:
        """Return the key expressions that stand here."""
        return self.members

    def body(self, write: Callable[[KeyExpression], str]) -> str:
        """Return the text without checksum."""
        name = f"{'sorted' if self.is_sorted else ''}multi{'_a' if self.in_taproot else ''}"
        return f"{name}({','.join([str(self.threshold), *map(write, self.members)])})"

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return bare multisig, or a chain of CHECKSIGADD."""
        members = [pubkey[1:33] for pubkey in pubkeys] if self.in_taproot else list(pubkeys)
        if self.is_sorted:
            members.sort()
        if not self.in_taproot:
            return [multisig_script(self.threshold, members)]
        first, *others = map(push_data, members)
        checks = b"".join(key + bytes((OP_CHECKSIGADD,)) for key in others)
        end = push_number(self.threshold) + bytes((OP_NUMEQUAL,))
        return [first + bytes((OP_CHECKSIG,)) + checks + end]


@dataclass(frozen=True, slots=True)
class _ScriptDescriptor(Descriptor):
    """A function of one script."""

    inner: Descriptor

    def subdescriptors(self) -> tuple[Descriptor, ...]:
        """Return the descriptors inside."""
        return (self.inner,)


@dataclass(frozen=True, slots=True)
class ScriptHash(_ScriptDescriptor):
    """sh(SCRIPT)."""

    name = "sh"

    def output_type(self) -> OutputType:
        """Return the kind of address."""
        return OutputType.P2SH_SEGWIT if self.inner.output_type() is OutputType.BECH32 else OutputType.LEGACY

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return P2SH."""
        found.add_script(inner[0])
        return [script_hash_script(hash160(inner[0]))]


@dataclass(frozen=True, slots=True)
class WitnessScriptHash(_ScriptDescriptor):
    """wsh(SCRIPT)."""

    name = "wsh"

    def output_type(self) -> OutputType:
        """Return the kind of address."""
        return OutputType.BECH32

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return P2WSH."""
        found.add_script(inner[0])
        return [witness_script(0, sha256(inner[0]))]


@dataclass(frozen=True, slots=True)
class Taproot(_KeyDescriptor):
    """tr(KEY) and tr(KEY,TREE); the leaves from the left, and how deep each hangs."""

    name = "tr"
    leaves: tuple[Descriptor, ...] = ()
    depths: tuple[int, ...] = ()

    def subdescriptors(self) -> tuple[Descriptor, ...]:
        """Return the leaves."""
        return self.leaves

    def output_type(self) -> OutputType:
        """Return the kind of address."""
        return OutputType.BECH32M

    def arguments(self, write: Callable[[KeyExpression], str]) -> list[str]:
        """Return the internal key and the tree."""
        tree = _tree_text([leaf.body(write) for leaf in self.leaves], self.depths)
        return [write(self.key), tree] if tree else [write(self.key)]

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return P2TR."""
        leaves = tuple(Leaf(depth, script) for depth, script in zip(self.depths, inner, strict=True))
        tree = TapTree(pubkeys[0][1:33], leaves)
        found.trees[tree.output_key()] = tree
        return [witness_script(1, tree.output_key())]


@dataclass(frozen=True, slots=True)
class RawTaproot(_KeyDescriptor):
    """rawtr(KEY): the output key itself."""

    name = "rawtr"

    def output_type(self) -> OutputType:
        """Return the kind of address."""
        return OutputType.BECH32M

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return P2TR."""
        key = pubkeys[0][1:33]
        return [witness_script(1, key)] if parse_xonly(key) is not None else []


@dataclass(frozen=True, slots=True)
class Unused(_KeyDescriptor):
    """unused(KEY): a key to keep, without scripts."""

    name = "unused"

    def has_scripts(self) -> bool:
        """Whether there are scripts at all."""
        return False

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return nothing."""
        return []


@dataclass(frozen=True, slots=True)
class Raw(Descriptor):
    """raw(HEX)."""

    name = "raw"
    script: bytes

    def is_solvable(self) -> bool:
        """Whether keys and scripts are known."""
        return False

    def output_type(self) -> OutputType | None:
        """Return the kind of address."""
        return output_type_of(self.script)

    def arguments(self, write: Callable[[KeyExpression], str]) -> list[str]:
        """Return hex."""
        return [self.script.hex()]

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return the script."""
        return [self.script]


@dataclass(frozen=True, slots=True)
class Address(Descriptor):
    """addr(ADDRESS)."""

    name = "addr"
    script: bytes
    chain: ChainParams = field(compare=False)

    def is_solvable(self) -> bool:
        """Whether keys and scripts are known."""
        return False

    def output_type(self) -> OutputType | None:
        """Return the kind of address."""
        return output_type_of(self.script)

    def arguments(self, write: Callable[[KeyExpression], str]) -> list[str]:
        """Return the address."""
        return [address.encode(self.script, self.chain) or ""]

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return the script it stands for."""
        return [self.script]


_OUTPUT_TYPES: Final = {
    TxoutType.PUBKEYHASH: OutputType.LEGACY,
    TxoutType.SCRIPTHASH: OutputType.LEGACY,
    TxoutType.WITNESS_V0_KEYHASH: OutputType.BECH32,
    TxoutType.WITNESS_V0_SCRIPTHASH: OutputType.BECH32,
    TxoutType.WITNESS_V1_TAPROOT: OutputType.BECH32M,
    TxoutType.WITNESS_UNKNOWN: OutputType.BECH32M,
}


def output_type_of(script: bytes) -> OutputType | None:
    """Return the kind of address of a script (Core: OutputTypeFromDestination)."""
    kind, _ = solve(script)
    return _OUTPUT_TYPES.get(kind)


def _tree_text(leaves: Iterable[str], depths: Sequence[int]) -> str:
    """Write a tree of scripts with braces around each pair."""
    text = ""
    rights: list[bool] = []  # For each level from the top, whether its right side is open.
    for index, (leaf, depth) in enumerate(zip(leaves, depths, strict=True)):
        text += "," if index else ""
        text += "{" * (depth - len(rights))
        rights += [False] * (depth - len(rights))
        text += leaf
        while rights and rights[-1]:
            text += "}"
            rights.pop()
        if rights:
            rights[-1] = True
    return text
