"""The RPC method that looks for coins of descriptors (Core: scantxoutset in src/rpc/blockchain.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from node.block_scanner import script_of
from node.coin import decode_coin
from node.rpc.index_access import all_coins, indexes_of
from primitives.descriptor_of_script import infer_descriptor
from rpc.descriptor_arguments import scanned_scripts
from rpc.errors import RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError
from rpc.help import example_cli, example_rpc
from rpc.json import Amount
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.indexes.scan import Scan
    from node.rpc.context import RpcContext
    from rpc.json import Json

_EXAMPLE: Final = "raw(76a91411b366edfc0a8b66feebae5c2e25a7b6a5d1cf3188ac)#fm24fxxy"
_ABORT_INTERVAL: Final = 8192
_PROGRESS_INTERVAL: Final = 256

SCAN_ACTION: Final = Arg(
    "action",
    Kind.STR,
    'What to do:\n"start" to scan\n"abort" to end the scan that runs (returns whether one did)\n'
    '"status" to see how far it is (in percent)',
)
SCAN_OBJECTS: Final = Arg(
    "scanobjects",
    Kind.ARR,
    'What to look for, needed for "start"; each is a descriptor or an object with one:',
    (
        Arg("descriptor", Kind.STR, "An output descriptor", optional=True),
        Arg(
            "",
            Kind.OBJ,
            "An output descriptor and more",
            (
                Arg("desc", Kind.STR, "An output descriptor"),
                Arg("range", Kind.RANGE, "Which indexes of keys to try, its end or [begin,end]", default=1000),
            ),
            optional=True,
        ),
    ),
    optional=True,
    oneline="[scanobjects,...]",
)
SCAN_ABORTED: Final = Result(
    Kind.BOOL, "success", "Whether a scan will end, perhaps after this answer", condition="when action=='abort'"
)
SCAN_NONE: Final = Result(Kind.NONE, condition="when action=='status' and no scan runs, perhaps not any more")
SCAN_PROGRESS: Final = Result(Kind.NUM, "progress", "About how many percent are done")
SCAN_RUNS: Final = "when action=='status' and a scan runs"
SCAN_STARTED: Final = "when action=='start'; returns when the scan is done"


@method(
    "blockchain",
    "scantxoutset",
    SCAN_ACTION,
    SCAN_OBJECTS,
    result=(
        Result(
            Kind.OBJ,
            inner=(
                Result(Kind.BOOL, "success", "Whether the scan went to the end"),
                Result(Kind.NUM, "txouts", "How many coins were looked at"),
                Result(Kind.NUM, "height", "The height of the block after which it looked"),
                Result(Kind.STR_HEX, "bestblock", "The hash of that block"),
                Result(
                    Kind.ARR,
                    "unspents",
                    inner=(
                        Result(
                            Kind.OBJ,
                            inner=(
                                Result(Kind.STR_HEX, "txid", "The id of the transaction"),
                                Result(Kind.NUM, "vout", "The index of the output"),
                                Result(Kind.STR_HEX, "scriptPubKey", "Its script"),
                                Result(Kind.STR, "desc", "A descriptor for just this script"),
                                Result(Kind.STR_AMOUNT, "amount", "Its value in BTC"),
                                Result(Kind.BOOL, "coinbase", "Whether a coinbase made it"),
                                Result(Kind.NUM, "height", "The height of its block"),
                                Result(Kind.STR_HEX, "blockhash", "The hash of its block"),
                                Result(Kind.NUM, "confirmations", "How many blocks confirmed it then"),
                            ),
                        ),
                    ),
                ),
                Result(Kind.STR_AMOUNT, "total_amount", "The value of all that was found, in BTC"),
            ),
            condition=SCAN_STARTED,
        ),
        SCAN_ABORTED,
        Result(Kind.OBJ, inner=(SCAN_PROGRESS,), condition=SCAN_RUNS),
        SCAN_NONE,
    ),
    help="Looks among all coins for those of output descriptors, such as:\n"
    "    addr(<address>)                      outputs of an address (not P2PK)\n"
    "    raw(<hex script>)                    outputs with this very script\n"
    "    combo(<pubkey>)                      P2PK, P2PKH, P2WPKH and P2SH-P2WPKH of a key\n"
    "    pkh(<pubkey>)                        P2PKH of a key\n"
    "    sh(multi(<n>,<pubkey>,<pubkey>,...)) P2SH of several keys\n"
    "    tr(<pubkey>)                         P2TR of a key\n"
    "    wsh(and_v(v:pk(<pubkey>),after(2)))  P2WSH of miniscript\n"
    "\n<pubkey> is a key in hex, or an xpub or xprv with a path behind it, which may end in /* or /*' for all\n"
    "children; then the range says which ones, unless the first 1000 will do.",
    examples=example_cli("scantxoutset", f"start '[\"{_EXAMPLE}\"]'")
    + example_cli("scantxoutset", "status")
    + example_cli("scantxoutset", "abort")
    + example_rpc("scantxoutset", f'"start", ["{_EXAMPLE}"]')
    + example_rpc("scantxoutset", '"status"')
    + example_rpc("scantxoutset", '"abort"'),
)
def scantxoutset(context: RpcContext, action: str, scanobjects: Json) -> Json:
    """Look for coins, or at the scan that runs."""
    scan = indexes_of(context).coin_scan
    match action:
        case "status":
            return {"progress": scan.progress} if scan.running else None
        case "abort":
            return scan.abort()
        case "start":
            with scan.reserved() as reserved:
                check_start(scanobjects, reserved=reserved)
                return _scan(context, scan, scanobjects)
        case _:
            raise RpcError(RPC_INVALID_PARAMETER, f"Invalid action '{action}'")


def check_start(scanobjects: Json, *, reserved: bool) -> None:
    """Raise RpcError unless a scan may begin."""
    if not reserved:
        raise RpcError(RPC_INVALID_PARAMETER, 'Scan already in progress, use action "abort" or "status"')
    if scanobjects is None:
        raise RpcError(RPC_MISC_ERROR, "scanobjects argument is required for the start action")


def _scan(context: RpcContext, scan: Scan, scanobjects: Json) -> Json:
    chain = context.node.chain
    descriptors: dict[bytes, str] = {}
    for each in scanobjects:
        scripts, known = scanned_scripts(each, chain)
        for script in scripts:
            if script not in descriptors:
                descriptors[script] = infer_descriptor(script, chain, known).text()
    found: list[tuple[bytes, bytes]] = []
    with all_coins(context) as (best, coins):
        count, success = _look(coins, descriptors, found, scan, context)
    unspents, total = [], 0
    for outpoint, data in sorted(found, key=lambda item: (item[0][:32], int.from_bytes(item[0][32:], "little"))):
        coin = decode_coin(data)
        total += coin.value
        block = best.ancestor(coin.height)
        unspents.append(
            {
                "txid": outpoint[31::-1].hex(),
                "vout": int.from_bytes(outpoint[32:], "little"),
                "scriptPubKey": coin.script_pubkey.hex(),
                "desc": descriptors[coin.script_pubkey],
                "amount": Amount(coin.value),
                "coinbase": coin.is_coinbase,
                "height": coin.height,
                "blockhash": block.hash[::-1].hex(),
                "confirmations": best.height - coin.height + 1,
            }
        )
    return {
        "success": success,
        "txouts": count,
        "height": best.height,
        "bestblock": best.hash[::-1].hex(),
        "unspents": unspents,
        "total_amount": Amount(total),
    }


def _look(
    coins: Iterable[tuple[bytes, bytes]],
    wanted: dict[bytes, Any],
    found: list[tuple[bytes, bytes]],
    scan: Scan,
    context: RpcContext,
) -> tuple[int, bool]:
    """Add what is wanted to `found`; return how many coins were seen, and whether those were all."""
    count = 0
    for item in coins:
        count += 1
        if not count % _ABORT_INTERVAL:
            context.server.check_interrupt()
            if scan.aborted:
                return count, False
        if not count % _PROGRESS_INTERVAL:
            scan.progress = int(int.from_bytes(item[0][:2], "big") * 100 / 65536 + 0.5)
        if script_of(item[1][4:]) in wanted:
            found.append(item)
    scan.progress = 100
    return count, True


METHODS: Final = (scantxoutset,)
