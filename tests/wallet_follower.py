"""A process to kill: a wallet of one script that follows a node. Arguments: the node's address, the wallet's folder."""

import sys
import threading
from pathlib import Path

from mempool_chain import SCRIPT
from wallet_lab import FakeKeys

from cli.program_init import ProgramInit
from common.chains import REGTEST
from interfaces.events import Events
from interfaces.init import PynodeInit
from ipc import Ipc
from wallet.context import WalletContext
from wallet.database import WalletDatabase
from wallet.flags import BLANK
from wallet.records import Records
from wallet.wallet import Wallet


def main(address: str, folder: Path) -> None:
    """Follow until killed."""
    ipc = Ipc("pywallet", sys.argv[0], ProgramInit())
    init = ipc.connect_address(address, PynodeInit)
    assert init is not None

    def make_events() -> Events:
        events = init.make_events()
        assert events is not None
        return events

    context = WalletContext(REGTEST, folder.parent, chain=init.make_chain(), make_events=make_events)
    database = WalletDatabase(folder, REGTEST)
    if Records(database).flags() is None:
        wallet = Wallet.create("w", database, context, BLANK)
    else:
        wallet, _ = Wallet.load("w", database, context)
    wallet.take_descriptor(FakeKeys([SCRIPT]))  # type: ignore[arg-type] # It has all that is asked here.
    wallet.history.find_all_own()
    print("started", flush=True)  # noqa: T201 - the test waits for it
    wallet.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
