"""RPC methods about memory, as glibc tells of it (Core: src/rpc/node.cpp)."""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rpc.errors import RPC_INVALID_PARAMETER, RpcError
from rpc.help import examples
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from node.rpc.context import RpcContext
    from rpc.json import Json

_FIELDS: Final = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
)  # fmt: skip


class _MallocStats(ctypes.Structure):
    """Struct mallinfo2."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _FIELDS)


def malloc_stats() -> dict[str, int]:
    """Return what glibc's mallinfo2 tells."""
    call = ctypes.CDLL(None).mallinfo2
    call.restype = _MallocStats
    found = call()
    return {name: getattr(found, name) for name in _FIELDS}


def _locked() -> int:
    """Return the bytes that may not be swapped out."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmLck:"):
            return int(line.split()[1]) * 1024
    return 0


def _malloc_info() -> str:
    libc = ctypes.CDLL(None)
    libc.fdopen.restype = ctypes.c_void_p
    with tempfile.TemporaryFile() as file:
        stream = ctypes.c_void_p(libc.fdopen(os.dup(file.fileno()), b"w"))
        libc.malloc_info(0, stream)
        libc.fclose(stream)
        file.seek(0)
        return file.read().decode()


@method(
    "control",
    "getmemoryinfo",
    Arg(
        "mode",
        Kind.STR,
        "What to tell:\n"
        '  - "stats" how much memory the program uses\n'
        '  - "mallocinfo" what glibc says of its heap, as XML',
        default="stats",
    ),
    result=(
        Result(
            Kind.OBJ,
            "",
            "",
            (
                Result(
                    Kind.OBJ,
                    "locked",
                    "The memory that malloc manages. Core tells of a pool for keys here, which pynode has none of",
                    (
                        Result(Kind.NUM, "used", "Bytes in use"),
                        Result(Kind.NUM, "free", "Bytes not in use"),
                        Result(Kind.NUM, "total", "The sum of both"),
                        Result(Kind.NUM, "locked", "Bytes of the program that are never swapped out"),
                        Result(Kind.NUM, "chunks_used", "How many chunks were mapped on their own"),
                        Result(Kind.NUM, "chunks_free", "How many chunks are free"),
                    ),
                ),
            ),
            condition='mode "stats"',
        ),
        Result(Kind.STR, "", '"<malloc version="1">..."', condition='mode "mallocinfo"'),
    ),
    help="Returns how much memory the program uses.",
    examples=examples("getmemoryinfo"),
)
def getmemoryinfo(context: RpcContext, mode: str) -> Json:
    """Tell of the heap."""
    del context
    if mode == "mallocinfo":
        return _malloc_info()
    if mode != "stats":
        raise RpcError(RPC_INVALID_PARAMETER, f"unknown mode {mode}")
    stats = malloc_stats()
    used, free = stats["uordblks"] + stats["hblkhd"], stats["fordblks"]
    return {
        "locked": {
            "used": used,
            "free": free,
            "total": used + free,
            "locked": _locked(),
            "chunks_used": stats["hblks"],
            "chunks_free": stats["ordblks"],
        }
    }


METHODS: Final = (getmemoryinfo,)
