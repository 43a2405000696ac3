"""Writes legacy wallets as Core's older releases did: their records, and the Berkeley DB file that has them."""

import random
from dataclasses import dataclass, field
from pathlib import Path

from berkeley_file import berkeley_bytes

from common.chains import REGTEST
from primitives import address
from primitives.bip32 import HARDENED, ExtendedKey
from primitives.encoding import compact_size, sized
from primitives.hashes import hash160, sha256, sha256d
from primitives.keys import PrivateKey, fingerprint
from primitives.script import multisig_script, pubkey_hash_script, pubkey_script, script_hash_script, witness_script
from primitives.transaction import Transaction
from wallet.crypter import encrypt_master_key, encrypt_private_key
from wallet.record_encoding import encode_private_key, int32, int64, text, uint32, uint64
from wallet.transaction import State, WalletTx

TIME = 1_600_000_000


@dataclass
class LegacyWallet:
    """The records. With a passphrase all keys are encrypted."""

    chance: random.Random = field(default_factory=random.Random)
    passphrase: str = ""
    records: dict[bytes, bytes] = field(default_factory=dict)
    master: bytes = b""
    position: int = 0

    def __post_init__(self) -> None:
        if self.passphrase:
            self.master = self.chance.randbytes(32)
            record = encrypt_master_key(self.passphrase.encode(), self.master)
            self.records[text("mkey") + uint32(1)] = record.serialize()
        self.put("version", int32(169900))
        self.put("minversion", int32(169900))

    def put(self, kind: str, value: bytes, key: bytes = b"") -> None:
        self.records[text(kind) + key] = value

    # Keys.

    def new_key(self, *, compressed: bool = True) -> PrivateKey:
        return PrivateKey(self.chance.randbytes(32), compressed)

    def add_key(self, key: PrivateKey, metadata: bytes | None = None, *, checksum: bool = True) -> PrivateKey:
        pubkey, encoded = key.public_key(), encode_private_key(key)
        if self.master:
            secret = encrypt_private_key(self.master, key)
            self.put("ckey", sized(secret) + (sha256d(secret) if checksum else b""), sized(pubkey))
        else:
            self.put("key", sized(encoded) + (sha256d(pubkey + encoded) if checksum else b""), sized(pubkey))
        if metadata is not None:
            self.put("keymeta", metadata, sized(pubkey))
        return key

    def metadata(
        self,
        version: int = 12,
        path: str = "",
        seed: bytes = bytes(20),
        origin: tuple[bytes, tuple[int, ...]] | None = None,
        time: int = TIME,
    ) -> bytes:
        found = int32(version) + int64(time)
        if version >= 10:
            found += text(path) + seed
        if version >= 12:
            mark, steps = origin or (bytes(4), ())
            found += mark + compact_size(len(steps)) + b"".join(map(uint32, steps)) + bytes((origin is not None,))
        return found

    def add_chain(
        self, external: int, internal: int = 0, *, split: bool = True, active: bool = True, version: int = 12
    ) -> list[PrivateKey]:
        """Add a seed and keys derived of it; return these."""
        seed = self.new_key()
        name = hash160(seed.public_key())
        self.add_key(seed, self.metadata(version, "s" if self.chance.random() < 0.8 else "m", name))
        if active:
            counters = int32(2) + uint32(external) + name + uint32(internal)
            self.put("hdchain", counters if split else int32(1) + uint32(external) + name)
        master = ExtendedKey.from_seed(seed.secret)
        keys = []
        for side, count in ((0, external), (1, internal)):
            for index in range(count):
                steps = (HARDENED, side | HARDENED, index | HARDENED)
                child = master.derive_path(steps)
                private = child.private_key() if child else None
                assert private
                origin = (fingerprint(master.public_key), steps) if version >= 12 else None
                path = f"m/0'/{side}'/{index}'"
                keys.append(self.add_key(private, self.metadata(version, path, name, origin)))
        return keys

    # Scripts.

    def add_script(self, script: bytes) -> bytes:
        self.put("cscript", sized(script), hash160(script))
        return script

    def watch(self, script: bytes, time: int | None = TIME, mark: bytes = b"1") -> bytes:
        self.put("watchs", mark, sized(script))
        if time is not None:
            self.put("watchmeta", self.metadata(1, time=time), sized(script))
        return script

    # All else.

    def label(self, script: bytes, label: str | None, purpose: str | None = "receive") -> str:
        name = address.encode(script, REGTEST) or ""
        if label is not None:
            self.put("name", text(label), text(name))
        if purpose is not None:
            self.put("purpose", text(purpose), text(name))
        return name

    def add_transaction(self, tx: Transaction, state: State, time: int = TIME) -> None:
        wtx = WalletTx(tx, state, time, time, self.position)
        self.position += 1
        self.put("tx", wtx.serialize(), tx.txid)
        self.put("orderposnext", int64(self.position))

    def best_block(self, *locator: bytes) -> None:
        self.put("bestblock", int32(70016) + compact_size(0))
        self.put("bestblock_nomerkle", int32(70016) + compact_size(len(locator)) + b"".join(locator))

    def flags(self, flags: int) -> None:
        self.put("flags", uint64(flags))

    def data(self, page_size: int = 4096, order: str = "<") -> bytes:
        return berkeley_bytes(self.records, page_size, order)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "wallet.dat"
        file.write_bytes(self.data())
        return file


def p2pkh(key: PrivateKey) -> bytes:
    return pubkey_hash_script(hash160(key.public_key()))


def p2wpkh(key: PrivateKey) -> bytes:
    return witness_script(0, hash160(key.public_key()))


def p2sh(script: bytes) -> bytes:
    return script_hash_script(hash160(script))


def p2wsh(script: bytes) -> bytes:
    return witness_script(0, sha256(script))


def random_wallet(seed: int) -> tuple[LegacyWallet, list[bytes], list[PrivateKey]]:
    """Return a wallet of many kinds of keys and scripts, output scripts that may be its own, and its keys."""
    chance = random.Random(seed)
    wallet = LegacyWallet(chance, "pass" if chance.random() < 0.4 else "")
    scripts: list[bytes] = []
    own: list[PrivateKey] = []
    for _ in range(chance.choice([0, 1, 4])):
        metadata = chance.choice([None, wallet.metadata(1, time=TIME + 5), wallet.metadata(12), wallet.metadata(10)])
        key = wallet.new_key(compressed=chance.random() < 0.7)
        own.append(wallet.add_key(key, metadata, checksum=chance.random() < 0.8))
    if chance.random() < 0.7:
        split = chance.random() < 0.7
        version = chance.choice([10, 12])
        own += wallet.add_chain(
            chance.randrange(1, 6), chance.randrange(1, 5) if split else 0, split=split, version=version
        )
        for _ in range(chance.choice([0, 0, 1, 2])):
            own += wallet.add_chain(chance.randrange(1, 4), chance.randrange(3) if split else 0, active=False)
    foreign = [wallet.new_key(compressed=chance.random() < 0.8) for _ in range(6)]
    for key in (*own, *foreign[:2]):
        scripts += [p2pkh(key), p2wpkh(key), p2sh(p2wpkh(key)), pubkey_script(key.public_key())]
    for _ in range(chance.randrange(5)):
        members = [
            chance.choice(own if own and chance.random() < 0.6 else foreign) for _ in range(chance.randrange(1, 5))
        ]
        script = multisig_script(chance.randrange(1, len(members) + 1), [key.public_key() for key in members])
        scripts += _add_random_script(wallet, script)
    for _ in range(chance.randrange(3)):
        key = chance.choice([*own, *foreign])
        older = b"\x53\xb2\x69" + pubkey_script(key.public_key())  # <3> CHECKSEQUENCEVERIFY VERIFY <key> CHECKSIG
        scripts += _add_random_script(wallet, chance.choice([older, pubkey_script(key.public_key()), p2pkh(key)]))
    if chance.random() < 0.3:
        scripts += _watch_odd_scripts(wallet, foreign[0])
    for key in foreign:
        script = chance.choice(
            [p2pkh(key), pubkey_script(key.public_key()), p2wpkh(key), p2sh(p2wpkh(key)), b"\x51", p2wsh(b"\x51")]
        )
        if chance.random() < 0.6:
            scripts.append(wallet.watch(script, chance.choice([None, 1, TIME])))
    for script in scripts:
        if chance.random() < 0.15 and (len(script) in {22, 23, 25, 34}):
            wallet.watch(script, None, chance.choice([b"1", b"1", b"0"]))
    return wallet, scripts, own


def _watch_odd_scripts(wallet: LegacyWallet, key: PrivateKey) -> list[bytes]:
    """Watch a few of what imports could bring in: keys written oddly, hashes behind hashes, large multisigs."""
    chance = wallet.chance
    long = PrivateKey(key.secret, compressed=False).public_key()
    hybrid = bytes((6 + long[-1] % 2,)) + long[1:]
    many = [wallet.new_key().public_key() for _ in range(chance.choice([4, 15, 16, 20]))]
    tiny = p2sh(pubkey_script(key.public_key()))
    odd = [
        pubkey_script(hybrid),
        pubkey_hash_script(hash160(hybrid)),
        witness_script(0, hash160(hybrid)),
        p2sh(tiny),
        p2wsh(p2wpkh(key)),
        p2sh(p2wsh(pubkey_script(long))),
        multisig_script(2, many),
        p2sh(multisig_script(2, many)),
        p2wsh(multisig_script(2, many)),
        witness_script(1, key.public_key()[1:]),
        witness_script(2, bytes(20)),
        b"\x6a\x01a",
        b"",
        bytes(600),
    ]
    known = [multisig_script(2, many), tiny, pubkey_script(long), p2wsh(pubkey_script(long)), p2wpkh(key), bytes(600)]
    for script in known:
        if chance.random() < 0.6:
            wallet.add_script(script)
    return [wallet.watch(script) for script in odd if chance.random() < 0.6]


def _add_random_script(wallet: LegacyWallet, script: bytes) -> list[bytes]:
    """Let a wallet know a script, and maybe what wraps it, or watch that."""
    chance = wallet.chance
    forms = [script, p2sh(script), p2wsh(script), p2sh(p2wsh(script))]
    if chance.random() < 0.9:
        wallet.add_script(script)
    if chance.random() < 0.5:
        wallet.add_script(p2wsh(script))
    if chance.random() < 0.4:
        wallet.watch(chance.choice(forms))
    return forms[1:]
