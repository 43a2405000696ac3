"""Output descriptors from their text, with Core's words for what is wrong (Core: src/script/descriptor.cpp, Parse)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from primitives import address
from primitives.bip32 import parse_uint32
from primitives.descriptor import (
    Address,
    Combo,
    Multisig,
    PublicKey,
    PublicKeyHash,
    Raw,
    RawTaproot,
    ScriptHash,
    Taproot,
    Unused,
    WitnessPublicKeyHash,
    WitnessScriptHash,
)
from primitives.descriptor_checksum import split_checksum
from primitives.descriptor_key_parsing import KeyParser, Place, align
from primitives.descriptor_miniscript import Miniscript, why_unsafe
from primitives.errors import AddressError, DescriptorError
from primitives.expressions import function_argument, is_hex, split_expression
from primitives.miniscript import MAX_KEYS, MAX_TAPSCRIPT_KEYS, check_duplicate_keys
from primitives.miniscript_parsing import parse_miniscript
from primitives.script import MAX_SCRIPT_ELEMENT_SIZE
from primitives.signing_data import SigningData
from primitives.taproot import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from common.chains import ChainParams
    from primitives.descriptor import Descriptor
    from primitives.descriptor_keys import KeyExpression
    from primitives.keys import PrivateKey

T = TypeVar("T")

_MAX_BARE_KEYS: Final = 3
_MULTISIGS: Final = ("multi", "sortedmulti", "multi_a", "sortedmulti_a")


@dataclass(frozen=True, slots=True)
class ParsedDescriptor:
    """The descriptors of a text, one for each alternative of its paths, and the private keys it has."""

    descriptors: tuple[Descriptor, ...]
    checksum: str
    """Of the text as given."""
    data: SigningData


def parse_descriptor(text: str, chain: ChainParams, *, require_checksum: bool = False) -> ParsedDescriptor:
    """Read a descriptor for a chain. Raises DescriptorError with Core's text."""
    payload, checksum = split_checksum(text, required=require_checksum)
    private_keys: dict[bytes, PrivateKey] = {}
    descriptors, rest = _Parser(KeyParser(chain, private_keys), chain).script(payload, Place.TOP)
    if rest:
        raise DescriptorError("")  # Core gives no reason for what stands behind a whole descriptor.
    return ParsedDescriptor(tuple(descriptors), checksum, SigningData(keys=private_keys))


@dataclass(frozen=True, slots=True)
class _Parser:
    keys: KeyParser
    chain: ChainParams

    def script(self, text: str, place: Place) -> tuple[Sequence[Descriptor], str]:
        """Read one script expression; return its alternatives and the text behind it."""
        expression, rest = split_expression(text)
        return self._script(expression, place), rest

    def _script(self, text: str, place: Place) -> Sequence[Descriptor]:
        in_script = place in {Place.TOP, Place.P2SH, Place.P2WSH}
        if (argument := function_argument("pk", text)) is not None:
            xonly = place is Place.P2TR
            return [PublicKey(key, xonly) for key in self._named_keys("pk", argument, place)]
        if in_script and (argument := function_argument("pkh", text)) is not None:
            return [PublicKeyHash(key) for key in self._named_keys("pkh", argument, place)]
        if (argument := function_argument("combo", text)) is not None:
            _require(place is Place.TOP, "Can only have combo() at top level")
            return [Combo(key) for key in self._named_keys("combo", argument, place)]
        for name in _MULTISIGS:
            if (argument := function_argument(name, text)) is not None:
                return self._multisig(name, argument, place)
        if (argument := function_argument("wpkh", text)) is not None:
            _require(place in {Place.TOP, Place.P2SH}, "Can only have wpkh() at top level or inside sh()")
            return [WitnessPublicKeyHash(key) for key in self._named_keys("wpkh", argument, Place.P2WPKH)]
        if (argument := function_argument("sh", text)) is not None:
            _require(place is Place.TOP, "Can only have sh() at top level")
            return [ScriptHash(inner) for inner in self._whole(argument, Place.P2SH)]
        if (argument := function_argument("wsh", text)) is not None:
            _require(place in {Place.TOP, Place.P2SH}, "Can only have wsh() at top level or inside sh()")
            return [WitnessScriptHash(inner) for inner in self._whole(argument, Place.P2WSH)]
        for name, (read, message) in self._top_level().items():
            if (argument := function_argument(name, text)) is not None:
                _require(place is Place.TOP, message)
                return read(argument)
        return self._miniscript(text, place)

    def _top_level(self) -> dict[str, tuple[Callable[[str], Sequence[Descriptor]], str]]:
        """Return what may only stand alone, and what is said where it does not."""
        return {
            "addr": (self._address, "Can only have addr() at top level"),
            "tr": (self._taproot, "Can only have tr at top level"),
            "rawtr": (self._raw_taproot, "Can only have rawtr at top level"),
            "unused": (self._unused, "Can only have unused at top level"),
            "raw": (_raw, "Can only have raw() at top level"),
        }

    def _whole(self, text: str, place: Place) -> Sequence[Descriptor]:
        descriptors, rest = self.script(text, place)
        _require(not rest, "")
        return descriptors

    def _named_keys(self, name: str, text: str, place: Place) -> list[KeyExpression]:
        try:
            return self.keys.parse(text, place)
        except DescriptorError as error:
            raise DescriptorError(f"{name}(): {error}") from error

    def _multisig(self, name: str, text: str, place: Place) -> Sequence[Descriptor]:
        in_taproot = name.endswith("_a")
        if in_taproot:
            _require(place is Place.P2TR, "Can only have multi_a/sortedmulti_a inside tr()")
        else:
            allowed = place in {Place.TOP, Place.P2SH, Place.P2WSH}
            _require(allowed, "Can only have multi/sortedmulti at top level, in sh(), or in wsh()")
        first, text = split_expression(text)
        threshold = parse_uint32(first)
        if threshold is None:
            raise DescriptorError(f"Multi threshold '{first}' is not valid")
        members: list[list[KeyExpression]] = []
        while text:
            if text[0] != ",":
                raise DescriptorError(f"Multi: expected ',', got '{text[0]}'")
            argument, text = split_expression(text[1:])
            try:
                members.append(self.keys.parse(argument, place))
            except DescriptorError as error:
                raise DescriptorError(f"Multi: {error}") from error
        _check_multisig(threshold, members, place, in_taproot=in_taproot)
        count = max(map(len, members))
        branches = align(members, count, "multi(): Multipath derivation paths have mismatched lengths")
        return [Multisig(threshold, tuple(keys), name.startswith("sorted"), in_taproot) for keys in branches]

    def _address(self, text: str) -> Sequence[Descriptor]:
        try:
            return [Address(address.decode(text, self.chain), self.chain)]
        except AddressError:
            raise DescriptorError("Address is not valid") from None

    def _taproot(self, text: str) -> Sequence[Descriptor]:
        first, text = split_expression(text)
        internal = self._named_keys("tr", first, Place.P2TR)
        leaves: list[Sequence[Descriptor]] = []
        depths: list[int] = []
        if text:
            if text[0] != ",":
                raise DescriptorError(f"tr: expected ',', got '{text[0]}'")
            leaves, depths = self._tree(text[1:])
        count = max(len(internal), *map(len, leaves)) if leaves else len(internal)
        _require(all(len(each) in {1, count} for each in leaves), "tr(): Multipath subscripts have mismatched lengths")
        _require(len(internal) in {1, count}, "tr(): Multipath internal key mismatches multipath subscripts lengths")
        return [
            Taproot(_pick(internal, index), tuple(_pick(each, index) for each in leaves), tuple(depths))
            for index in range(count)
        ]

    def _tree(self, text: str) -> tuple[list[Sequence[Descriptor]], list[int]]:
        leaves: list[Sequence[Descriptor]] = []
        depths: list[int] = []
        rights: list[bool] = []  # From the top, whether the way here goes right.
        while True:
            while text.startswith("{"):
                rights.append(False)
                text = text[1:]
                _require(len(rights) <= MAX_DEPTH, f"tr() supports at most {MAX_DEPTH} nesting levels")
            argument, text = split_expression(text)
            leaves.append(self.script(argument, Place.P2TR)[0])
            depths.append(len(rights))
            while rights and rights[-1]:
                _require(text.startswith("}"), "tr(): expected '}' after script expression")
                text = text[1:]
                rights.pop()
            if not rights:
                break
            _require(text.startswith(","), "tr(): expected ',' after script expression")
            text = text[1:]
            rights[-1] = True
        _require(not text, "tr(): expected ')' after script expression")
        return leaves, depths

    def _raw_taproot(self, text: str) -> Sequence[Descriptor]:
        argument, rest = split_expression(text)
        _require(not rest, "rawtr(): only one key expected.")
        return [RawTaproot(key) for key in self._named_keys("rawtr", argument, Place.P2TR)]

    def _unused(self, text: str) -> Sequence[Descriptor]:
        argument, rest = split_expression(text)
        _require(not rest, "unused(): only one key expected")
        keys = self.keys.parse(argument, Place.TOP)
        _require(not any(key.is_range() for key in keys), "unused(): key cannot be ranged")
        return [Unused(key) for key in keys]

    def _miniscript(self, text: str, place: Place) -> Sequence[Descriptor]:
        members: list[list[KeyExpression]] = []
        inner = Place.P2WSH if place is Place.P2WSH else Place.P2TR

        def read_key(key: str) -> int:
            members.append(self.keys.parse(key, inner))
            return len(members) - 1

        node = parse_miniscript(text, read_key, tapscript=inner is Place.P2TR)
        if node is None:
            raise DescriptorError(_UNREADABLE.get(place, f"'{text}' is not a valid descriptor function"))
        _require(place in {Place.P2WSH, Place.P2TR}, "Miniscript expressions can only be used in wsh or tr.")
        nothing = SigningData()
        identities = [alternatives[0].pubkey(0, nothing, SigningData()) for alternatives in members]
        check_duplicate_keys(node, lambda index: identities[index])
        reason = why_unsafe(node, lambda index: members[index][0].text())
        if reason is not None:
            raise DescriptorError(reason)
        count = max(map(len, members))
        branches = align(members, count, "Miniscript: Multipath derivation paths have mismatched lengths")
        return [Miniscript(tuple(keys), node) for keys in branches]


_UNREADABLE: Final = {
    Place.P2SH: "A function is needed within P2SH",
    Place.P2WSH: "A function is needed within P2WSH",
}


def _raw(text: str) -> Sequence[Descriptor]:
    _require(is_hex(text), "Raw script is not hex")
    return [Raw(bytes.fromhex(text))]


def _check_multisig(threshold: int, members: Sequence[list[KeyExpression]], place: Place, *, in_taproot: bool) -> None:
    count = len(members)
    most, name = (MAX_TAPSCRIPT_KEYS, "multi_a") if in_taproot else (MAX_KEYS, "multisig")
    _require(1 <= count <= most, f"Cannot have {count} keys in {name}; must have between 1 and {most} keys, inclusive")
    _require(threshold >= 1, f"Multisig threshold cannot be {threshold}, must be at least 1")
    _require(
        threshold <= count,
        "Multisig threshold cannot be larger than the number of keys; "
        f"threshold is {threshold} but only {count} keys specified",
    )
    if place is Place.TOP:
        _require(
            count <= _MAX_BARE_KEYS,
            f"Cannot have {count} pubkeys in bare multisig; only at most {_MAX_BARE_KEYS} pubkeys",
        )
    if place is Place.P2SH:
        size = sum(keys[0].size() + 1 for keys in members) + 3
        _require(
            size <= MAX_SCRIPT_ELEMENT_SIZE,
            f"P2SH script is too large, {size} bytes is larger than {MAX_SCRIPT_ELEMENT_SIZE} bytes",
        )


def _pick(alternatives: Sequence[T], index: int) -> T:
    return alternatives[index if len(alternatives) > 1 else 0]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DescriptorError(message)
