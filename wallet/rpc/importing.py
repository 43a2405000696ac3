"""The RPC method that imports descriptors (Core: importdescriptors in src/wallet/rpc/backup.cpp)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from interfaces.chain import BlockParts
from primitives.descriptor_parsing import parse_descriptor
from primitives.errors import DescriptorError
from primitives.keys import key_id
from rpc import json
from rpc.arguments import parse_range
from rpc.errors import (
    RPC_INVALID_ADDRESS_OR_KEY,
    RPC_INVALID_PARAMETER,
    RPC_MISC_ERROR,
    RPC_TYPE_ERROR,
    RPC_WALLET_ERROR,
    RpcError,
)
from rpc.help import UNIX_EPOCH_TIME, example_cli
from rpc.method import Arg, Kind, Num, Result, method
from wallet.errors import WalletError
from wallet.flags import DISABLE_PRIVATE_KEYS
from wallet.importing import add_descriptor, private_key
from wallet.rescan import TIMESTAMP_WINDOW
from wallet.resubmitting import resubmit
from wallet.root_keys import root_keys
from wallet.rpc.context import RESCANNING, ensure_unlocked
from wallet.rpc.labels import read_label

if TYPE_CHECKING:
    from collections.abc import Callable

    from interfaces.chain import Chain
    from primitives.descriptor import Descriptor
    from primitives.descriptor_parsing import ParsedDescriptor
    from primitives.signing_data import SigningData
    from rpc.json import Json
    from wallet.rpc.context import RpcContext
    from wallet.wallet import Wallet

_EARLIEST: Final = 1
_Value = TypeVar("_Value")


class _WrongTypeError(RpcError):
    """A value of a type that makes the whole call fail, not one import."""


def _read(read: Callable[[Json], _Value], value: Json) -> _Value:
    try:
        return read(value)
    except RpcError as error:
        raise _WrongTypeError(error.code, error.message) from error


@method(
    "wallet",
    "importdescriptors",
    Arg(
        "requests",
        Kind.ARR,
        "What to import",
        (
            Arg(
                "",
                Kind.OBJ,
                "",
                (
                    Arg("desc", Kind.STR, "The descriptor with its checksum"),
                    Arg("active", Kind.BOOL, "Whether it is to make the new addresses of its kind", default=False),
                    Arg(
                        "range",
                        Kind.RANGE,
                        "Of a ranged descriptor: the last position to import, or the first and the last",
                        optional=True,
                    ),
                    Arg(
                        "next_index",
                        Kind.NUM,
                        "Of a ranged descriptor: the position of the next address",
                        optional=True,
                        number=Num.INT64,
                    ),
                    Arg(
                        "timestamp",
                        Kind.NUM,
                        f"From when on the chain is scanned for the descriptor: {UNIX_EPOCH_TIME},\n"
                        'or "now" for the time of the chain\'s tip, if it was never used; 0 scans all.\n'
                        "Blocks from two hours before the earliest of all times are scanned, and the mempool.",
                        type_text=('timestamp | "now"', "integer / string"),
                        number=Num.INT64,
                    ),
                    Arg("internal", Kind.BOOL, "Whether what it receives is change, not payments", default=False),
                    Arg(
                        "label",
                        Kind.STR,
                        "The label of its addresses; not of ranged or internal descriptors",
                        default="",
                    ),
                ),
                optional=True,
            ),
        ),
        oneline="requests",
    ),
    result=Result(
        Kind.ARR,
        "",
        "What came of each, in order",
        (
            Result(
                Kind.OBJ,
                "",
                "",
                (
                    Result(Kind.BOOL, "success"),
                    Result(Kind.ARR, "warnings", "", (Result(Kind.STR),), optional=True),
                    Result(
                        Kind.OBJ,
                        "error",
                        "",
                        (
                            Result(Kind.NUM, "code", "The code of the error"),
                            Result(Kind.STR, "message", "Its text"),
                        ),
                        optional=True,
                    ),
                ),
            ),
        ),
    ),
    help="Imports descriptors, and scans the chain from the earliest time among them. A new backup is due.\n"
    "Of a descriptor with two alternative paths the second one is imported as internal.\n"
    "\nNote: the scan can take more than an hour if the time is early. Until it is done other methods may know of\n"
    "keys, addresses and scripts that were imported, but not yet of their transactions.\n"
    "With -blockfilterindex=1 it is much faster.",
    examples=example_cli(
        "importdescriptors",
        '\'[{ "desc": "<my descriptor>", "timestamp":1455191478, "internal": true }, '
        '{ "desc": "<my descriptor 2>", "label": "example 2", "timestamp": 1455191480 }]\'',
    )
    + example_cli(
        "importdescriptors",
        '\'[{ "desc": "<my descriptor>", "timestamp":1455191478, "active": true, "range": [0,100] }]\'',
    ),
)
def importdescriptors(context: RpcContext, requests: list[Json]) -> Json:
    """Import them."""
    wallet = context.wallet()
    chain = context.owner.chain
    with wallet.rescan.reserved(with_passphrase=True) as is_free:
        if not is_free:
            raise RpcError(RPC_WALLET_ERROR, RESCANNING)
        wallet.wait_until_synced()
        with wallet.encryption.relocking:
            return _import_all(wallet, chain, requests)


def _import_all(wallet: Wallet, chain: Chain | None, requests: list[Json]) -> list[Json]:
    with wallet.lock:
        ensure_unlocked(wallet)
        tip = wallet.last_block
    found = None if chain is None else chain.find_block(tip, BlockParts())
    now, lowest = (wallet.clock(), wallet.clock()) if found is None else (found.mtp_time, found.time)
    response: list[Json] = []
    times: list[int] = []
    with wallet.lock:
        for request in requests:
            times.append(_timestamp(request, now))
            time = max(times[-1], _EARLIEST)
            response.append(_import_one(wallet, request if isinstance(request, dict) else {}, time))
            lowest = min(lowest, time)
        wallet.history.find_all_own()
        wallet.ledger.forget()
    if not any(result["success"] for result in response):
        return response
    if chain is None:
        wallet.records.write_best_block(())  # So that the chain is scanned once there is a node.
        return response
    scanned = wallet.rescan.from_time(lowest)
    resubmit(wallet)
    if wallet.rescan.is_aborting:
        raise RpcError(RPC_MISC_ERROR, "Rescan aborted by user.")
    if scanned <= lowest:
        return response
    return [
        result if scanned <= time or "error" in result else _not_scanned(chain, time, scanned)
        for result, time in zip(response, times, strict=True)
    ]


def _timestamp(request: Json, now: int) -> int:
    if not isinstance(request, dict) or "timestamp" not in request:
        raise RpcError(RPC_TYPE_ERROR, "Missing required timestamp field for key")
    value = request["timestamp"]
    kind = json.type_name(value)
    if kind == "number":
        return json.to_int64(value)
    if value == "now":
        return now
    raise RpcError(RPC_TYPE_ERROR, f'Expected number or "now" timestamp value for key. got type {kind}')


def _not_scanned(chain: Chain, time: int, scanned: int) -> dict[str, Json]:
    text = (
        f"Rescan failed for descriptor with timestamp {time}. There was an error reading a block from time "
        f"{scanned - TIMESTAMP_WINDOW - 1}, which is after or within {TIMESTAMP_WINDOW} seconds of key creation, and "
        "could contain transactions pertaining to the desc. As a result, transactions and coins using this desc may "
        "not appear in the wallet."
    )
    if chain.have_pruned():
        text += (
            " This error could be caused by pruning or data corruption (see bitcoind log for details) and could be "
            "dealt with by downloading and rescanning the relevant blocks (see -reindex option and rescanblockchain "
            "RPC)."
        )
    elif chain.has_assumed_valid_chain():
        text += (
            " This error is likely caused by an in-progress assumeutxo background sync. Check logs or getchainstates "
            "RPC for assumeutxo background sync progress and try again later."
        )
    else:
        text += (
            " This error could potentially caused by data corruption. If the issue persists you may want to reindex "
            "(see -reindex option)."
        )
    return {"success": False, "error": {"code": RPC_MISC_ERROR, "message": text}}


def _import_one(wallet: Wallet, data: dict[str, Any], timestamp: int) -> dict[str, Json]:
    warnings: list[str] = []
    result: dict[str, Json]
    try:
        _Import(wallet, data, timestamp, warnings).run()
        result = {"success": True}
    except _WrongTypeError:
        raise
    except RpcError as error:
        result = {"success": False, "error": {"code": error.code, "message": error.message}}
    if warnings:
        result["warnings"] = list(dict.fromkeys(warnings))
    return result


@dataclass(slots=True)
class _Import:
    """One import; under the wallet's lock."""

    wallet: Wallet
    data: dict[str, Any]
    timestamp: int
    warnings: list[str]
    start: int = 0
    end: int = 1
    next_index: int = 0

    def run(self) -> None:
        """Import all the descriptors of the text. Raises RpcError."""
        data = self.data
        if "desc" not in data:
            raise RpcError(RPC_INVALID_PARAMETER, "Descriptor not found.")
        text = _read(json.to_str, data["desc"])
        active = _read(json.to_bool, data["active"]) if "active" in data else False
        label = read_label(_read(json.to_str, data["label"]) if data.get("label") is not None else None)
        try:
            parsed = parse_descriptor(text, self.wallet.params, require_checksum=True)
        except DescriptorError as error:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, str(error)) from error
        internal = False
        if "internal" in data:
            if len(parsed.descriptors) > 1:
                text = "Cannot have multipath descriptor while also specifying 'internal'"
                raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, text)
            internal = _read(json.to_bool, data["internal"])
        self._read_range(parsed)
        self._check(parsed, active=active, internal=internal)
        for place, descriptor in enumerate(parsed.descriptors):
            side = place == 1 if len(parsed.descriptors) == 2 else internal
            self._check_keys(descriptor, parsed.data)
            self._add(text, descriptor, parsed.data, label, active=active, internal=side)

    def _read_range(self, parsed: ParsedDescriptor) -> None:
        data = self.data
        if not parsed.descriptors[0].is_range():
            if "range" in data:
                raise RpcError(RPC_INVALID_PARAMETER, "Range should not be specified for an un-ranged descriptor")
            return
        if "range" in data:
            self.start, last = parse_range(data["range"])
            self.end = last + 1
        else:
            self.warnings.append("Range not given, using default keypool range")
            self.start, self.end = 0, self.wallet.settings.keypool
        self.next_index = self.start
        if "next_index" in data:
            self.next_index = _read(json.to_int64, data["next_index"])
            if not self.start <= self.next_index < self.end:
                raise RpcError(RPC_INVALID_PARAMETER, "next_index is out of range")

    def _check(self, parsed: ParsedDescriptor, *, active: bool, internal: bool) -> None:
        first = parsed.descriptors[0]
        if active and not first.is_range():
            raise RpcError(RPC_INVALID_PARAMETER, "Active descriptors must be ranged")
        if "label" in self.data:
            if len(parsed.descriptors) > 1:
                raise RpcError(RPC_INVALID_PARAMETER, "Multipath descriptors should not have a label")
            if first.is_range():
                raise RpcError(RPC_INVALID_PARAMETER, "Ranged descriptors should not have a label")
            if internal:
                raise RpcError(RPC_INVALID_PARAMETER, "Internal addresses should not have a label")
        if active and not first.is_single_type():
            raise RpcError(RPC_WALLET_ERROR, "Combo descriptors cannot be set to active")
        if self._is_watch_only and parsed.data.keys:
            text = "Cannot import private keys to a wallet with private keys disabled"
            raise RpcError(RPC_WALLET_ERROR, text)

    @property
    def _is_watch_only(self) -> bool:
        return bool(self.wallet.flags & DISABLE_PRIVATE_KEYS)

    def _check_keys(self, descriptor: Descriptor, data: SigningData) -> None:
        if descriptor.expand(0, data) is None:
            raise RpcError(
                RPC_WALLET_ERROR,
                "Cannot expand descriptor. Probably because of hardened derivations without private keys provided",
            )
        self.warnings += descriptor.warnings()
        if not self._is_watch_only:
            if not data.keys:
                text = "Cannot import descriptor without private keys to a wallet with private keys enabled"
                raise RpcError(RPC_WALLET_ERROR, text)
            if not descriptor.has_private_keys(data):
                self.warnings.append(
                    "Not all private keys provided. Some wallet functionality may return unexpected errors"
                )
        if not descriptor.has_scripts():
            self._check_unused(descriptor)

    def _check_unused(self, descriptor: Descriptor) -> None:
        if self._is_watch_only:
            raise RpcError(RPC_WALLET_ERROR, "Cannot import unused() to wallet without private keys enabled")
        constant, extended = root_keys(descriptor)
        for pubkey in (*constant, *(key.public_key for key in extended)):
            if private_key(self.wallet, key_id(pubkey)) is not None:
                text = "Cannot import an unused() descriptor when its private key is already in the wallet"
                raise RpcError(RPC_WALLET_ERROR, text)

    def _add(
        self, text: str, descriptor: Descriptor, data: SigningData, label: str, *, active: bool, internal: bool
    ) -> None:
        wallet = self.wallet
        try:
            keys = add_descriptor(
                wallet,
                descriptor,
                data,
                self.timestamp,
                (self.start, self.end),
                self.next_index,
                label=label,
                internal=internal,
            )
        except WalletError as error:
            raise RpcError(RPC_WALLET_ERROR, f"Could not add descriptor '{text}': {error}") from error
        kind = descriptor.output_type()
        if active:
            if kind is None:
                self.warnings.append("Unknown output type, cannot set descriptor to active.")
            else:
                wallet.descriptors.activate(keys, kind, internal=internal)
        elif kind is not None:
            wallet.descriptors.deactivate(keys, kind, internal=internal)


METHODS: Final = (importdescriptors,)
