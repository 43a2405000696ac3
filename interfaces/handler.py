"""The registration of a callback (Core: src/interfaces/handler.h)."""

from abc import abstractmethod

from interfaces.interface import Interface


class Handler(Interface, schema="handler.capnp"):
    """Ends with `disconnect`, with `close`, when its holder forgets it, and when its holder's process ends."""

    @abstractmethod
    def disconnect(self) -> None:
        """Begin no further call; one that runs is not waited for. Idempotent."""
