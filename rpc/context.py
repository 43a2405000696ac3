"""What an RPC method works with."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from common.chains import ChainParams
    from rpc.request import Request
    from rpc.server import MethodServer

Owner = TypeVar("Owner")


@dataclass(frozen=True, slots=True)
class MethodContext(Generic[Owner]):
    """The program's parts, the request and the server that runs it."""

    owner: Owner
    """The parts that the methods are about, such as a node or wallets."""
    request: Request
    server: MethodServer[Owner]
    until_end: ExitStack = field(default_factory=ExitStack)
    """What is to be left once the method has ended."""

    @property
    def chain(self) -> ChainParams:
        """The chain that all is about."""
        raise NotImplementedError


AnyContext = MethodContext[Any]
"""What a method works with that needs no more than the chain, so that every program serves it."""
