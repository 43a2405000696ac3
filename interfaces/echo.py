"""The smallest interface: a way to see that a connection works."""

from abc import abstractmethod

from interfaces.interface import Interface


class Echo(Interface, schema="echo.capnp"):
    """Says back what it was told (Core: src/interfaces/echo.h)."""

    @abstractmethod
    def echo(self, echo: str) -> str:
        """Return `echo` unchanged."""
