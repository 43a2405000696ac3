"""Taproot's script trees: hashes, control blocks, and back from those to a tree (BIP341; Core: TaprootBuilder)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from primitives.encoding import sized
from primitives.hashes import tagged_hash
from primitives.keys import tap_output_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TAPSCRIPT_VERSION: Final = 0xC0
LEAF_VERSION_MASK: Final = 0xFE
MAX_DEPTH: Final = 128
CONTROL_BASE_SIZE: Final = 33
CONTROL_NODE_SIZE: Final = 32
_MAX_INFERRED_LEAVES: Final = 100_000


class Leaf(NamedTuple):
    """A script of a tree: how deep it hangs, and its version."""

    depth: int
    script: bytes
    version: int = TAPSCRIPT_VERSION


@dataclass(slots=True)
class SpendData:
    """What is known of how to spend an output; key and root are empty where unknown, the root also without scripts."""

    internal_key: bytes = b""
    merkle_root: bytes = b""
    scripts: dict[tuple[bytes, int], list[bytes]] = field(default_factory=dict)
    """Control blocks by script and leaf version, shortest first."""

    def add_script(self, script: bytes, version: int, control: bytes) -> None:
        """Remember a control block."""
        blocks = self.scripts.setdefault((script, version), [])
        if control not in blocks:
            blocks.append(control)
            blocks.sort(key=lambda block: (len(block), block))

    def merge(self, other: SpendData) -> None:
        """Add what the other knows; where both know the key or root, ours stays."""
        self.internal_key = self.internal_key or other.internal_key
        self.merkle_root = self.merkle_root or other.merkle_root
        for (script, version), blocks in other.scripts.items():
            for block in blocks:
                self.add_script(script, version, block)


@dataclass(frozen=True, slots=True)
class TapTree:
    """The leaves of a complete tree, from the left, below an internal key."""

    internal_key: bytes
    leaves: tuple[Leaf, ...] = ()

    def output_key(self) -> bytes:
        """Return the x-only key of the output."""
        return self._output()[0]

    def merkle_root(self) -> bytes:
        """Return the root, empty where there are no scripts."""
        return _combine(self.leaves)[0]

    def spend_data(self) -> SpendData:
        """Return keys, root and control blocks."""
        root, branches = _combine(self.leaves)
        odd = self._output()[1]
        data = SpendData(self.internal_key, root)
        for leaf, branch in branches:
            control = bytes((leaf.version | odd,)) + self.internal_key + b"".join(branch)
            data.add_script(leaf.script, leaf.version, control)
        return data

    def _output(self) -> tuple[bytes, bool]:
        output = tap_output_key(self.internal_key, self.merkle_root())
        if output is None:
            raise ValueError(f"'{self.internal_key.hex()}' is no key")
        return output


def leaf_hash(script: bytes, version: int = TAPSCRIPT_VERSION) -> bytes:
    """Return the hash of a leaf."""
    return tagged_hash("TapLeaf", bytes((version,)) + sized(script))


def branch_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees, whose order does not matter."""
    return tagged_hash("TapBranch", min(left, right) + max(left, right))


def depths_are_complete(depths: Iterable[int]) -> bool:
    """Whether leaves of these depths, from the left, make one whole tree or none."""
    open_depths: list[int] = []
    for depth in depths:
        if not 0 <= depth <= MAX_DEPTH or (open_depths and open_depths[-1] > depth):
            return False
        current = depth
        while open_depths and open_depths[-1] == current:
            if current == 0:
                return False
            open_depths.pop()
            current -= 1
        open_depths.append(current)
    return open_depths in ([], [0])


def infer_tree(data: SpendData, output_key: bytes) -> tuple[Leaf, ...] | None:
    """Find the whole tree that control blocks tell of, None where a part is missing or the output is another."""
    output = tap_output_key(data.internal_key, data.merkle_root)
    if output is None or output[0] != output_key:
        return None
    if not data.merkle_root:
        return ()
    leaves: dict[bytes, tuple[bytes, int]] = {}
    children: dict[bytes, tuple[bytes, bytes]] = {}
    for (script, version), controls in sorted(data.scripts.items()):
        for control in controls:
            path = _control_path(control, version)
            if path is None:
                continue
            first = node = leaf_hash(script, version)
            found = {}
            for partner in path:
                parent = branch_hash(node, partner)
                found[parent] = (node, partner)
                node = parent
            if node == data.merkle_root:
                leaves[first] = (script, version)
                for parent, pair in found.items():
                    children.setdefault(parent, pair)
    return _walk(data.merkle_root, leaves, children)


def _walk(
    root: bytes, leaves: dict[bytes, tuple[bytes, int]], children: dict[bytes, tuple[bytes, bytes]]
) -> tuple[Leaf, ...] | None:
    tree: list[Leaf] = []
    waiting = [(0, root)]
    while waiting:
        depth, node = waiting.pop()
        if node in leaves:
            tree.append(Leaf(depth, *leaves[node]))
        elif node in children and len(tree) < _MAX_INFERRED_LEAVES:
            left, right = children[node]
            waiting += ((depth + 1, right), (depth + 1, left))
        else:
            return None
    return tuple(tree)


def _control_path(control: bytes, version: int) -> list[bytes] | None:
    levels, rest = divmod(len(control) - CONTROL_BASE_SIZE, CONTROL_NODE_SIZE)
    if rest or not 0 <= levels <= MAX_DEPTH or version & 1 or control[0] & LEAF_VERSION_MASK != version:
        return None
    return [control[at : at + CONTROL_NODE_SIZE] for at in range(CONTROL_BASE_SIZE, len(control), CONTROL_NODE_SIZE)]


def _combine(leaves: Sequence[Leaf]) -> tuple[bytes, list[tuple[Leaf, list[bytes]]]]:
    """Return the root of complete leaves and each leaf with the hashes beside its way to the root."""
    branches: list[tuple[Leaf, list[bytes]]] = [(leaf, []) for leaf in leaves]
    stack: list[tuple[int, bytes, int]] = []  # Depth, hash, and which leaf each pending subtree starts with.
    for index, leaf in enumerate(leaves):
        depth, node, start = leaf.depth, leaf_hash(leaf.script, leaf.version), index
        while stack and stack[-1][0] == depth:
            _, left, left_start = stack.pop()
            for _, branch in branches[left_start:start]:
                branch.append(node)
            for _, branch in branches[start : index + 1]:
                branch.append(left)
            node, start, depth = branch_hash(left, node), left_start, depth - 1
        stack.append((depth, node, start))
    return (stack[0][1] if stack else b""), branches
