"""What every interface has in common: a schema name and an explicit end of life."""

from __future__ import annotations

from abc import ABC
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType


class Interface(ABC):  # noqa: B024 - what a subclass must implement is its own business
    """A set of methods that can be called in this process or across a connection.

    A subclass names the Cap'n Proto file that fixes its wire form, either a file
    shipped with package `ipc` ("echo.capnp") or an absolute path. The interface in
    that file bears the name of the class.
    """

    schema: ClassVar[str | PathLike[str] | None] = None

    def __init_subclass__(cls, *, schema: str | PathLike[str] | None = None, **kwargs: object) -> None:
        """Remember the schema file given as a class keyword."""
        super().__init_subclass__(**kwargs)
        if schema is not None:
            cls.schema = schema

    def close(self) -> None:  # noqa: B027 - most objects hold nothing
        """End the object. Idempotent. On a server: its only client is done or gone."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
