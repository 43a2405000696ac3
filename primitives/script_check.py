"""Whether an input may spend an output, by the rules of policy, in Core's words (Core: VerifyScript).

The C API tells neither why a script fails nor knows the rules of policy; the library's C++ function does both. It is
used as docs/kernel-symbols.md says, for the pinned build only.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_int, c_int64, c_size_t, c_uint, c_uint64, c_void_p
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

from primitives.kernel_library import LIBRARY, KernelError, require
from primitives.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from primitives.transaction import TxOut

STANDARD_FLAGS: Final = 0x1FFFFF & ~(1 << 5)
"""SCRIPT_VERIFY_ flags of policy: all but SIGPUSHONLY, which consensus asks of P2SH anyway."""

NULLFAIL_TEXT: Final = "Signature must be zero for failed CHECK(MULTI)SIG operation"
STACK_TEXT: Final = "Operation not valid with the current stack size"

_OK: Final = 0
_FAIL_WHERE_DATA_IS_MISSING: Final = 1
_CHECKER_SIZE: Final = 1024
"""At least what a GenericTransactionSignatureChecker<CTransaction> takes: 952 bytes. It owns nothing."""


class _Vector(ctypes.Structure):
    """A std::vector that nobody changes."""

    _fields_ = (("begin", c_void_p), ("end", c_void_p), ("capacity", c_void_p))


class _Witness:
    """A CScriptWitness over memory that lives as long as this."""

    def __init__(self, items: Sequence[bytes]) -> None:
        self._buffers = [ctypes.create_string_buffer(item, len(item) or 1) for item in items]
        self._items = (_Vector * len(items))()
        for vector, buffer, item in zip(self._items, self._buffers, items, strict=True):
            _set_vector(vector, ctypes.addressof(buffer), len(item))
        self.vector = _Vector()
        _set_vector(self.vector, ctypes.addressof(self._items), ctypes.sizeof(self._items))


def _set_vector(vector: _Vector, address: int, size: int) -> None:
    vector.begin, vector.end, vector.capacity = address, address + size, address + size


class ScriptChecker:
    """Checks the inputs of a transaction. `close` it, or use it in a `with`."""

    def __init__(self, transaction: Transaction, spent: Sequence[TxOut] | None) -> None:
        """Take a transaction, signed or not, and what all of its inputs spend (None: taproot cannot be checked)."""
        self._source = transaction
        self._spent = spent
        self._outputs: list[int] = []
        self._precomputed = 0
        self._transaction = 0

    def _prepare(self) -> None:
        """Hand the transaction to the kernel when the first input is checked."""
        # What is signed does not depend on witnesses; the kernel prepares only what inputs with one need.
        source = self._source
        inputs = tuple(each._replace(script_sig=b"", witness=(b"\0",)) for each in source.inputs)
        data = Transaction(source.version, inputs, source.outputs, source.lock_time).serialize()
        self._transaction = _transaction_create(data, len(data)) or 0
        if not self._transaction:
            raise KernelError("The kernel reads no transaction")
        for output in self._spent or ():
            script = _script_create(output.script_pubkey, len(output.script_pubkey))
            self._outputs.append(_output_create(script, output.value))
            _script_destroy(script)
        array = (c_void_p * len(self._outputs))(*self._outputs)
        self._precomputed = _precomputed_create(self._transaction, array if self._spent else None, len(self._outputs))

    def error(
        self, index: int, output: TxOut, script_sig: bytes, witness: Sequence[bytes], flags: int = STANDARD_FLAGS
    ) -> str | None:
        """Return why an input cannot spend `output` with this script and witness, None if it can.

        Raises KernelError.
        """
        if not self._transaction:
            self._prepare()
        stack = _Witness(witness)
        signature = _script_create(script_sig, len(script_sig))
        pubkey = _script_create(output.script_pubkey, len(output.script_pubkey))
        checker = ctypes.create_string_buffer(_CHECKER_SIZE)
        error = c_int(0)
        value = c_int64(output.value)
        try:
            _cpp_function(_CHECKER, None, c_void_p, c_void_p, c_uint, c_void_p, c_void_p, c_int)(
                ctypes.addressof(checker),
                c_void_p.from_address(self._transaction).value,
                index,
                ctypes.addressof(value),
                self._precomputed,
                _FAIL_WHERE_DATA_IS_MISSING,
            )
            _cpp_function(_VERIFY, c_bool, c_void_p, c_void_p, c_void_p, c_uint64, c_void_p, POINTER(c_int))(
                signature,
                pubkey,
                ctypes.addressof(stack.vector),
                flags,
                ctypes.addressof(checker),
                ctypes.byref(error),
            )
        finally:
            _script_destroy(signature)
            _script_destroy(pubkey)
        return None if error.value == _OK else _text(error.value)

    def close(self) -> None:
        """Free what the kernel holds for us."""
        if self._precomputed:
            _precomputed_destroy(self._precomputed)
            self._precomputed = 0
        while self._outputs:
            _output_destroy(self._outputs.pop())
        if self._transaction:
            _transaction_destroy(self._transaction)
            self._transaction = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _text(code: int) -> str:
    """Return Core's words for a ScriptError."""
    memory = (c_uint64 * 4)()  # A std::string: where the text is, how long, and a place for a short one.
    address = ctypes.addressof(memory)
    _cpp_function(_ERROR_STRING, None, c_void_p, c_int)(address, code)
    text = ctypes.string_at(memory[0], memory[1]).decode()
    if memory[0] != address + 16:
        _free(memory[0])
    return text


@cache
def _cpp_function(mangled: str, result: Any, *arguments: Any) -> Any:
    require()
    function = LIBRARY[mangled]
    function.restype = result
    function.argtypes = arguments
    return function


def _c_function(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Any:
    function = library[name]
    function.restype = result
    function.argtypes = arguments
    return function


_VERIFY: Final = (
    "_Z12VerifyScriptRK7CScriptS1_PK14CScriptWitness19script_verify_flagsRK20BaseSignatureCheckerP13ScriptError_t"
)
_CHECKER: Final = (
    "_ZN34GenericTransactionSignatureCheckerI12CTransactionEC1EPKS0_jRKlRK26PrecomputedTransactionData"
    "19MissingDataBehavior"
)
_ERROR_STRING: Final = "_Z17ScriptErrorStringB5cxx1113ScriptError_t"

_free: Final = _c_function(ctypes.CDLL(None), "free", None, c_void_p)  # libstdc++'s operator new is malloc.
_transaction_create: Final = _c_function(LIBRARY, "btck_transaction_create", c_void_p, c_char_p, c_size_t)
_transaction_destroy: Final = _c_function(LIBRARY, "btck_transaction_destroy", None, c_void_p)
_script_create: Final = _c_function(LIBRARY, "btck_script_pubkey_create", c_void_p, c_char_p, c_size_t)
_script_destroy: Final = _c_function(LIBRARY, "btck_script_pubkey_destroy", None, c_void_p)
_output_create: Final = _c_function(LIBRARY, "btck_transaction_output_create", c_void_p, c_void_p, c_int64)
_output_destroy: Final = _c_function(LIBRARY, "btck_transaction_output_destroy", None, c_void_p)
_precomputed_create: Final = _c_function(
    LIBRARY, "btck_precomputed_transaction_data_create", c_void_p, c_void_p, c_void_p, c_size_t
)
_precomputed_destroy: Final = _c_function(LIBRARY, "btck_precomputed_transaction_data_destroy", None, c_void_p)
