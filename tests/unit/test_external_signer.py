"""Wallets whose keys are in a device: what they ask of it, and what they take from it."""

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import signing_device
from conftest import wait_until
from mempool_chain import spend
from regtest_node import RegtestNode, regtest_node
from signing_device import FINGERPRINT, THIEF
from wallet_server import WalletServer, wallet_server

from common.chains import REGTEST
from primitives import address
from primitives.transaction import Transaction, TxOut

PROGRAM = Path(signing_device.__file__)
KINDS = ("legacy", "p2sh-segwit", "bech32", "bech32m")
ELSEWHERE = address.encode(b"\0\x14" + bytes(20), REGTEST)


@dataclass
class Desk:
    """A node, wallets, and a device."""

    node: RegtestNode
    wallets: WalletServer
    folder: Path

    def behave(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def create(self, name: str = "w") -> None:
        assert self.rpc("createwallet", name, True, False, None, False, True, None, True) == {"name": name}

    def rpc(self, method: str, *params: Any) -> Any:
        return self.wallets.rpc(method, *params)

    def error(self, method: str, *params: Any) -> tuple[int, str]:
        _, error = self.wallets.reply(method, *params)
        return error["code"], error["message"]

    def receive(self, kind: str) -> str:
        """Have 800,000 satoshis on a fresh address, in a block."""
        text: str = self.rpc("getnewaddress", "", kind)
        chain = self.node.mempool
        paid = TxOut(800_000, address.decode(text, REGTEST))
        chain.mine([spend(chain.take(), fee=1000, outputs=0, extra=[paid])])
        return text


@pytest.fixture
def desk(tmp_path: Path, no_leaks: None) -> Iterator[Desk]:  # noqa: ARG001 - checked around everything else
    folder = tmp_path / "device"
    folder.mkdir()
    os.environ["PYTHONPATH"] = str(PROGRAM.parents[1])
    with (
        regtest_node(tmp_path / "node") as node,
        wallet_server(tmp_path / "wallets", node, keypool=3, signer=signing_device.command(folder)) as wallets,
    ):
        yield Desk(node, wallets, folder)


def test_a_wallet_has_the_descriptors_of_its_device(desk: Desk) -> None:
    assert desk.rpc("enumeratesigners") == {"signers": [{"fingerprint": FINGERPRINT, "name": "test device"}]}
    desk.create()
    info = desk.rpc("getwalletinfo")
    assert (info["external_signer"], info["private_keys_enabled"], info["blank"]) == (True, False, False)
    assert info["keypoolsize"] == info["keypoolsize_hd_internal"] == 3 * 4
    told = desk.rpc("listdescriptors")["descriptors"]
    expected = [text for internal in (False, True) for text in signing_device.descriptors(0, internal=internal)]
    assert sorted(each["desc"] for each in told) == sorted(expected)
    assert all(each["active"] for each in told)
    desk.rpc("unloadwallet", "w")
    desk.rpc("loadwallet", "w")
    assert desk.rpc("getwalletinfo")["external_signer"]
    assert desk.error("setwalletflag", "external_signer", False) == (-8, "Wallet flag is immutable: external_signer")
    assert desk.error("createwallet", "x", False, False, None, False, True, None, True) == (
        -4,
        "Private keys must be disabled when using an external signer",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_signs_what_is_sent_and_replaced(desk: Desk, kind: str) -> None:
    desk.node.mempool.prepare(1)
    desk.create()
    desk.receive(kind)
    sent = desk.rpc("send", [{ELSEWHERE: 0.003}], None, "unset", 5)
    assert sent["complete"]
    assert sum("signtx" in call for call in desk.calls()) == 1
    pool = desk.node.mempool.pool
    assert [entry.txid[::-1].hex() for entry in pool.entries()] == [sent["txid"]]
    bumped = desk.rpc("bumpfee", sent["txid"], {"fee_rate": 20})
    (entry,) = pool.entries()
    assert entry.txid[::-1].hex() == bumped["txid"]
    assert TxOut(300_000, address.decode(ELSEWHERE or "", REGTEST)) in Transaction.parse(entry.data).outputs
    desk.node.mempool.mine_all()
    left = desk.rpc("sendall", [ELSEWHERE], None, "unset", 5, {"add_to_wallet": False})
    assert left["complete"]
    for method, params in (("sendtoaddress", (ELSEWHERE, 0.001)), ("sendmany", ("", {ELSEWHERE: 0.001}))):
        assert desk.error(method, *params) == (
            -4,
            "Error: sendtoaddress and sendmany are not supported for wallets with external signers; use send instead",
        )


@pytest.mark.parametrize(
    ("mode", "code", "text"),
    [
        ("thief", -25, "External signer failed to sign"),
        ("refusing", -25, "External signer failed to sign"),
        ("silent", -25, "External signer failed to sign"),
        ("broken", -25, "External signer failed to sign"),
        ("none", -25, "External signer not found"),
        ("two", -25, "External signer not found"),
        ("garbage", -1, "Unable to parse JSON: {not json"),
        ("lax", -1, 'Unable to parse JSON: [{"fingerprint": NaN}]'),
        ("dying", -1, "returned 3: on fire\n"),
        ("killed", -1, "returned 9: \n"),
        ("signtx:careless", -22, "Specified sighash value does not match value stored in PSBT"),
        ("signtx:careless finishing", -25, "External signer failed to sign"),
        ("talking", -1, "The program of -signer wrote more than 67108864 bytes"),
    ],
)
def test_nothing_is_sent_that_was_not_asked_for(desk: Desk, mode: str, code: int, text: str) -> None:
    desk.node.mempool.prepare(1)
    desk.create()
    desk.receive("bech32")
    psbt = desk.rpc("walletcreatefundedpsbt", [], [{ELSEWHERE: 0.003}], 0, {"fee_rate": 5})["psbt"]
    desk.behave(mode)
    told = desk.error("send", [{ELSEWHERE: 0.003}], None, "unset", 5)
    assert told[0] == code
    assert told[1].endswith(text)
    assert desk.error("walletprocesspsbt", psbt)[0] == code
    assert not list(desk.node.mempool.pool.entries())
    assert len(desk.rpc("listtransactions")) == 1
    desk.behave("")
    assert desk.rpc("walletprocesspsbt", psbt)["complete"]
    assert THIEF.hex() not in str(desk.rpc("send", [{ELSEWHERE: 0.003}], None, "unset", 5))


def test_a_device_that_signs_nothing_leaves_a_psbt(desk: Desk) -> None:
    desk.node.mempool.prepare(1)
    desk.create()
    desk.receive("bech32m")
    desk.behave("lazy")
    sent = desk.rpc("send", [{ELSEWHERE: 0.003}], None, "unset", 5)
    assert not sent["complete"]
    desk.behave("")
    signed = desk.rpc("walletprocesspsbt", sent["psbt"])
    made = Transaction.parse(bytes.fromhex(signed["hex"]))
    desk.node.mempool.send(made)
    desk.behave("lazy")
    assert desk.error("bumpfee", made.txid[::-1].hex(), {"fee_rate": 20}) == (
        -4,
        "Transaction incomplete. Try psbtbumpfee instead.",
    )


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("none", "No external signers found"),
        ("two", "More than one external signer found. Please connect only one at a time."),
        ("no descriptors", "SetupDescriptorScriptPubKeyMans: Unexpected result"),
        ("bad descriptors", 'SetupDescriptorScriptPubKeyMans: Invalid descriptor "wpkh(nonsense)" (wpkh(): '),
    ],
)
def test_a_wallet_that_cannot_be_made_leaves_nothing(desk: Desk, mode: str, text: str) -> None:
    desk.behave(mode)
    code, told = desk.error("createwallet", "w", True, False, None, False, True, None, True)
    assert code == -1
    assert told.startswith(text)
    assert desk.rpc("listwalletdir") == {"wallets": []}
    desk.behave("")
    desk.create()


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        ("object", "received invalid response, expected array of signers"),
        ("error", "error: locked"),
        ("strange error", "error"),
        ("nameless", "received invalid response, missing signer fingerprint"),
        ("odd", "received invalid fingerprint, must be 8 hex characters"),
    ],
)
def test_odd_answers_are_told(desk: Desk, mode: str, text: str) -> None:
    desk.behave(mode)
    code, told = desk.error("enumeratesigners")
    assert code == -1
    assert told.endswith(f"' {text}")


def test_a_fingerprint_is_listed_once(desk: Desk) -> None:
    desk.behave("two")
    found = desk.rpc("enumeratesigners")["signers"]
    assert [each["fingerprint"] for each in found] == [FINGERPRINT, "00000002"]


def test_a_device_shows_addresses(desk: Desk) -> None:
    desk.create()
    for text in [desk.rpc("getnewaddress", "", kind) for kind in KINDS]:
        assert desk.rpc("walletdisplayaddress", text) == {"address": text}
    for mode, told in (
        ("lying", "Signer echoed unexpected address elsewhere"),
        ("refusing", "Signer returned error: no"),
        ("silent", "Signer did not echo address"),
    ):
        desk.behave(mode)
        assert desk.error("walletdisplayaddress", desk.rpc("getnewaddress")) == (-1, told)
    assert desk.error("walletdisplayaddress", ELSEWHERE) == (-1, "There is no ScriptPubKeyManager for this address")
    assert desk.error("walletdisplayaddress", "nonsense") == (-5, "Invalid address")


def test_no_program_or_a_missing_one_is_told(tmp_path: Path) -> None:
    for name, signer, text in (
        ("a", "", "Error: restart bitcoind with -signer=<cmd>"),
        ("b", "/nowhere/at/all", "execve failed: No such file or directory"),
        ("c", f"{tmp_path}", "execve failed: Permission denied"),
    ):
        with wallet_server(tmp_path / name, signer=signer) as wallets:
            assert wallets.reply("enumeratesigners")[1] == {"code": -1, "message": text}
            if not signer:
                assert wallets.loader.list_external_signers() == []


def test_the_end_waits_for_no_device(desk: Desk) -> None:
    desk.behave("hanging")
    told: list[Any] = []
    asking = threading.Thread(target=lambda: told.append(desk.wallets.reply("enumeratesigners")[1]))
    asking.start()
    wait_until(lambda: bool(desk.calls()), "a call")
    process = int(desk.calls()[0].split()[0])
    desk.wallets.loader.close()
    asking.join(10)
    assert told == [{"code": -1, "message": "The wallet is shutting down"}]
    with pytest.raises(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
    assert desk.error("enumeratesigners") == (-1, "The wallet is shutting down")
