"""Which output scripts are a legacy wallet's, by the rules such wallets had (Core: scriptpubkeyman.cpp, IsMine)."""

from __future__ import annotations

from enum import Enum, IntEnum, auto
from typing import TYPE_CHECKING

from primitives.hashes import hash160, ripemd160, sha256
from primitives.keys import is_compressed, key_id
from primitives.script import (
    TxoutType,
    pubkey_hash_script,
    pubkey_script,
    script_hash_script,
    solve,
    witness_program,
    witness_script,
)
from primitives.signatures import DummySigner
from primitives.signing import InputSolution, produce_signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from primitives.signing_data import SigningData
    from wallet.legacy.keys import LegacyKeys


class Ownership(IntEnum):
    """What a wallet can do with an output."""

    NO = 0
    WATCH_ONLY = 1
    SPENDABLE = 2
    INVALID = 3
    """Nobody can spend it: a long key in segwit, or a hash behind one that must not be."""


class _Place(Enum):
    TOP = auto()
    P2SH = auto()
    WITNESS = auto()


def is_mine(keys: LegacyKeys, script: bytes) -> bool:
    """Whether a wallet counts an output as its own, spendable or watched."""
    return _owned(keys, script, _Place.TOP) in {Ownership.WATCH_ONLY, Ownership.SPENDABLE}


def can_provide(keys: LegacyKeys, script: bytes, data: SigningData) -> bool:
    """Whether a wallet can help to spend an output that is not its own; `data` is its `solving_data`."""
    if _owned(keys, script, _Place.TOP, inside=False) in {Ownership.WATCH_ONLY, Ownership.SPENDABLE}:
        return True
    solution = InputSolution()
    produce_signature(data, DummySigner(), script, solution, lambda _script_sig, _witness: True)
    return any(map(keys.has_key, solution.signatures))


def candidates(keys: LegacyKeys) -> Iterator[bytes]:
    """Return all output scripts that may be the wallet's or that it may help to spend, some twice."""
    for pubkey in keys.pubkeys().values():
        key = key_id(pubkey)
        segwit = witness_script(0, key)
        yield from (pubkey_script(pubkey), pubkey_hash_script(key), segwit, script_hash_script(hash160(segwit)))
    for script in (*keys.scripts.values(), *keys.watched):
        segwit = witness_script(0, sha256(script))
        yield from (script, script_hash_script(hash160(script)), segwit, script_hash_script(hash160(segwit)))


def _owned(keys: LegacyKeys, script: bytes, place: _Place, *, inside: bool = True) -> Ownership:
    """Judge a script; unless `inside`, any script known behind a hash counts as spendable."""
    kind, solutions = solve(script)
    found = Ownership.NO
    match kind:
        case TxoutType.PUBKEY:
            if place is _Place.WITNESS and not is_compressed(solutions[0]):
                return Ownership.INVALID
            if keys.has_key(key_id(solutions[0])):
                found = Ownership.SPENDABLE
        case TxoutType.PUBKEYHASH:
            pubkey = keys.pubkey(solutions[0]) if place is _Place.WITNESS else None
            if pubkey is not None and not is_compressed(pubkey):
                return Ownership.INVALID
            if keys.has_key(solutions[0]):
                found = Ownership.SPENDABLE
        case TxoutType.WITNESS_V0_KEYHASH:
            if place is _Place.WITNESS:
                return Ownership.INVALID
            # Bare segwit counts only where the same wrapped in P2SH would.
            if place is _Place.P2SH or hash160(script) in keys.scripts:
                found = _owned(keys, pubkey_hash_script(solutions[0]), _Place.WITNESS)
        case TxoutType.SCRIPTHASH:
            if place is not _Place.TOP:
                return Ownership.INVALID
            found = _behind(keys, solutions[0], _Place.P2SH, inside=inside)
        case TxoutType.WITNESS_V0_SCRIPTHASH:
            if place is _Place.WITNESS:
                return Ownership.INVALID
            if place is _Place.P2SH or hash160(script) in keys.scripts:
                found = _behind(keys, ripemd160(solutions[0]), _Place.WITNESS, inside=inside)
        case TxoutType.MULTISIG if place is not _Place.TOP:
            members = solutions[1:-1]
            if place is _Place.WITNESS and not all(map(is_compressed, members)):
                return Ownership.INVALID
            if all(keys.has_key(key_id(pubkey)) for pubkey in members):
                found = Ownership.SPENDABLE
        case _:
            pass
    return Ownership.WATCH_ONLY if found is Ownership.NO and script in keys.watched else found


def _behind(keys: LegacyKeys, script_hash: bytes, place: _Place, *, inside: bool) -> Ownership:
    script = keys.scripts.get(script_hash)
    if script is None:
        return Ownership.NO
    return _owned(keys, script, place) if inside else Ownership.SPENDABLE


def is_behind_hash(script: bytes) -> bool:
    """Whether an output pays to the hash of a script."""
    program = witness_program(script)
    return solve(script)[0] is TxoutType.SCRIPTHASH or (
        program is not None and program[0] == 0 and len(program[1]) == 32
    )
