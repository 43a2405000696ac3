"""Core's node outlives clients that ask for what it lacks and leave at once."""

import sys
from pathlib import Path

import pytest
from json_rpc_node import CORE, core, json_rpc_node

from cli.program_init import ProgramInit
from interfaces.init import PynodeInit
from ipc import Ipc, UnimplementedError


@pytest.mark.parametrize("name", CORE)
def test_clients_that_come_and_go(name: str, tmp_path: Path) -> None:
    with (
        json_rpc_node(core(name), tmp_path, "-ipcbind=unix") as node,
        Ipc("pyclient", sys.argv[0], ProgramInit()) as ipc,
    ):
        for _ in range(200):
            init = ipc.connect_address(f"unix:{node.network_dir}/node.sock", PynodeInit)
            assert init is not None
            with init, pytest.raises(UnimplementedError):
                init.make_node()
        assert node.reply("getblockcount")[0] == 0
