"""Who may use JSON-RPC over HTTP: cookie, password, -rpcauth (Core: src/httprpc.cpp, src/rpc/request.cpp)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import os
import secrets
import stat
from typing import TYPE_CHECKING, Final

from node.http.options import HttpError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

log: Final = logging.getLogger("rpc")
COOKIE_USER: Final = "__cookie__"
COOKIE_FILE: Final = ".cookie"
COOKIE_PERMS: Final = {"owner": 0o600, "group": 0o640, "all": 0o644}
_KNOWN: Final = 64


class Credentials:
    """Users with salted hashes of their passwords."""

    def __init__(self) -> None:
        """Know nobody."""
        self._users: list[tuple[bytes, bytes, str]] = []
        self._known: dict[str, str] = {}

    def add_password(self, user: str, password: str) -> None:
        """Let in who knows the password."""
        salt = secrets.token_hex(16)
        self._users.append((user.encode(), salt.encode(), _hash(salt.encode(), password.encode())))

    def add_auth(self, text: str) -> None:
        """Let in who an -rpcauth tells. Raises HttpError."""
        user, colon, rest = text.partition(":")
        salt, dollar, expected = rest.partition("$")
        if not colon or not dollar or ":" in rest or "$" in expected:
            log.warning("Invalid -rpcauth argument.")
            raise HttpError
        self._users.append((user.encode(), salt.encode(), expected))

    def user_of(self, header: str) -> str | None:
        """Return the user that an Authorization header proves to be, None if it does not."""
        known = self._known.get(header)
        if known is not None:
            return known
        user = self._check(header)
        if user is not None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[header] = user
        return user

    def _check(self, header: str) -> str | None:
        if not header.startswith("Basic "):
            return None
        try:
            decoded = base64.b64decode(header[6:].strip().encode("latin-1"), validate=True)
        except binascii.Error:
            return None
        user, colon, password = decoded.partition(b":")
        if not colon:
            return None
        for known, salt, expected in self._users:
            if hmac.compare_digest(known, user) and hmac.compare_digest(_hash(salt, password), expected):
                return user.decode("utf-8", "replace")
        return None


def _hash(salt: bytes, password: bytes) -> str:
    return hmac.new(salt, password, hashlib.sha256).hexdigest()


class Cookie:
    """A file with a password made at random, for those who can read it. Remove it at the end."""

    def __init__(self, path: Path, permissions: str | None) -> None:
        """Write it. Raises HttpError."""
        if permissions is not None and permissions not in COOKIE_PERMS:
            log.error("Invalid -rpccookieperms=%s; must be one of 'owner', 'group', or 'all'.", permissions)
            raise HttpError
        self._path = path
        self.password = secrets.token_hex(32)
        temporary = path.with_name(path.name + ".tmp")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            log.warning("Unable to open cookie authentication file %s for writing", temporary)
            raise HttpError from error
        try:
            with os.fdopen(descriptor, "w") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(f"{COOKIE_USER}:{self.password}")
            temporary.replace(path)
        except OSError as error:
            log.warning("Unable to rename cookie authentication file %s to %s", temporary, path)
            raise HttpError from error
        if permissions is not None:
            try:
                path.chmod(COOKIE_PERMS[permissions])
            except OSError as error:
                log.warning("Unable to set permissions on cookie authentication file %s", path)
                raise HttpError from error
        log.info("Generated RPC authentication cookie %s", path)
        log.info("Permissions used for cookie: %s", stat.filemode(path.stat().st_mode)[1:])

    def remove(self) -> None:
        """Delete the file."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("Unable to remove random auth cookie file %s: %s", self._path, error.strerror)


def parse_whitelist(values: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the methods that each user of -rpcwhitelist may call; several for one user are intersected."""
    found: dict[str, frozenset[str]] = {}
    for value in values:
        user, colon, methods = value.partition(":")
        named = frozenset(methods.replace(" ", ",").split(",")) if colon else frozenset()
        if user in found:
            found[user] = (found[user] & named) if colon else found[user]
        else:
            found[user] = named
    return found
