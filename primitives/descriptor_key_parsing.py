"""Key expressions from their text, with Core's words for what is wrong (Core: src/script/descriptor.cpp).

A path may have alternatives, `<0;1>`; so each text gives a list, one expression for each alternative.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from primitives import secp256k1
from primitives.bip32 import KeyOrigin, decode_private, decode_public, parse_path_element
from primitives.descriptor_keys import AggregateKey, ConstantKey, ExtendedKeyExpression, KeyWithOrigin, Wildcard
from primitives.errors import DescriptorError
from primitives.expressions import function_argument, is_hex, split_expression
from primitives.keys import decode_wif, has_valid_size, is_compressed, is_fully_valid, is_hybrid, key_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.chains import ChainParams
    from primitives.descriptor_keys import KeyExpression
    from primitives.keys import PrivateKey

_SPACE: Final = " \f\n\r\t\v"


class Place(Enum):
    """Where in a descriptor something stands."""

    TOP = auto()
    P2SH = auto()
    P2WPKH = auto()
    P2WSH = auto()
    P2TR = auto()
    MUSIG = auto()


@dataclass(slots=True)
class _PathSpelling:
    """How a path marks hardened steps, if it has any; the last one counts."""

    apostrophe: bool = False
    hardened: bool = False


@dataclass(frozen=True, slots=True)
class KeyParser:
    """Reads keys of a chain and collects the private ones."""

    chain: ChainParams
    private_keys: dict[bytes, PrivateKey]

    def parse(self, text: str, place: Place) -> list[KeyExpression]:
        """Read a key expression. Raises DescriptorError."""
        if text.startswith("musig("):
            if place is not Place.P2TR:
                raise DescriptorError("musig() is only allowed in tr() and rawtr()")
            return list(self._aggregate(text))
        parts = text.split("]")
        if len(parts) > 2:
            raise DescriptorError("Multiple ']' characters found for a single pubkey")
        spelling = _PathSpelling()
        if len(parts) == 1:
            return self._key(text, place, spelling)
        origin = _origin(parts[0], spelling)
        keys = self._key(parts[1], place, spelling)
        return [KeyWithOrigin(origin, key, spelling.apostrophe) for key in keys]

    def _key(self, text: str, place: Place, spelling: _PathSpelling) -> list[KeyExpression]:
        key, *steps = text.split("/")
        if not key:
            raise DescriptorError("No key provided")
        if key[0] in _SPACE or key[-1] in _SPACE:
            raise DescriptorError(f"Key '{key}' is invalid due to whitespace")
        if not steps:
            if is_hex(key):
                return [self._hex_key(key, place)]
            private = decode_wif(key, self.chain)
            if private:
                return [self._wif_key(private, place)]
        extended = decode_private(key, self.chain) or decode_public(key, self.chain)
        if extended is None:
            raise DescriptorError(f"key '{key}' is not valid")
        wildcard = _wildcard(steps, spelling)
        paths = _paths(steps, spelling, alternatives=True)
        private = extended.private_key()
        if private:
            self.private_keys.setdefault(key_id(extended.public_key), private)
        root = extended.neuter()
        return [ExtendedKeyExpression(root, path, wildcard, spelling.apostrophe, self.chain) for path in paths]

    def _hex_key(self, text: str, place: Place) -> ConstantKey:
        data = bytes.fromhex(text)
        if has_valid_size(data) and is_hybrid(data):
            raise DescriptorError("Hybrid public keys are not allowed")
        if is_fully_valid(data):
            if not is_compressed(data):
                _require_uncompressed_allowed(place)
            return ConstantKey(data, xonly=False, chain=self.chain)
        if place is Place.P2TR and secp256k1.parse_xonly(data) is not None:
            return ConstantKey(b"\2" + data, xonly=True, chain=self.chain)
        raise DescriptorError(f"Pubkey '{text}' is invalid")

    def _wif_key(self, key: PrivateKey, place: Place) -> ConstantKey:
        if not key.compressed:
            _require_uncompressed_allowed(place)
        pubkey = key.public_key()
        self.private_keys.setdefault(key_id(pubkey), key)
        return ConstantKey(pubkey, xonly=place is Place.P2TR, chain=self.chain)

    def _aggregate(self, text: str) -> list[AggregateKey]:
        if text.count(")") > 1:
            raise DescriptorError("Too many ')' in musig() expression")
        call, closing, behind = text.partition(")")
        argument = function_argument("musig", call + closing)
        if argument is None:
            raise DescriptorError("Invalid musig() expression")
        participants = self._participants(argument)
        wildcard = Wildcard.NONE
        paths: list[tuple[int, ...]] = [()]
        if behind.startswith("/"):
            if not all(keys[0].is_bip32() for keys in participants):
                raise DescriptorError("musig(): derivation requires all participants to be xpubs or xprvs")
            if any(keys[0].is_range() for keys in participants):
                raise DescriptorError("musig(): Cannot have ranged participant keys if musig() also has derivation")
            wildcard, paths = _aggregate_paths(behind)
        most = max(map(len, participants))
        if most > 1 and len(paths) > 1:
            raise DescriptorError("musig(): Cannot have multipath participant keys if musig() is also multipath")
        branches = align(participants, most, "musig(): Multipath derivation paths have mismatched lengths")
        return [AggregateKey(tuple(keys), path, wildcard, self.chain) for keys in branches for path in paths]

    def _participants(self, text: str) -> list[list[KeyExpression]]:
        participants: list[list[KeyExpression]] = []
        while text:
            if participants:
                if text[0] != ",":
                    raise DescriptorError(f"musig(): expected ',', got '{text[0]}'")
                text = text[1:]
            argument, text = split_expression(text)
            try:
                participants.append(self.parse(argument, Place.MUSIG))
            except DescriptorError as error:
                raise DescriptorError(f"musig(): {error}") from error
        if not participants:
            raise DescriptorError("musig(): Must contain key expressions")
        return participants


def align(parts: Sequence[list[KeyExpression]], count: int, mismatch: str) -> list[list[KeyExpression]]:
    """Return `count` lists, the i-th with the i-th alternative of each part; a part with one gives that to all."""
    if any(len(alternatives) not in {1, count} for alternatives in parts):
        raise DescriptorError(mismatch)
    return [[alternatives[index if len(alternatives) > 1 else 0] for alternatives in parts] for index in range(count)]


def _require_uncompressed_allowed(place: Place) -> None:
    if place not in {Place.TOP, Place.P2SH}:
        raise DescriptorError("Uncompressed keys are not allowed")


def _origin(text: str, spelling: _PathSpelling) -> KeyOrigin:
    if not text.startswith("["):
        raise DescriptorError(f"Key origin start '[ character expected but not found, got '{text[:1] or ']'}' instead")
    fingerprint, *steps = text[1:].split("/")
    if len(fingerprint) != 8:
        raise DescriptorError(f"Fingerprint is not 4 bytes ({len(fingerprint)} characters instead of 8 characters)")
    if not is_hex(fingerprint):
        raise DescriptorError(f"Fingerprint '{fingerprint}' is not hex")
    return KeyOrigin(bytes.fromhex(fingerprint), _paths(steps, spelling, alternatives=False)[0])


def _aggregate_paths(text: str) -> tuple[Wildcard, list[tuple[int, ...]]]:
    steps = text.split("/")[1:]
    spelling = _PathSpelling()
    wildcard = _wildcard(steps, spelling)
    if wildcard is Wildcard.HARDENED:
        raise DescriptorError("musig(): Cannot have hardened child derivation")
    try:
        paths = _paths(steps, spelling, alternatives=True)
    except DescriptorError as error:
        raise DescriptorError(f"musig(): {error}") from error
    if spelling.hardened:
        raise DescriptorError("musig(): cannot have hardened derivation steps")
    return wildcard, paths


def _wildcard(steps: list[str], spelling: _PathSpelling) -> Wildcard:
    """Take a wildcard off the end of a path."""
    last = steps[-1] if steps else ""
    if last not in {"*", "*'", "*h"}:
        return Wildcard.NONE
    steps.pop()
    if last == "*":
        return Wildcard.UNHARDENED
    spelling.apostrophe = last == "*'"
    return Wildcard.HARDENED


def _paths(steps: Sequence[str], spelling: _PathSpelling, *, alternatives: bool) -> list[tuple[int, ...]]:
    path: list[int] = []
    branches: list[int] = []
    branch_at = 0
    for step in steps:
        if step[:1] != "<" or step[-1] != ">":
            path.append(_step(step, spelling))
            continue
        if not alternatives:
            raise DescriptorError(
                f"Key path value '{step}' specifies multipath in a section where multipath is not allowed"
            )
        if branches:
            raise DescriptorError("Multiple multipath key path specifiers found")
        branches = _branches(step[1:-1].split(";"), spelling)
        branch_at = len(path)
        path.append(0)
    if not branches:
        return [tuple(path)]
    return [(*path[:branch_at], branch, *path[branch_at + 1 :]) for branch in branches]


def _branches(texts: Sequence[str], spelling: _PathSpelling) -> list[int]:
    if len(texts) < 2:
        raise DescriptorError("Multipath key path specifiers must have at least two items")
    branches: list[int] = []
    for text in texts:
        branch = _step(text, spelling)
        if branch in branches:
            raise DescriptorError(f"Duplicated key path value {branch} in multipath specifier")
        branches.append(branch)
    return branches


def _step(text: str, spelling: _PathSpelling) -> int:
    number = parse_path_element(text)
    if text[-1] in "'h":
        spelling.hardened = True
        spelling.apostrophe = text[-1] == "'"
    return number
