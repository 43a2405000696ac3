"""RPC methods that scan the chain for a wallet (Core: src/wallet/rpc/transactions.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from interfaces.chain import BlockParts
from rpc.errors import RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RPC_WALLET_ERROR, RpcError
from rpc.help import example_cli, example_rpc, examples
from rpc.method import Arg, Kind, Result, method
from wallet.rescan import ScanStatus
from wallet.rpc.connection import chain_of
from wallet.rpc.context import RESCANNING, ensure_unlocked

if TYPE_CHECKING:
    from interfaces.chain import Chain
    from rpc.json import Json
    from wallet.rpc.context import RpcContext


@method(
    "wallet",
    "rescanblockchain",
    Arg("start_height", Kind.NUM, "The height of the first block", default=0),
    Arg("stop_height", Kind.NUM, "The height of the last block; if left out the tip of the end", optional=True),
    result=Result(
        Kind.OBJ,
        "",
        "",
        (
            Result(Kind.NUM, "start_height", "The height of the first block"),
            Result(
                Kind.NUM,
                "stop_height",
                "The height of the last block. Null if none was scanned, as a reorganisation came before",
                skip_type_check=True,
            ),
        ),
    ),
    help="Scans the chain for transactions of the wallet. See getwalletinfo for the progress.\n"
    "With -blockfilterindex=1 it is much faster.",
    examples=examples("rescanblockchain", "100000 120000", "100000, 120000"),
)
def rescanblockchain(context: RpcContext, start_height: int, stop_height: int | None) -> Json:
    """Scan."""
    wallet = context.synced_wallet()
    chain = chain_of(context)
    with wallet.rescan.reserved(with_passphrase=True) as is_free:
        if not is_free:
            raise RpcError(RPC_WALLET_ERROR, RESCANNING)
        with wallet.encryption.relocking:
            with wallet.lock:
                ensure_unlocked(wallet)
                tip, height = wallet.last_block, wallet.last_block_height
            if not 0 <= start_height <= height:
                raise RpcError(RPC_INVALID_PARAMETER, "Invalid start_height")
            if stop_height is not None:
                if not 0 <= stop_height <= height:
                    raise RpcError(RPC_INVALID_PARAMETER, "Invalid stop_height")
                if stop_height < start_height:
                    raise RpcError(RPC_INVALID_PARAMETER, "stop_height must be greater than start_height")
            _check_blocks(chain, tip, start_height, stop_height)
            first = chain.find_ancestor_by_height(tip, start_height, BlockParts())
            if first is None:
                raise RpcError(RPC_MISC_ERROR, "Rescan failed. Potentially corrupted data files.")
            result = wallet.rescan.scan(first.hash, start_height, stop_height)
    if result.status is ScanStatus.FAILURE:
        raise RpcError(RPC_MISC_ERROR, "Rescan failed. Potentially corrupted data files.")
    if result.status is ScanStatus.ABORTED:
        raise RpcError(RPC_MISC_ERROR, "Rescan aborted.")
    return {"start_height": start_height, "stop_height": result.last_height}


def _check_blocks(chain: Chain, tip: bytes, start: int, stop: int | None) -> None:
    """Raise RpcError unless the node has all blocks."""
    if chain.has_blocks(tip, start, stop):
        return
    if chain.have_pruned() and (chain.get_prune_height() or 0) >= start:
        raise RpcError(
            RPC_MISC_ERROR,
            "Can't rescan beyond pruned data. Use RPC call getblockchaininfo to determine your pruned height.",
        )
    if chain.has_assumed_valid_chain():
        raise RpcError(
            RPC_MISC_ERROR,
            "Failed to rescan unavailable blocks likely due to an in-progress assumeutxo background sync. Check logs "
            "or getchainstates RPC for assumeutxo background sync progress and try again later.",
        )
    raise RpcError(
        RPC_MISC_ERROR,
        "Failed to rescan unavailable blocks, potentially caused by data corruption. If the issue persists you may "
        "want to reindex (see -reindex option).",
    )


@method(
    "wallet",
    "abortrescan",
    result=Result(Kind.BOOL, "", "Whether there was one to stop"),
    help="Stops the scan of the chain that an RPC began. See getwalletinfo for the progress.",
    examples="\nScan\n"
    + example_cli("rescanblockchain")
    + "\nStop that\n"
    + example_cli("abortrescan")
    + "\nThe same over HTTP\n"
    + example_rpc("abortrescan"),
)
def abortrescan(context: RpcContext) -> Json:
    """Stop it."""
    rescan = context.wallet().rescan
    if not rescan.is_running or rescan.is_aborting:
        return False
    rescan.abort()
    return True


METHODS: Final = (rescanblockchain, abortrescan)
