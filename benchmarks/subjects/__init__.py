"""The subjects, one file each. Only the one asked for is imported, so none weighs on another."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from benchmarks.subject import UnavailableError

if TYPE_CHECKING:
    from benchmarks.subject import Subject

SOCKET = "socket"
PYCAPNP = "pycapnp"
PYCAPNP_THREADS = "pycapnp_threads"
CORE_PYCAPNP = "core_pycapnp"

NAMES = (
    SOCKET,
    "multiprocessing_managers",
    "rpyc_threads",
    "pyro5",
    "grpc_sync",
    PYCAPNP,
    PYCAPNP_THREADS,
    "ours",
    CORE_PYCAPNP,
    "core_ours",
)

OF_CORE = frozenset({CORE_PYCAPNP, "core_ours"})
"""Clients of Core's node, to be compared with pycapnp's client of it."""


def load(name: str) -> Subject:
    """Return the subject of file `name`; UnavailableError names a library that is missing."""
    if name not in NAMES:
        message = f"Unknown subject '{name}'"
        raise ValueError(message)
    try:
        module = import_module(f"benchmarks.subjects.{name}")
    except ImportError as error:
        raise UnavailableError(str(error)) from error
    subject: Subject = module.SUBJECT
    return subject
