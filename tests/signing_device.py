"""A device that signs, as a program for -signer: `python signing_device.py <folder> <command> ...`, like HWI.

The folder's file `mode` says how it behaves, "<command>:<mode>" in one command only, and its file `calls` gets a line
of each call.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from common.chains import REGTEST
from primitives import bip32, sighash
from primitives.address import encode
from primitives.bip32 import ExtendedKey, KeyOrigin
from primitives.descriptor_checksum import add_checksum
from primitives.descriptor_parsing import parse_descriptor
from primitives.psbt import Psbt, PsbtOutput
from primitives.psbt_reading import decode_psbt
from primitives.psbt_signing import PsbtSigner, spent_outputs
from primitives.psbt_writing import encode_psbt
from primitives.script_check import ScriptChecker
from primitives.signing_data import SigningData

MASTER = ExtendedKey.from_seed(b"\7" * 32)
MODEL = "test device"
FINGERPRINT = MASTER.fingerprint().hex()
SHAPES = (("pkh({})", 44), ("sh(wpkh({}))", 49), ("wpkh({})", 84), ("tr({})", 86))
THIEF = b"\0\x14" + b"\x99" * 20


def derived(origin: KeyOrigin) -> ExtendedKey:
    key = MASTER.derive_path(origin.path)
    assert key is not None
    return key


def descriptors(account: int, *, internal: bool) -> list[str]:
    made = []
    for shape, purpose in SHAPES:
        path = (purpose | 1 << 31, 1 | 1 << 31, account | 1 << 31)
        xpub = bip32.encode_public(derived(KeyOrigin(b"", path)).neuter(), REGTEST)
        made.append(add_checksum(shape.format(f"[{FINGERPRINT}/{purpose}h/1h/{account}h]{xpub}/{int(internal)}/*")))
    return made


def sign(psbt: Psbt, *, finalize: bool = False, hash_type: int | None = None) -> Psbt:
    known = SigningData()
    for each in psbt.inputs:
        for origin in (*each.origins.values(), *(origin for _, origin in each.xonly_origins.values())):
            if origin.fingerprint.hex() == FINGERPRINT and (key := derived(origin).private_key()) is not None:
                known.add_key(key)
    transaction = psbt.unsigned()
    assert transaction is not None
    with ScriptChecker(transaction, spent_outputs(psbt)) as checker:
        signer = PsbtSigner(psbt, transaction, checker)
        for index in range(len(psbt.inputs)):
            signer.sign(index, known, finalize=finalize, hash_type=hash_type)
    return psbt


def answer(mode: str, arguments: list[str]) -> object:
    device = {"fingerprint": FINGERPRINT, "model": MODEL, "type": "test"}
    command = arguments[0]
    if command == "enumerate":
        return {
            "none": [],
            "two": [device, device, {**device, "fingerprint": "00000002"}],
            "error": [{**device, "error": "locked"}],
            "strange error": [{"error": 5}],
            "nameless": [{"model": "x"}],
            "odd": [{"fingerprint": "0123456g"}],
            "object": {},
        }.get(mode, [device])
    assert arguments[:4] == ["--fingerprint", FINGERPRINT, "--chain", "regtest"], arguments
    command, rest = arguments[4], arguments[5:]
    if command == "getdescriptors":
        if mode == "no descriptors":
            return {"receive": 1}
        if mode == "bad descriptors":
            return {"receive": ["wpkh(nonsense)"], "internal": []}
        account = int(rest[1])
        return {"receive": descriptors(account, internal=False), "internal": descriptors(account, internal=True)}
    if command == "displayaddress":
        if mode == "refusing":
            return {"error": "no"}
        if mode == "silent":
            return {}
        parsed = parse_descriptor(rest[1], REGTEST)
        found = parsed.descriptors[0].expand(0, parsed.data)
        assert found is not None
        return {"address": "elsewhere" if mode == "lying" else encode(found.scripts[0], REGTEST)}
    assert command == "signtx", arguments
    if mode == "refusing":
        return {"error": "The user said no"}
    if mode == "silent":
        return {}
    if mode == "broken":
        return {"psbt": "cHNidA=="}
    psbt = decode_psbt(rest[0])
    careless = sighash.NONE if mode.startswith("careless") else 0
    if mode == "lazy":
        return {"psbt": encode_psbt(psbt)}
    if mode == "thief":
        first = psbt.outputs[0]
        psbt.outputs[0] = PsbtOutput(first.amount, THIEF)
    return {"psbt": encode_psbt(sign(psbt, finalize="finishing" in mode, hash_type=careless or None))}


def command(folder: Path) -> str:
    """Return what to give to -signer."""
    return f"{sys.executable} {Path(__file__).resolve()}\t{folder}"


def main() -> None:
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    if "--stdin" in arguments:
        arguments.remove("--stdin")
        arguments += sys.stdin.read().split()
    file = folder / "mode"
    only, _, mode = (file.read_text() if file.exists() else "").rpartition(":")
    mode = mode if only in {"", *arguments} else ""
    with (folder / "calls").open("a") as calls:
        calls.write(f"{os.getpid()} {' '.join(arguments)}\n")
    if mode == "hanging":
        time.sleep(600)
    elif mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif mode == "dying":
        sys.stderr.write("on fire\nand more\n")
        sys.exit(3)
    elif mode == "talking":
        while True:
            sys.stdout.write("x" * (1 << 20))
    elif mode == "garbage":
        sys.stdout.write("{not json\n")
    elif mode == "lax":
        sys.stdout.write('[{"fingerprint": NaN}]\n')
    else:
        sys.stdout.write(json.dumps(answer(mode, arguments)))


if __name__ == "__main__":
    main()
