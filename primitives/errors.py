"""Every error package `primitives` raises on purpose."""


class PrimitivesError(Exception):
    """Something is not what Bitcoin calls by that name; the text is one line for a person."""


class DecodeError(PrimitivesError, ValueError):
    """Bytes that are no transaction, block, header or whatever they were read as."""

    def stream_text(self) -> str:
        """Return what Core's streams say of it (std::ios_base::failure of its SpanReader)."""
        reason = str(self)
        return f"{'SpanReader::read(): ' if reason == 'end of data' else ''}{reason}: iostream error"


class ScriptError(PrimitivesError, ValueError):
    """A script, or a number inside one, cannot be read or written."""


class AddressError(PrimitivesError, ValueError):
    """A text that is no address of this chain.

    The message is Core's; `locations` are the indices of the characters that bech32's checksum blames.
    """

    def __init__(self, message: str, locations: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.locations = locations


class SecretError(PrimitivesError, ValueError):
    """A private key out of range."""


class DescriptorError(PrimitivesError, ValueError):
    """A text that is no output descriptor; the message is Core's."""


class PsbtError(PrimitivesError, ValueError):
    """Bytes or a text that are no PSBT; the message is Core's."""
