"""Legacy wallets in a running node: told of, migrated, killed in between, and loaded from then on."""

import json
import random

from legacy_wallet import LegacyWallet, p2pkh
from running_programs import Programs, children, gone, programs, wait_for

__all__ = ["programs"]
PASSPHRASE = "a passphrase"


def ask(programs: Programs, *words: str) -> object:
    found = programs.ask(*words)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def legacy(programs: Programs, keys: int) -> tuple[LegacyWallet, str]:
    wallet = LegacyWallet(random.Random(1), PASSPHRASE)
    wallet.add_chain(keys, keys)
    wallet.watch(p2pkh(wallet.new_key()))
    address = wallet.label(p2pkh(wallet.add_key(wallet.new_key())), "mine")
    wallet.write(programs.network_dir / "wallets" / "old")
    return wallet, address


def test_a_legacy_wallet_is_told_of_and_migrated(programs: Programs) -> None:
    _, address = legacy(programs, 2)
    node = programs.node("-wallet=old", "-keypool=5")
    assert "will need to be migrated with migratewallet" in programs.ask("listwalletdir").stdout
    assert "please use the wallet migration tool" in programs.ask("loadwallet", "old").stderr
    assert "Wallet decryption failed" in programs.ask("migratewallet", "old").stderr
    result = ask(programs, "migratewallet", "old", PASSPHRASE)
    assert isinstance(result, dict)
    assert (result["wallet_name"], result["watchonly_name"]) == ("old", "old_watchonly")
    assert programs.ask("stop").returncode == 0
    assert node.wait(20) == 0
    assert node.stderr is not None
    assert "The wallet appears to be a Legacy wallet" in node.stderr.read()
    programs.node("-wallet=old", "-keypool=5")
    assert programs.ask("listwallets").stdout.split() == ["[", '"old_watchonly",', '"old"', "]"]
    info = ask(programs, "-rpcwallet=old", "getaddressinfo", address)
    assert isinstance(info, dict)
    assert (info["ismine"], info["labels"]) == (True, ["mine"])


def test_a_wallet_process_killed_while_it_migrates_loses_nothing(programs: Programs) -> None:
    wallet, _ = legacy(programs, 400)
    folder = programs.network_dir / "wallets"
    node = programs.node("-keypool=5")
    assert ask(programs, "listwallets") == []
    asking = programs.start("pycli", "migratewallet", "old", PASSPHRASE)
    wait_for(lambda: any(folder.glob("old_*.legacy.bak")), "the copy is there")
    wallets = children(node)
    for process in wallets:
        process.kill()
    wait_for(lambda: gone(wallets), "the wallets are gone")
    assert asking.wait(20) != 0
    assert (folder / "old" / "wallet.dat").read_bytes() == wallet.data()
    result = ask(programs, "migratewallet", "old", PASSPHRASE)
    assert isinstance(result, dict)
    assert result["watchonly_name"] == "old_watchonly"
    assert ask(programs, "listwallets") == ["old", "old_watchonly"]
