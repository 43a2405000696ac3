"""Large blocks of memory go back to the system, whatever was freed before."""

import subprocess
import sys

_PROGRAM = """
import ctypes, sys
from cli.allocator import return_large_blocks
from node.rpc.memory import malloc_stats

if sys.argv[1] == "fixed":
    return_large_blocks()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.free(libc.malloc(ctypes.c_size_t(16 << 20)))
before = malloc_stats()["hblks"]
libc.malloc(ctypes.c_size_t(1 << 20))
print(malloc_stats()["hblks"] - before)
"""


def mapped(how: str) -> int:
    """Return how many blocks of their own the system gave for one of 1 MiB, after one of 16 MiB was freed."""
    found = subprocess.run([sys.executable, "-c", _PROGRAM, how], capture_output=True, text=True, check=True)
    return int(found.stdout)


def test_large_blocks_are_given_back() -> None:
    assert mapped("as it is") == 0
    assert mapped("fixed") == 1
