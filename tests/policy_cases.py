"""Transactions by chance, of which some break a rule of policy or consensus: what a node's verdicts are tried on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from primitives.hashes import hash160, sha256
from primitives.keys import tap_output_key
from primitives.script import multisig_script, pubkey_hash_script, push_data, script_hash_script
from primitives.secp256k1 import public_key, sign_ecdsa, sign_schnorr
from primitives.sighash import Sighashes
from primitives.taproot import TAPSCRIPT_VERSION, leaf_hash
from primitives.transaction import MAX_MONEY, OutPoint, Transaction, TxIn, TxOut

SECRET = bytes([7]) * 32
PUBLIC = public_key(SECRET)
CODE = pubkey_hash_script(hash160(PUBLIC))
WPKH = b"\x00\x14" + hash160(PUBLIC)
CHECKSIG, CHECKMULTISIG, TRUE = b"\xac", b"\xae", b"\x51"

Solution = tuple[bytes, tuple[bytes, ...]]
Satisfy = Callable[[Sighashes, int, int], Solution]


@dataclass(frozen=True)
class Kind:
    """A script to lock coins with, and what unlocks it."""

    name: str
    script: bytes
    satisfy: Satisfy


def anybody(script_sig: bytes = b"", *witness: bytes) -> Satisfy:
    return lambda _digests, _index, _value: (script_sig, witness)


def unused(checks: bytes) -> bytes:
    """Return a script that succeeds and holds signature checks that never run."""
    return b"\x00\x63" + checks + b"\x68" + TRUE


def hidden(redeem: bytes, *pushes: bytes) -> Kind:
    script_sig = b"".join(map(push_data, (*pushes, redeem)))
    return Kind(f"sh {redeem[:8].hex()}", script_hash_script(hash160(redeem)), anybody(script_sig))


def witness_hidden(script: bytes, *items: bytes) -> Kind:
    return Kind(f"wsh {script[:8].hex()}", b"\x00\x20" + sha256(script), anybody(b"", *items, script))


def tap_hidden(script: bytes, *items: bytes, version: int = TAPSCRIPT_VERSION) -> Kind:
    tweaked = tap_output_key(PUBLIC[1:], leaf_hash(script, version))
    assert tweaked is not None
    control = bytes((version | tweaked[1],)) + PUBLIC[1:]
    return Kind(f"tap {version:x}", b"\x51\x20" + tweaked[0], anybody(b"", *items, script, control))


def legacy(script: bytes, *after: bytes, before: bytes = b"") -> Satisfy:
    def satisfy(digests: Sighashes, index: int, value: int) -> Solution:
        del value
        signature = sign_ecdsa(SECRET, digests.legacy(index, script, 1)) + b"\x01"
        return before + push_data(signature) + b"".join(map(push_data, after)), ()

    return satisfy


def segwit(script_sig: bytes) -> Satisfy:
    def satisfy(digests: Sighashes, index: int, value: int) -> Solution:
        return script_sig, (sign_ecdsa(SECRET, digests.segwit_v0(index, CODE, value, 1)) + b"\x01", PUBLIC)

    return satisfy


def taproot(digests: Sighashes, index: int, value: int) -> Solution:
    del value
    digest = digests.taproot(index, 0)
    return b"", (sign_schnorr(SECRET, digest),) if digest else (bytes(64),)


MULTISIG = multisig_script(1, [PUBLIC, PUBLIC])
KINDS = (
    Kind("wpkh", WPKH, segwit(b"")),
    Kind("sh(wpkh)", script_hash_script(hash160(WPKH)), segwit(push_data(WPKH))),
    Kind("tr", b"\x51\x20" + PUBLIC[1:], taproot),
    Kind("pkh", CODE, legacy(CODE, PUBLIC)),
    Kind("pk", push_data(PUBLIC) + CHECKSIG, legacy(push_data(PUBLIC) + CHECKSIG)),
    Kind("multi", MULTISIG, legacy(MULTISIG, before=b"\x00")),
    Kind("anchor", b"\x51\x02\x4e\x73", anybody()),
    Kind("true", TRUE, anybody()),
    Kind("v1", b"\x51\x02ab", anybody(b"", b"x")),
    Kind("v16", b"\x60\x20" + bytes(32), anybody()),
    Kind("checks", unused(CHECKMULTISIG * 100), anybody()),
    hidden(TRUE),
    hidden(b"\x51\x02\x4e\x73"),
    hidden(b"\x51\x20" + PUBLIC[1:]),
    hidden(b"\xb9\x51"),
    hidden(unused(CHECKSIG * 15)),
    hidden(unused(CHECKSIG * 16)),
    hidden(unused(b"\x5f" + CHECKMULTISIG)),
    hidden(unused(b"\x5f" + CHECKMULTISIG + CHECKSIG)),
    hidden(b"\x75" * 3 + TRUE, b"", bytes(520), b"a"),
    witness_hidden(TRUE),
    witness_hidden(unused(CHECKMULTISIG * 10)),
    witness_hidden(unused(CHECKMULTISIG * 201)),
    witness_hidden(unused(CHECKMULTISIG * 800)),
    witness_hidden(unused(CHECKMULTISIG * 801)),
    witness_hidden(b"\x75" + TRUE, bytes(80)),
    witness_hidden(b"\x75" + TRUE, bytes(81)),
    witness_hidden(b"\x61\x51" + b"\x61" * 10),
    witness_hidden(TRUE + (b"\x4d\x08\x02" + bytes(520) + b"\x75") * 6 + b"\x4d\xc0\x01" + bytes(448) + b"\x75"),
    witness_hidden(TRUE + (b"\x4d\x08\x02" + bytes(520) + b"\x75") * 6 + b"\x4d\xc8\x01" + bytes(456) + b"\x75"),
    tap_hidden(TRUE),
    tap_hidden(b"\x75" + TRUE, bytes(80)),
    tap_hidden(b"\x75" + TRUE, bytes(81)),
    tap_hidden(TRUE, version=0xC2),
    tap_hidden(b"\x50"),
)


@dataclass(frozen=True)
class Spendable:
    """An output in the chain."""

    outpoint: OutPoint
    value: int
    kind: Kind


LOCKING = (
    WPKH, WPKH, WPKH, b"\x51\x20" + PUBLIC[1:], script_hash_script(bytes(20)), CODE, push_data(PUBLIC) + CHECKSIG,
    b"\x00\x20" + bytes(32), b"\x51\x02\x4e\x73", b"\x52\x02ab",
)  # fmt: skip
ODD_LOCKING = (
    TRUE,
    b"",
    CHECKSIG,
    CHECKMULTISIG * 199,
    CHECKMULTISIG * 200,
    CHECKMULTISIG * 201,
    b"\x6a\x02a",
    b"\x00\x15" + bytes(21),
    bytes(10_001),
)


def outputs(random: Random, value: int) -> tuple[TxOut, ...]:
    """Return outputs that are worth about `value` together."""
    made: list[TxOut] = []
    for _ in range(random.choice((1, 1, 2, 2, 3, 5))):
        script = random.choice(LOCKING)
        chance = random.random()
        if chance < 0.06:
            script = b"\x6a" + push_data(bytes(random.choice((0, 1, 40, 75, 80, 200, 70_000))))
        elif chance < 0.1:
            script = multisig_script(1, [PUBLIC] * random.choice((1, 2, 3, 4)))
        elif chance < 0.13:
            script = random.choice(ODD_LOCKING)
        worth = random.randrange(max(value, 0) + 1) if random.random() < 0.8 else random.randrange(1100)
        if random.random() < 0.03:
            worth = random.choice((-1, MAX_MONEY, MAX_MONEY + 1, 0, 0))
        if not made or worth <= value:
            made.append(TxOut(worth, script))
            value -= worth
    if value > 0 and made and random.random() < 0.9:
        made[0] = TxOut(made[0].value + max(0, value - random.randrange(5000)), made[0].script_pubkey)
    return tuple(made)


def broken(random: Random, solution: Solution) -> Solution:
    """Return what unlocks an output, changed in one place."""
    script_sig, witness = solution
    match random.randrange(14):
        case 0:
            script_sig = b""
        case 1:
            script_sig = random.choice((b"\x51", b"\x00", b"\x50", b"\x61", b"\x02a", bytes(1651))) + script_sig
        case 2:
            script_sig += random.choice((b"\x51", b"\x4f", b"\x50", b"\x75", b"\x02a", push_data(bytes(521))))
        case 3:
            script_sig = b"\x00" * random.choice((999, 1000, 1001)) + script_sig
        case 4:
            witness = ()
        case 5:
            witness = (*witness, b"\x50" + bytes(random.randrange(3)))
        case 6:
            witness = (bytes(random.choice((1, 80, 81, 520, 521))), *witness)
        case 7:
            witness = witness[:-1]
        case 8:
            witness = (*witness, b"")
        case 9:
            witness = (b"",) * random.choice((1, 98, 99, 100, 101)) + witness
        case 10 if witness and witness[0]:
            witness = (witness[0][:-1] + bytes((witness[0][-1] ^ 1,)), *witness[1:])
        case 11 if script_sig:
            place = random.randrange(len(script_sig))
            script_sig = script_sig[:place] + bytes((script_sig[place] ^ 1,)) + script_sig[place + 1 :]
        case _:
            witness = (b"x", b"y")
    return script_sig, witness


def transaction(random: Random, spendable: Sequence[Spendable], height: int, time: int) -> Transaction:
    """Return a transaction that spends some outputs, against a tip at that height and median time."""
    count = random.choice((1, 1, 1, 2, 3))
    if random.random() < 0.03:
        count = random.choice((8, 26))
    many = [each for each in spendable if each.kind.name == "checks"] if count > 8 else spendable
    taken = random.sample(many, min(count, len(many)))
    version = random.choice((1, 2, 2, 2, 3)) if random.random() < 0.98 else random.choice((0, 4, 0xFFFFFFFF))
    lock_time = random.choice((height - 1, height, height + 1, height + 2, time - 1, time, time + 1))
    inputs = []
    for each in taken:
        sequence = random.choice((0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD))
        if random.random() < 0.1:
            sequence = random.choice((0, 1 << 22)) | random.randrange(12)
        prevout = each.outpoint
        if random.random() < 0.01:
            prevout = random.choice((OutPoint(bytes(32), 0xFFFFFFFF), taken[0].outpoint, OutPoint(prevout.txid, 9999)))
        inputs.append(TxIn(prevout, b"", sequence))
    value = sum(each.value for each in taken)
    made = outputs(random, value) if random.random() < 0.99 else ()
    if random.random() < 0.7:
        lock_time = 0
    unsigned = Transaction(version, tuple(inputs), made, lock_time)
    digests = Sighashes(unsigned, [TxOut(each.value, each.kind.script) for each in taken])
    signed = []
    for index, each in enumerate(taken):
        solution = each.kind.satisfy(digests, index, each.value)
        if random.random() < 0.15:
            solution = broken(random, solution)
        signed.append(inputs[index]._replace(script_sig=solution[0], witness=solution[1]))
    return Transaction(version, tuple(signed), made, lock_time)
