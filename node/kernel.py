"""The calls of libbitcoinkernel's C API that we make, with argument types cheap enough for the way of every block.

The library is the one that py-bitcoinkernel carries; its own wrappers copy each block byte by byte. Handles are
addresses (int). A call lets other Python threads run, so those that wait for the kernel's cs_main cannot lock us up;
callbacks may come while the kernel holds it, so they must never wait for a thread that waits for the kernel.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_double,
    c_int,
    c_int64,
    c_size_t,
    c_ubyte,
    c_uint32,
    c_void_p,
)
from typing import Any, Final

from primitives import kernel_library

KernelError = kernel_library.KernelError
PATH: Final = kernel_library.PATH
LIBRARY: Final = kernel_library.LIBRARY

BlockCheckedCallback: Final = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
BlockTipCallback: Final = CFUNCTYPE(None, c_void_p, c_ubyte, c_void_p, c_double)
HeaderTipCallback: Final = CFUNCTYPE(None, c_void_p, c_ubyte, c_int64, c_int64, c_int)
ProgressCallback: Final = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t, c_int, c_int)
WarningSetCallback: Final = CFUNCTYPE(None, c_void_p, c_ubyte, c_void_p, c_size_t)
WarningUnsetCallback: Final = CFUNCTYPE(None, c_void_p, c_ubyte)
ErrorCallback: Final = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)
LogCallback: Final = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)
_DestroyCallback: Final = CFUNCTYPE(None, c_void_p)
_WriteCallback: Final = CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p)
_UnusedBlockCallback: Final = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)


class ValidationCallbacks(Structure):
    """btck_ValidationInterfaceCallbacks."""

    _fields_ = (
        ("user_data", c_void_p),
        ("user_data_destroy", _DestroyCallback),
        ("block_checked", BlockCheckedCallback),
        ("pow_valid_block", _UnusedBlockCallback),
        ("block_connected", _UnusedBlockCallback),
        ("block_disconnected", _UnusedBlockCallback),
    )


class NotificationCallbacks(Structure):
    """btck_NotificationInterfaceCallbacks."""

    _fields_ = (
        ("user_data", c_void_p),
        ("user_data_destroy", _DestroyCallback),
        ("block_tip", BlockTipCallback),
        ("header_tip", HeaderTipCallback),
        ("progress", ProgressCallback),
        ("warning_set", WarningSetCallback),
        ("warning_unset", WarningUnsetCallback),
        ("flush_error", ErrorCallback),
        ("fatal_error", ErrorCallback),
    )


class LoggingOptions(Structure):
    """btck_LoggingOptions: ints are booleans."""

    _fields_ = (
        ("log_timestamps", c_int),
        ("log_time_micros", c_int),
        ("log_threadnames", c_int),
        ("log_sourcelocations", c_int),
        ("always_print_category_levels", c_int),
    )


def _call(name: str, result: Any, *arguments: Any) -> Any:
    function = LIBRARY[f"btck_{name}"]  # A function object of our own, apart from pbk's.
    function.restype = result
    function.argtypes = arguments
    return function


_P: Final = c_void_p

chain_parameters_create: Final = _call("chain_parameters_create", _P, c_ubyte)
chain_parameters_destroy: Final = _call("chain_parameters_destroy", None, _P)
chain_parameters_get_consensus_params: Final = _call("chain_parameters_get_consensus_params", _P, _P)
context_options_create: Final = _call("context_options_create", _P)
context_options_destroy: Final = _call("context_options_destroy", None, _P)
context_options_set_chainparams: Final = _call("context_options_set_chainparams", None, _P, _P)
context_options_set_notifications: Final = _call("context_options_set_notifications", None, _P, NotificationCallbacks)
context_options_set_validation_interface: Final = _call(
    "context_options_set_validation_interface", None, _P, ValidationCallbacks
)
context_create: Final = _call("context_create", _P, _P)
context_interrupt: Final = _call("context_interrupt", c_int, _P)
context_destroy: Final = _call("context_destroy", None, _P)

manager_options_create: Final = _call(
    "chainstate_manager_options_create", _P, _P, ctypes.c_char_p, c_size_t, ctypes.c_char_p, c_size_t
)
manager_options_destroy: Final = _call("chainstate_manager_options_destroy", None, _P)
manager_options_set_worker_threads_num: Final = _call(
    "chainstate_manager_options_set_worker_threads_num", None, _P, c_int
)
manager_options_set_wipe_dbs: Final = _call("chainstate_manager_options_set_wipe_dbs", c_int, _P, c_int, c_int)
manager_create: Final = _call("chainstate_manager_create", _P, _P)
manager_destroy: Final = _call("chainstate_manager_destroy", None, _P)
manager_import_blocks: Final = _call(
    "chainstate_manager_import_blocks", c_int, _P, POINTER(ctypes.c_char_p), POINTER(c_size_t), c_size_t
)
manager_process_block: Final = _call("chainstate_manager_process_block", c_int, _P, _P, POINTER(c_int))
manager_process_block_header: Final = _call("chainstate_manager_process_block_header", c_int, _P, _P, _P)
manager_get_best_entry: Final = _call("chainstate_manager_get_best_entry", _P, _P)
manager_get_active_chain: Final = _call("chainstate_manager_get_active_chain", _P, _P)
manager_get_entry_by_hash: Final = _call("chainstate_manager_get_block_tree_entry_by_hash", _P, _P, _P)

chain_get_height: Final = _call("chain_get_height", c_int, _P)
chain_get_by_height: Final = _call("chain_get_by_height", _P, _P, c_int)
chain_contains: Final = _call("chain_contains", c_int, _P, _P)

entry_get_height: Final = _call("block_tree_entry_get_height", c_int, _P)
entry_get_block_hash: Final = _call("block_tree_entry_get_block_hash", _P, _P)
entry_get_previous: Final = _call("block_tree_entry_get_previous", _P, _P)
entry_get_ancestor: Final = _call("block_tree_entry_get_ancestor", _P, _P, c_int)
entry_get_block_header: Final = _call("block_tree_entry_get_block_header", _P, _P)

block_create: Final = _call("block_create", _P, ctypes.c_char_p, c_size_t)
block_destroy: Final = _call("block_destroy", None, _P)
block_get_hash: Final = _call("block_get_hash", _P, _P)
block_get_header: Final = _call("block_get_header", _P, _P)
block_read: Final = _call("block_read", _P, _P, _P)
block_check: Final = _call("block_check", c_int, _P, _P, c_uint32, _P)
_block_to_bytes: Final = _call("block_to_bytes", c_int, _P, _WriteCallback, _P)

hash_create: Final = _call("block_hash_create", _P, ctypes.c_char_p)
hash_to_bytes: Final = _call("block_hash_to_bytes", None, _P, c_void_p)
hash_destroy: Final = _call("block_hash_destroy", None, _P)
header_create: Final = _call("block_header_create", _P, ctypes.c_char_p, c_size_t)
header_to_bytes: Final = _call("block_header_to_bytes", c_int, _P, c_void_p)
header_destroy: Final = _call("block_header_destroy", None, _P)

state_create: Final = _call("block_validation_state_create", _P)
state_destroy: Final = _call("block_validation_state_destroy", None, _P)
state_get_mode: Final = _call("block_validation_state_get_validation_mode", c_ubyte, _P)
state_get_result: Final = _call("block_validation_state_get_block_validation_result", c_uint32, _P)

spent_outputs_read: Final = _call("block_spent_outputs_read", _P, _P, _P)
spent_outputs_count: Final = _call("block_spent_outputs_count", c_size_t, _P)
spent_outputs_get: Final = _call(
    "block_spent_outputs_get_transaction_spent_outputs_at", _P, _P, c_size_t
)  # fmt: skip
spent_outputs_destroy: Final = _call("block_spent_outputs_destroy", None, _P)
transaction_spent_outputs_count: Final = _call("transaction_spent_outputs_count", c_size_t, _P)
transaction_spent_outputs_get_coin: Final = _call("transaction_spent_outputs_get_coin_at", _P, _P, c_size_t)
coin_get_height: Final = _call("coin_confirmation_height", c_uint32, _P)
coin_is_coinbase: Final = _call("coin_is_coinbase", c_int, _P)
coin_get_output: Final = _call("coin_get_output", _P, _P)
output_get_amount: Final = _call("transaction_output_get_amount", c_int64, _P)
output_get_script: Final = _call("transaction_output_get_script_pubkey", _P, _P)
_script_to_bytes: Final = _call("script_pubkey_to_bytes", c_int, _P, _WriteCallback, _P)

logging_set_options: Final = _call("logging_set_options", None, LoggingOptions)
logging_set_level: Final = _call("logging_set_level_category", None, c_ubyte, c_ubyte)
logging_enable: Final = _call("logging_enable_category", None, c_ubyte)
logging_disable_category: Final = _call("logging_disable_category", None, c_ubyte)
logging_connection_create: Final = _call("logging_connection_create", _P, LogCallback, _P, _P)
logging_connection_destroy: Final = _call("logging_connection_destroy", None, _P)


def text(address: int, length: int) -> str:
    """Return the text that a callback was given."""
    return ctypes.string_at(address, length).decode("utf-8", "replace")


def _collect(call: Any, handle: int) -> bytes:
    parts: list[bytes] = []

    def write(data: int, length: int, user_data: int) -> int:
        del user_data
        parts.append(ctypes.string_at(data, length))
        return 0

    call(handle, _WriteCallback(write), None)
    return b"".join(parts)


def block_bytes(block: int) -> bytes:
    """Return a block, consensus serialised."""
    return _collect(_block_to_bytes, block)


def script_bytes(script: int) -> bytes:
    """Return a script."""
    return _collect(_script_to_bytes, script)


def hash_bytes(handle: int) -> bytes:
    """Return 32 bytes in internal order; the handle stays its owner's."""
    buffer = (c_char * 32)()
    hash_to_bytes(handle, ctypes.addressof(buffer))
    return buffer.raw


def header_bytes(handle: int) -> bytes:
    """Return the 80 bytes of a header and destroy the handle."""
    buffer = (c_char * 80)()
    header_to_bytes(handle, ctypes.addressof(buffer))
    header_destroy(handle)
    return buffer.raw
