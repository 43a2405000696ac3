"""Solving the script of an output: scripts, signatures and the final scriptSig and witness (Core: src/script/sign.cpp).

`InputSolution` gathers what is found for one input, and starts with what is already there: signatures of others in a
PSBT or in a transaction half signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from primitives.bip32 import HARDENED
from primitives.errors import ScriptError
from primitives.hashes import hash160, ripemd160
from primitives.keys import fingerprint, tap_output_key, tap_tweak
from primitives.miniscript_decoding import decode_miniscript
from primitives.miniscript_satisfaction import satisfy
from primitives.musig import aggregate_signature, make_nonce, session_id, sign_part, synthetic_key
from primitives.opcodes import OP_1, OP_1NEGATE, OP_16, OP_PUSHDATA4, OP_RESERVED
from primitives.script import (
    TxoutType,
    encode_number,
    is_valid_pubkey_size,
    iterate,
    pubkey_hash_script,
    push_data,
    push_number,
    solve,
)
from primitives.taproot import TAPSCRIPT_VERSION, SpendData, TapTree, leaf_hash
from primitives.transaction import witness_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from primitives.bip32 import ExtendedKey, KeyOrigin
    from primitives.miniscript_types import Fragment
    from primitives.signatures import InputSigner, Signer
    from primitives.signing_data import SigningData


@dataclass(slots=True)
class InputSolution:
    """What is known and found for one input. Keys are known by the HASH160 of their bytes."""

    complete: bool = False
    is_segwit: bool = False
    script_sig: bytes = b""
    witness: tuple[bytes, ...] = ()
    redeem_script: bytes = b""
    witness_script: bytes = b""
    signatures: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    """Public key and ECDSA signature."""
    pubkeys: dict[bytes, tuple[bytes, KeyOrigin]] = field(default_factory=dict)
    spend: SpendData = field(default_factory=SpendData)
    tree: TapTree | None = None
    key_path_signature: bytes = b""
    script_path_signatures: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    """By x-only key and leaf hash."""
    xonly_origins: dict[bytes, tuple[set[bytes], KeyOrigin]] = field(default_factory=dict)
    """Leaf hashes and origin by x-only key."""
    xonly_keys: dict[bytes, bytes] = field(default_factory=dict)
    """X-only keys by the HASH160 of their 32 bytes."""
    preimages: dict[tuple[Fragment, bytes], bytes] = field(default_factory=dict)
    musig_participants: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    musig_nonces: dict[tuple[bytes, bytes, bytes], bytes] = field(default_factory=dict)
    """By the key that is signed for, leaf hash (empty for the key path) and participant; so are partial signatures."""
    musig_signatures: dict[tuple[bytes, bytes, bytes], bytes] = field(default_factory=dict)
    missing_pubkeys: list[bytes] = field(default_factory=list)
    missing_signatures: list[bytes] = field(default_factory=list)
    missing_redeem_script: bytes = b""
    missing_witness_script: bytes = b""

    def merge(self, other: InputSolution) -> InputSolution:
        """Return one with what both know; a complete one is taken whole."""
        if self.complete or other.complete:
            return self if self.complete else other
        self.redeem_script = self.redeem_script or other.redeem_script
        self.witness_script = self.witness_script or other.witness_script
        for key_id, pair in other.signatures.items():
            self.signatures.setdefault(key_id, pair)
        return self


def produce_signature(
    known: SigningData,
    signer: Signer,
    script_pubkey: bytes,
    solution: InputSolution,
    verify: Callable[[bytes, Sequence[bytes]], bool],
) -> bool:
    """Solve an output as far as possible; whether scriptSig and witness are now complete and verify."""
    if solution.complete:
        return True
    solver = _Solver(known, signer, solution)
    kind, found, solved = solver.step(script_pubkey, segwit=False)
    stack: list[bytes] = []
    redeem_script = None
    if solved and kind is TxoutType.SCRIPTHASH:
        redeem_script = solution.redeem_script = found[0]
        kind, found, solved = solver.step(redeem_script, segwit=False)
        solved = solved and kind is not TxoutType.SCRIPTHASH
    if solved and kind is TxoutType.WITNESS_V0_KEYHASH:
        _, found, solved = solver.step(pubkey_hash_script(found[0]), segwit=True)
        solution.witness, solution.is_segwit = tuple(found), True
    elif solved and kind is TxoutType.WITNESS_V0_SCRIPTHASH:
        script = solution.witness_script = found[0]
        inner, found, solved = solver.step(script, segwit=True)
        solved = solved and inner not in _HASHED
        if not solved and not found:
            satisfied = solver.satisfy(script, b"")
            solved, found = satisfied is not None, satisfied or []
        solution.witness, solution.is_segwit = (*found, script), True
    elif kind is TxoutType.WITNESS_V1_TAPROOT and redeem_script is None:
        solution.is_segwit = True
        if solved:
            solution.witness = tuple(found)
    elif solved and kind is TxoutType.WITNESS_UNKNOWN:
        solution.is_segwit = True
    else:
        stack = found
    if not solution.is_segwit:
        solution.witness = ()
    if redeem_script is not None:
        stack.append(redeem_script)
    solution.script_sig = b"".join(map(_push, stack))
    solution.complete = solved and verify(solution.script_sig, solution.witness)
    return solution.complete


_HASHED: Final = {TxoutType.SCRIPTHASH, TxoutType.WITNESS_V0_SCRIPTHASH, TxoutType.WITNESS_V0_KEYHASH}


def _push(data: bytes) -> bytes:
    if len(data) == 1 and 1 <= data[0] <= 16:
        return push_number(data[0])
    return bytes((OP_1NEGATE,)) if data == b"\x81" else push_data(data)


@dataclass(frozen=True, slots=True)
class _Solver:
    known: SigningData
    signer: Signer
    solution: InputSolution

    def step(self, script: bytes, *, segwit: bool) -> tuple[TxoutType, list[bytes], bool]:
        """Solve one script; return its type, the stack or the script behind its hash, and whether that is all."""
        kind, solutions = solve(script)
        solution = self.solution
        match kind:
            case TxoutType.PUBKEY:
                signature = self._sign(solutions[0], script, segwit=segwit)
                return kind, [signature] if signature else [], signature is not None
            case TxoutType.PUBKEYHASH:
                pubkey = self.pubkey(solutions[0])
                signature = self._sign(pubkey, script, segwit=segwit) if pubkey else None
                return kind, [signature, pubkey] if signature and pubkey else [], signature is not None
            case TxoutType.SCRIPTHASH:
                inner = self._script(solutions[0])
                if inner is None:
                    solution.missing_redeem_script = solutions[0]
                return kind, [] if inner is None else [inner], inner is not None
            case TxoutType.MULTISIG:
                stack, done = self._multisig(solutions, script, segwit=segwit)
                return kind, stack, done
            case TxoutType.WITNESS_V0_KEYHASH:
                return kind, solutions, True
            case TxoutType.WITNESS_V0_SCRIPTHASH:
                inner = self._script(ripemd160(solutions[0]))
                if inner is None:
                    solution.missing_witness_script = solutions[0]
                return kind, [] if inner is None else [inner], inner is not None
            case TxoutType.WITNESS_V1_TAPROOT:
                taproot = self._taproot(solutions[0])
                return kind, taproot or [], taproot is not None
            case TxoutType.ANCHOR:
                return kind, [], True
            case _:
                return kind, [], False

    def pubkey(self, key_id: bytes) -> bytes | None:
        """Return the key with a hash, of 32 bytes also; None is noted as missing."""
        solution = self.solution
        if key_id in solution.signatures:
            return solution.signatures[key_id][0]
        if key_id in solution.pubkeys:
            return solution.pubkeys[key_id][0]
        if key_id in solution.xonly_keys:
            return b"\2" + solution.xonly_keys[key_id]
        found = self.known.pubkeys.get(key_id)
        if found is None:
            solution.missing_pubkeys.append(key_id)
        return found

    def _script(self, script_hash: bytes) -> bytes | None:
        if script_hash in self.known.scripts:
            return self.known.scripts[script_hash]
        solution = self.solution
        return next(
            (each for each in (solution.redeem_script, solution.witness_script) if hash160(each) == script_hash), None
        )

    def _sign(self, pubkey: bytes, script_code: bytes, *, segwit: bool) -> bytes | None:
        """Return the signature there is or can be made; None is noted as missing."""
        solution = self.solution
        key_id = hash160(pubkey)
        if key_id in solution.signatures:
            return solution.signatures[key_id][1]
        origin = self.known.origin(key_id)
        if origin:
            solution.pubkeys.setdefault(key_id, (pubkey, origin))
        signature = self.signer.ecdsa(self.known, key_id, script_code, segwit=segwit)
        if signature is None:
            solution.missing_signatures.append(key_id)
            return None
        solution.signatures[key_id] = (pubkey, signature)
        return signature

    def _multisig(self, solutions: Sequence[bytes], script: bytes, *, segwit: bool) -> tuple[list[bytes], bool]:
        """Sign with every key, so that a PSBT has them all, and use as many as it takes."""
        required = solutions[0][0]
        signatures = [self._sign(pubkey, script, segwit=segwit) for pubkey in solutions[1:-1]]
        used = [signature for signature in signatures if signature][:required]
        missing = required - len(used)
        return [b"", *used, *[b""] * ((missing + 1) // 2)], not missing  # Core leaves places for half of them.

    def _taproot(self, output_key: bytes) -> list[bytes] | None:
        solution = self.solution
        tree = self.known.trees.get(output_key)
        if tree:
            solution.tree = tree
            solution.spend.merge(tree.spend_data())
        for aggregate, participants in self.known.aggregates.items():
            solution.musig_participants.setdefault(aggregate, participants)
        for key in (solution.spend.internal_key, output_key):
            origin = self.known.origin_by_xonly(key)
            if origin:
                solution.xonly_origins.setdefault(key, (set(), origin))
        ways = ((solution.spend.internal_key, solution.spend.merkle_root), (output_key, None))
        for key, root in ways:
            if not solution.key_path_signature:
                solution.key_path_signature = self.signer.schnorr(self.known, key, merkle_root=root) or b""
            if not solution.key_path_signature:
                solution.key_path_signature = self._aggregate_signature(key, b"", root) or b""
        if solution.key_path_signature:
            return [solution.key_path_signature]
        smallest: list[bytes] | None = None
        for (script, version), controls in sorted(solution.spend.scripts.items()):
            if version != TAPSCRIPT_VERSION:
                continue
            stack = self.satisfy(script, leaf_hash(script, version))
            if stack is None:
                continue
            stack += (script, controls[0])
            if smallest is None or len(witness_stack(stack)) < len(witness_stack(smallest)):
                smallest = stack
        return smallest

    def sign_leaf(self, pubkey: bytes, leaf: bytes) -> bytes | None:
        """Return the signature of an x-only key in a leaf that there is or can be made."""
        solution = self.solution
        origin = self.known.origin_by_xonly(pubkey)
        if origin:
            solution.xonly_origins.setdefault(pubkey, (set(), origin))[0].add(leaf)
        if (pubkey, leaf) not in solution.script_path_signatures:
            signature = self.signer.schnorr(self.known, pubkey, leaf_hash=leaf)
            if signature is None:
                signature = self._aggregate_signature(pubkey, leaf, None)
            if signature is None:
                return None
            solution.script_path_signatures[pubkey, leaf] = signature
        return solution.script_path_signatures[pubkey, leaf]

    def _aggregate_signature(self, pubkey: bytes, leaf: bytes, merkle_root: bytes | None) -> bytes | None:
        """Return the signature by an aggregate key that its participants' parts make.

        Notes where participants come from, so that they can sign.
        """
        found = None
        signed_origin = self.solution.xonly_origins.get(pubkey)
        for aggregate, participants in self.solution.musig_participants.items():
            for each in participants:
                origin = self.known.origin(hash160(each))
                if origin:
                    leaves, _ = self.solution.xonly_origins.setdefault(each[1:], (set(), origin))
                    leaves.update([leaf] if leaf else [])
            tweaks: list[tuple[bytes, bool]] = []
            plain = _derive_aggregate(aggregate, pubkey, signed_origin[1] if signed_origin else None, tweaks)
            if plain is None:
                continue
            if merkle_root is not None:
                tweaks.append((tap_tweak(pubkey, merkle_root), True))
                output = tap_output_key(pubkey, merkle_root)
                plain = bytes((2 + output[1],)) + output[0] if output else plain
            digest = self.signer.taproot_digest(leaf)
            if digest is None:
                continue
            nonces, signatures = (
                {key: value for (signed, at, key), value in values.items() if (signed, at) == (plain, leaf)}
                for values in (self.solution.musig_nonces, self.solution.musig_signatures)
            )
            signature = aggregate_signature(participants, tweaks, digest, nonces, signatures)
            if signature:
                found = signature + self.signer.taproot_suffix()
            else:
                self._take_part(participants, tweaks, digest, (plain, leaf), nonces)
        return found

    def _take_part(
        self,
        participants: Sequence[bytes],
        tweaks: Sequence[tuple[bytes, bool]],
        digest: bytes,
        place: tuple[bytes, bytes],
        nonces: dict[bytes, bytes],
    ) -> None:
        """Add to an aggregate signature what participants whose keys are known can: nonces first, then their parts."""
        store = self.known.nonces
        if store is None:
            return
        keys = [(each, key) for each in participants if (key := self.known.private_key(hash160(each)))]
        solution = self.solution
        if len(nonces) == len(participants):
            for each, key in keys:
                secret = store.take(session_id(place[0], each, digest, nonces[each]))
                part = sign_part(key, secret, participants, tweaks, digest, nonces) if secret else None
                if part:
                    solution.musig_signatures.setdefault((*place, each), part)
        if any((*place, each) in solution.musig_signatures for each in participants):
            return
        for each, key in keys:
            made = None if each in nonces else make_nonce(key, participants, digest)
            if made:
                secret, public = made
                store.put(session_id(place[0], each, digest, public), secret)
                solution.musig_nonces[*place, each] = public

    def sign_script(self, pubkey: bytes, script: bytes) -> bytes | None:
        """Return the signature of a key in a witness script that there is or can be made."""
        return self._sign(pubkey, script, segwit=True)

    def satisfy(self, script: bytes, leaf: bytes) -> list[bytes] | None:
        """Satisfy a script as miniscript; `leaf` is its hash in a taproot tree."""
        satisfier = _Satisfier(self, script, leaf)
        node = decode_miniscript(script, satisfier, tapscript=bool(leaf))
        return satisfy(node, satisfier) if node else None


@dataclass(frozen=True, slots=True)
class _Satisfier:
    """Keys are bytes, of 33 in segwit v0 and of 32 in tapscript."""

    solver: _Solver
    script: bytes
    leaf: bytes

    def from_bytes(self, data: bytes) -> bytes | None:
        if self.leaf:
            return data if len(data) == 32 else None
        return data if is_valid_pubkey_size(data) else None

    def from_hash(self, data: bytes) -> bytes | None:
        pubkey = self.solver.pubkey(data)
        return pubkey[1:33] if pubkey and self.leaf else pubkey

    def identity(self, key: bytes) -> Hashable:
        return key

    def key_bytes(self, key: bytes) -> bytes:
        return key

    def sign(self, key: bytes) -> bytes | None:
        return self.solver.sign_leaf(key, self.leaf) if self.leaf else self.solver.sign_script(key, self.script)

    def preimage(self, fragment: Fragment, digest: bytes) -> bytes | None:
        return self.solver.solution.preimages.get((fragment, digest))

    def check_older(self, number: int) -> bool:
        return self.solver.signer.check_older(number)

    def check_after(self, number: int) -> bool:
        return self.solver.signer.check_after(number)


def _derive_aggregate(
    aggregate: bytes, pubkey: bytes, origin: KeyOrigin | None, tweaks: list[tuple[bytes, bool]]
) -> bytes | None:
    """Return the key of 33 bytes that an x-only key is, if it is an aggregate or derived from it; fill `tweaks`."""
    if aggregate[1:] == pubkey:
        return aggregate
    if origin is None or not origin.path or origin.fingerprint != fingerprint(aggregate):
        return None
    key: ExtendedKey | None = synthetic_key(aggregate)
    for step in origin.path:
        if key is None or step & HARDENED:
            return None
        tweaks.append((key.tweak(step), False))
        key = key.derive(step)
    return key.public_key if key and key.public_key[1:] == pubkey else None


def solution_of_input(
    script_sig: bytes,
    witness: Sequence[bytes],
    script_pubkey: bytes,
    signer: InputSigner,
    verify: Callable[[bytes, Sequence[bytes]], bool],
) -> InputSolution:
    """Take signatures and scripts from an input that may be signed in part (Core: DataFromTransaction)."""
    solution = InputSolution(script_sig=script_sig, witness=tuple(witness))
    if verify(script_sig, witness):
        solution.complete = True
        return solution
    stack = _pushes(script_sig)
    stack_witness = list(witness)
    kind, solutions = solve(script_pubkey)
    script = script_pubkey
    segwit = False
    if kind is TxoutType.SCRIPTHASH and stack and stack[-1]:
        script = solution.redeem_script = stack.pop()
        kind, solutions = solve(script)
    if kind is TxoutType.WITNESS_V0_SCRIPTHASH and stack_witness and stack_witness[-1]:
        script = solution.witness_script = stack_witness.pop()
        kind, solutions = solve(script)
        stack, segwit = stack_witness, True
    if kind is TxoutType.MULTISIG:
        pubkeys = solutions[1:-1]
        first = 0
        for signature in stack:
            for at in range(first, len(pubkeys)):
                key_id = hash160(pubkeys[at])
                if key_id not in solution.signatures and signer.is_signature(
                    signature, pubkeys[at], script, segwit=segwit
                ):
                    solution.signatures[key_id] = (pubkeys[at], signature)
                if key_id in solution.signatures:
                    first = at + 1
                    break
    return solution


def _pushes(script: bytes) -> list[bytes]:
    """Return what a script pushes before it does anything else."""
    stack = []
    try:
        for opcode, data in iterate(script):
            if opcode > OP_16 or opcode == OP_RESERVED:
                break
            stack.append(data if opcode <= OP_PUSHDATA4 else encode_number(opcode - OP_1 + 1))
    except ScriptError:
        pass
    return stack
