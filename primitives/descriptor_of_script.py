"""The descriptor of a script, as far as its keys and scripts are known (Core: InferDescriptor)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from primitives import address
from primitives.descriptor import (
    Address,
    Multisig,
    PublicKey,
    PublicKeyHash,
    Raw,
    RawTaproot,
    ScriptHash,
    Taproot,
    WitnessPublicKeyHash,
    WitnessScriptHash,
)
from primitives.descriptor_key_parsing import Place
from primitives.descriptor_keys import ConstantKey, KeyWithOrigin
from primitives.descriptor_miniscript import Miniscript
from primitives.errors import ScriptError
from primitives.hashes import ripemd160
from primitives.keys import has_valid_size, is_compressed, is_hybrid, key_id
from primitives.miniscript import MAX_TAPSCRIPT_KEYS
from primitives.miniscript_decoding import decode_miniscript
from primitives.opcodes import OP_CHECKSIG, OP_CHECKSIGADD, OP_NUMEQUAL
from primitives.script import TxoutType, iterate, small_number, solve
from primitives.secp256k1 import parse_xonly
from primitives.signing_data import SigningData
from primitives.taproot import TAPSCRIPT_VERSION, infer_tree

if TYPE_CHECKING:
    from collections.abc import Hashable

    from common.chains import ChainParams
    from primitives.descriptor import Descriptor
    from primitives.descriptor_keys import KeyExpression

_PLAIN = (Place.TOP, Place.P2SH, Place.P2WSH)


def infer_descriptor(script: bytes, chain: ChainParams, known: SigningData | None = None) -> Descriptor:
    """Return the descriptor that says most about a script."""
    known = known or SigningData()
    found = _Inference(chain, known).script(script, Place.TOP)
    if found is not None:
        return found
    return Raw(script) if address.encode(script, chain) is None else Address(script, chain)


@dataclass(frozen=True, slots=True)
class _Inference:
    chain: ChainParams
    known: SigningData

    def script(self, script: bytes, place: Place) -> Descriptor | None:
        if place is Place.P2TR and (found := self._tapscript(script)):
            return found
        kind, solutions = solve(script)
        match kind:
            case TxoutType.PUBKEY if place in _PLAIN:
                key = self.key(solutions[0], place)
                return PublicKey(key) if key else self._rest(script, place)
            case TxoutType.PUBKEYHASH if place in _PLAIN:
                key = self._key_by_hash(solutions[0], place)
                return PublicKeyHash(key) if key else self._rest(script, place)
            case TxoutType.WITNESS_V0_KEYHASH if place in {Place.TOP, Place.P2SH}:
                key = self._key_by_hash(solutions[0], Place.P2WPKH)
                return WitnessPublicKeyHash(key) if key else None
            case TxoutType.MULTISIG if place in _PLAIN:
                keys = [self.key(pubkey, place) for pubkey in solutions[1:-1]]
                members = tuple(key for key in keys if key)
                if len(members) == len(keys):
                    return Multisig(solutions[0][0], members, is_sorted=False, in_taproot=False)
            case TxoutType.SCRIPTHASH if place is Place.TOP:
                inner = self._inner(self.known.scripts.get(solutions[0]), Place.P2SH)
                return ScriptHash(inner) if inner else None
            case TxoutType.WITNESS_V0_SCRIPTHASH if place in {Place.TOP, Place.P2SH}:
                inner = self._inner(self.known.scripts.get(ripemd160(solutions[0])), Place.P2WSH)
                return WitnessScriptHash(inner) if inner else None
            case TxoutType.WITNESS_V1_TAPROOT if place is Place.TOP:
                return self._taproot(solutions[0])
            case _:
                pass
        return self._rest(script, place)

    def key(self, pubkey: bytes, place: Place) -> KeyExpression | None:
        """Return a key expression with its origin, None where the key may not stand."""
        if not has_valid_size(pubkey) or is_hybrid(pubkey):
            return None
        if place not in {Place.TOP, Place.P2SH} and not is_compressed(pubkey):
            return None
        constant = ConstantKey(pubkey, xonly=False, chain=self.chain)
        origin = self.known.origin(key_id(pubkey))
        return KeyWithOrigin(origin, constant, apostrophe=False) if origin else constant

    def xonly_key(self, pubkey: bytes) -> KeyExpression:
        """Return a key expression of 32 bytes."""
        constant = ConstantKey(b"\2" + pubkey, xonly=True, chain=self.chain)
        origin = self.known.origin_by_xonly(pubkey)
        return KeyWithOrigin(origin, constant, apostrophe=False) if origin else constant

    def _key_by_hash(self, key_hash: bytes, place: Place) -> KeyExpression | None:
        pubkey = self.known.pubkeys.get(key_hash)
        return self.key(pubkey, place) if pubkey else None

    def _inner(self, script: bytes | None, place: Place) -> Descriptor | None:
        return None if script is None else self.script(script, place)

    def _rest(self, script: bytes, place: Place) -> Descriptor | None:
        if place not in {Place.P2WSH, Place.P2TR}:
            return None
        keys = _Keys(self, place)
        node = decode_miniscript(script, keys, tapscript=place is Place.P2TR)
        return Miniscript(tuple(keys.members), node) if node and node.is_sane() else None

    def _tapscript(self, script: bytes) -> Descriptor | None:
        if len(script) == 34 and script[0] == 32 and script[33] == OP_CHECKSIG:
            return PublicKey(self.xonly_key(script[1:33]), xonly=True)
        matched = _match_multi_a(script)
        if matched is None:
            return None
        threshold, keys = matched
        return Multisig(threshold, tuple(map(self.xonly_key, keys)), is_sorted=False, in_taproot=True)

    def _taproot(self, output_key: bytes) -> Descriptor | None:
        data = self.known.spend_data(output_key)
        tree = infer_tree(data, output_key) if data else None
        if data is not None and tree is not None:
            leaves = [self.script(leaf.script, Place.P2TR) for leaf in tree if leaf.version == TAPSCRIPT_VERSION]
            found = tuple(leaf for leaf in leaves if leaf)
            if len(found) == len(tree):
                return Taproot(self.xonly_key(data.internal_key), found, tuple(leaf.depth for leaf in tree))
        return RawTaproot(self.xonly_key(output_key)) if parse_xonly(output_key) is not None else None


@dataclass(slots=True)
class _Keys:
    """Keys of a miniscript: indices into the expressions found."""

    inference: _Inference
    place: Place
    members: list[KeyExpression] = field(default_factory=list)

    def from_bytes(self, data: bytes) -> int | None:
        if self.place is Place.P2TR:
            return self._add(self.inference.xonly_key(data)) if len(data) == 32 else None
        key = self.inference.key(data, self.place)
        return self._add(key) if key else None

    def from_hash(self, data: bytes) -> int | None:
        pubkey = self.inference.known.pubkeys.get(data)
        key = self.inference.key(pubkey, self.place) if pubkey else None
        return self._add(key) if key else None

    def identity(self, key: int) -> Hashable:
        return self.members[key].pubkey(0, SigningData(), SigningData())

    def _add(self, key: KeyExpression) -> int:
        self.members.append(key)
        return len(self.members) - 1


def _match_multi_a(script: bytes) -> tuple[int, list[bytes]] | None:
    """Read a chain of CHECKSIGADD (Core: MatchMultiA)."""
    if len(script) < 36 or script[0] != 32 or script[-1] != OP_NUMEQUAL:
        return None
    try:
        operations = list(iterate(script))
    except ScriptError:
        return None
    keys = [data for opcode, data in operations[:-2:2]]
    checks = [opcode for opcode, _ in operations[1:-2:2]]
    wanted = [OP_CHECKSIG, *[OP_CHECKSIGADD] * (len(keys) - 1)]
    if checks != wanted or not 1 <= len(keys) <= MAX_TAPSCRIPT_KEYS or any(len(key) != 32 for key in keys):
        return None
    threshold = small_number(*operations[-2], 1, len(keys))
    return None if threshold is None else (threshold, keys)
