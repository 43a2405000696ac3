"""The descriptor that a miniscript inside wsh() or tr() is, and what Core says of one that is not safe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from primitives.descriptor import Descriptor
from primitives.hashes import hash160
from primitives.miniscript_types import SEQUENCE_TYPE_FLAG, Fragment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from primitives.descriptor_keys import KeyExpression
    from primitives.miniscript import Node
    from primitives.signing_data import SigningData

_SEQUENCE_MASK: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Miniscript(Descriptor):
    """A miniscript whose keys are indices into `members`."""

    members: tuple[KeyExpression, ...]
    node: Node = field(compare=False)

    def keys(self) -> tuple[KeyExpression, ...]:
        """Return the key expressions that stand here."""
        return self.members

    def warnings(self) -> list[str]:
        """Return which relative time locks overflow."""
        found = []
        for node in self.node.nodes():
            if node.fragment is Fragment.OLDER and node.number & ~SEQUENCE_TYPE_FLAG > _SEQUENCE_MASK:
                if node.number & SEQUENCE_TYPE_FLAG:
                    kind, most = "time", "(65535 * 512) seconds"
                else:
                    kind, most = "height", "65535 blocks"
                found.append(f"{kind}-based relative locktime: older({node.number}) > {most} is unsafe")
        return found

    def body(self, write: Callable[[KeyExpression], str]) -> str:
        """Return the text without checksum."""
        return self.node.text(lambda index: write(self.members[index]))

    def make_scripts(self, pubkeys: Sequence[bytes], inner: Sequence[bytes], found: SigningData) -> list[bytes]:
        """Return the script; tell `found` of keys by the hashes that the script has of them."""
        if self.node.tapscript:
            for pubkey in pubkeys:
                found.pubkeys.setdefault(hash160(pubkey[1:33]), pubkey)
        return [self.node.script(lambda index: pubkeys[index][1:33] if self.node.tapscript else pubkeys[index])]


def why_unsafe(node: Node, write: Callable[[int], str]) -> str | None:
    """Return Core's words for what is wrong with a miniscript, None if nothing is."""
    if node.is_sane() and node.is_satisfiable():
        return None
    culprit = node.find_insane() or node
    text = culprit.text(write)
    if not culprit.is_valid():
        return f"{text} is invalid"
    if node.is_sane():
        return f"{text} is not satisfiable"
    if not culprit.is_non_malleable():
        return f"{text} is not sane: malleable witnesses exist"
    if culprit is node and not node.needs_signature():
        return f"{text} is not sane: witnesses without signature exist"
    if not culprit.has_no_mixed_time_locks():
        return f"{text} is not sane: contains mixes of timelocks expressed in blocks and seconds"
    if culprit.has_duplicate_keys:
        return f"{text} is not sane: contains duplicate public keys"
    if not culprit.has_valid_satisfactions():
        return f"{text} is not sane: needs witnesses that may exceed resource limits"
    return f"{text} is not sane"
