"""Unix socket addresses: what they mean, and sockets connected or bound to them (Core: src/ipc/process.cpp)."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ipc.errors import AddressError

if TYPE_CHECKING:
    from collections.abc import Collection

log: Final = logging.getLogger("ipc")

MAX_PATH: Final = 107
"""Bytes a Unix socket path may have, without the zero at its end."""
DEFAULT_MAX_CONNECTIONS: Final = 4096
"""Connections a server has at a time unless told otherwise."""
_BACKLOG: Final = 4096


def socket_name(exe_name: str) -> str:
    """Return the default file name of a program's socket: node.sock for bitcoin-node and pynode."""
    prefix, dash, rest = exe_name.partition("-")
    return f"{rest if dash else prefix.removeprefix('py')}.sock"


def socket_path(address: str, data_dir: Path, exe_name: str) -> Path:
    """Return the path that `unix` or `unix:<path>` means. Raises AddressError."""
    if address in {"unix", "unix:"}:
        path = data_dir / socket_name(exe_name)
    elif address.startswith("unix:"):
        path = data_dir / address.removeprefix("unix:")
    else:
        raise AddressError(f"Unrecognized address '{address}'")
    path = Path(os.path.normpath(path.absolute()))
    if "\0" in str(path):
        raise AddressError(f"Unrecognized address {address!r}")
    if len(os.fsencode(path)) > MAX_PATH:
        raise AddressError(f'Unix address path "{path}" exceeded maximum socket path length')
    return path


def connect(path: Path) -> socket.socket:
    """Connect. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(str(path))
    except BaseException:
        sock.close()
        raise
    return sock


def bind(path: Path, mode: int) -> socket.socket:
    """Listen at a path: parents are made, a stale socket is removed, one in use never. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Two processes that find the same stale socket must not both remove it.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        _remove_stale(path)
        mask = os.umask(0o777 & ~mode)
        try:
            sock.bind(str(path))
        finally:
            os.umask(mask)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(folder)
    return sock


def _remove_stale(path: Path) -> None:
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # One that is in use may have no room for us now.
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except FileNotFoundError:
            return
        except BlockingIOError:
            pass
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


class BoundPath:
    """The socket file we made, to be removed if it is still ours."""

    def __init__(self, path: Path) -> None:
        """Remember which file it is."""
        self.path = path
        found = path.lstat()
        self._identity = (found.st_dev, found.st_ino)

    def remove(self) -> None:
        """Remove the file, unless somebody replaced it. Idempotent."""
        with contextlib.suppress(OSError):
            found = self.path.lstat()
            if (found.st_dev, found.st_ino) == self._identity:
                self.path.unlink()


def mode_for(allowed_uids: Collection[int]) -> int:
    """Return the mode of a socket's file: for its owner, and for everybody if other users may connect."""
    return 0o666 if set(allowed_uids) - {os.geteuid(), 0} else 0o600


def is_allowed(sock: socket.socket, allowed_uids: Collection[int]) -> bool:
    """Whether the process at the other end is of our user, root's or one of those; logs a refusal."""
    uid = peer_uid(sock)
    if uid in {0, os.geteuid()} or uid in allowed_uids:
        return True
    log.warning("ipc: IPC server: refused connection of user id %d", uid)
    return False


def peer_uid(sock: socket.socket) -> int:
    """Return the user id of the process at the other end."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(raw[4:8], "little")
