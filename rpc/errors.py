"""Errors of a JSON-RPC request, with Bitcoin Core's codes (Core: src/rpc/protocol.h)."""

from __future__ import annotations

from typing import Final

RPC_INVALID_REQUEST: Final = -32600
RPC_METHOD_NOT_FOUND: Final = -32601
RPC_INVALID_PARAMS: Final = -32602
RPC_INTERNAL_ERROR: Final = -32603
RPC_PARSE_ERROR: Final = -32700

RPC_MISC_ERROR: Final = -1
RPC_FORBIDDEN_BY_SAFE_MODE: Final = -2
RPC_TYPE_ERROR: Final = -3
RPC_INVALID_ADDRESS_OR_KEY: Final = -5
RPC_OUT_OF_MEMORY: Final = -7
RPC_INVALID_PARAMETER: Final = -8
RPC_DATABASE_ERROR: Final = -20
RPC_DESERIALIZATION_ERROR: Final = -22
RPC_VERIFY_ERROR: Final = -25
RPC_VERIFY_REJECTED: Final = -26
RPC_VERIFY_ALREADY_IN_UTXO_SET: Final = -27
RPC_IN_WARMUP: Final = -28
RPC_METHOD_DEPRECATED: Final = -32
RPC_LIMIT_EXCEEDED: Final = -37

RPC_CLIENT_NOT_CONNECTED: Final = -9
RPC_CLIENT_IN_INITIAL_DOWNLOAD: Final = -10
RPC_CLIENT_NODE_ALREADY_ADDED: Final = -23
RPC_CLIENT_NODE_NOT_ADDED: Final = -24
RPC_CLIENT_NODE_NOT_CONNECTED: Final = -29
RPC_CLIENT_INVALID_IP_OR_SUBNET: Final = -30
RPC_CLIENT_P2P_DISABLED: Final = -31
RPC_CLIENT_MEMPOOL_DISABLED: Final = -33
RPC_CLIENT_NODE_CAPACITY_REACHED: Final = -34

RPC_WALLET_ERROR: Final = -4
RPC_WALLET_INSUFFICIENT_FUNDS: Final = -6
RPC_WALLET_INVALID_LABEL_NAME: Final = -11
RPC_WALLET_KEYPOOL_RAN_OUT: Final = -12
RPC_WALLET_UNLOCK_NEEDED: Final = -13
RPC_WALLET_PASSPHRASE_INCORRECT: Final = -14
RPC_WALLET_WRONG_ENC_STATE: Final = -15
RPC_WALLET_ENCRYPTION_FAILED: Final = -16
RPC_WALLET_ALREADY_UNLOCKED: Final = -17
RPC_WALLET_NOT_FOUND: Final = -18
RPC_WALLET_NOT_SPECIFIED: Final = -19
RPC_WALLET_ALREADY_LOADED: Final = -35
RPC_WALLET_ALREADY_EXISTS: Final = -36


class RpcError(Exception):
    """A request that fails with a code and a text its user sees."""

    def __init__(self, code: int, message: str) -> None:
        """Hold both."""
        super().__init__(message)
        self.code = code
        self.message = message


class JsonError(ValueError):
    """A text that is no JSON, or deeper than Core reads."""
