"""Transactions, blocks and merkle trees: what is read is what is written, and Core's kernel agrees."""

import struct
from itertools import pairwise

import pbk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from primitives.block import Block, BlockHeader
from primitives.encoding import compact_size, read_bytes, read_compact_size
from primitives.errors import DecodeError
from primitives.merkle import MerkleBlock, PartialMerkleTree, is_mutated, merkle_path, merkle_root, root_of_path
from primitives.transaction import OutPoint, Transaction, TxIn, TxOut
from primitives.work import bits_to_target, difficulty, proof_of, target_to_bits

HASHES = st.binary(min_size=32, max_size=32)
UINT32 = st.integers(0, 2**32 - 1)
SCRIPTS = st.binary(max_size=300)
WITNESSES = st.lists(SCRIPTS, max_size=3).map(tuple)
INPUTS = st.builds(TxIn, st.builds(OutPoint, HASHES, UINT32), SCRIPTS, UINT32, WITNESSES)
OUTPUTS = st.builds(TxOut, st.integers(-(2**63), 2**63 - 1), SCRIPTS)
TRANSACTIONS = st.builds(
    Transaction,
    UINT32,
    st.lists(INPUTS, min_size=1, max_size=4).map(tuple),
    st.lists(OUTPUTS, min_size=1, max_size=4).map(tuple),
    UINT32,
)
HEADERS = st.builds(BlockHeader, st.integers(-(2**31), 2**31 - 1), HASHES, HASHES, UINT32, UINT32, UINT32)
SEGWIT = Transaction(
    2,
    (TxIn(OutPoint(bytes(range(32)), 7), b"", 0xFFFFFFFE, (b"\x01" * 71, b"\x02" * 33)),),
    (TxOut(123456789, b"\x00\x14" + bytes(20)),),
    500,
)


@given(TRANSACTIONS)
def test_what_is_written_is_read_back(transaction: Transaction) -> None:
    data = transaction.serialize()
    read = Transaction.parse(data)
    assert read == transaction
    assert read.serialize() == data
    assert (read.txid, read.wtxid) == (transaction.txid, transaction.wtxid)
    assert read.has_witness == any(each.witness for each in transaction.inputs)
    assert read.weight == 3 * len(read.serialize(witness=False)) + len(data) == transaction.weight
    assert read.stripped_size == len(transaction.serialize(witness=False))
    assert Transaction.parse(read.serialize(witness=False)).txid == read.txid


@given(TRANSACTIONS)
def test_the_kernel_agrees(transaction: Transaction) -> None:
    data = transaction.serialize()
    theirs = pbk.Transaction(data)
    assert bytes(theirs) == data
    assert bytes(theirs.txid) == transaction.txid
    assert [bytes(each.out_point.txid) for each in theirs.inputs] == [each.prevout.txid for each in transaction.inputs]
    assert [each.amount for each in theirs.outputs] == [each.value for each in transaction.outputs]


@given(TRANSACTIONS, st.data())
def test_a_cut_transaction_is_refused(transaction: Transaction, data: st.DataObject) -> None:
    raw = transaction.serialize()
    with pytest.raises(DecodeError):
        Transaction.parse(raw[: data.draw(st.integers(0, len(raw) - 1))])
    with pytest.raises(DecodeError, match="1 bytes behind the transaction"):
        Transaction.parse(raw + b"\x00")


@given(st.one_of(st.binary(max_size=400), st.tuples(TRANSACTIONS, st.data()).map(lambda pair: _damage(*pair))))
def test_hostile_bytes_are_read_as_the_kernel_reads_them(data: bytes) -> None:
    try:
        theirs = bytes(pbk.Transaction(data))
    except RuntimeError:
        theirs = None
    try:
        ours, end = Transaction.parse_from(data, 0)
    except DecodeError:
        assert theirs is None
    else:
        assert theirs == ours.serialize() == data[:end]


def _damage(transaction: Transaction, data: st.DataObject) -> bytes:
    raw = bytearray(transaction.serialize())
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.sampled_from([0, 1, 2, 3, 252, 253, 254, 255]))
    return bytes(raw)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\x02\x00\x00\x00\x00\x01\x00\x00" + bytes(4), "Superfluous witness record"),
        (b"\x02\x00\x00\x00\x00\x02\x00\x00" + bytes(4), "Unknown transaction optional data"),
        (SEGWIT.serialize().replace(b"\x00\x01", b"\x00\x03", 1), "Unknown transaction optional data"),
        (b"\x02\x00\x00\x00\xfd\x01\x00" + bytes(50), "non-canonical"),
        (b"\x02\x00\x00\x00\xfe\x01\x00\x00\x02" + bytes(50), "size too large"),
        (b"\x02\x00\x00\x00\xff" + b"\xff" * 8, "size too large"),
        (b"\x02\x00\x00\x00\xfe\x00\x00\x00\x02" + bytes(100), "end of data|Unknown|Superfluous"),
        (b"", "end of data"),
    ],
)
def test_each_rule_of_the_format_has_its_error(data: bytes, error: str) -> None:
    with pytest.raises(DecodeError, match=error):
        Transaction.parse(data)


def test_a_transaction_of_nothing() -> None:
    data = struct.pack("<IBBI", 1, 0, 0, 9)
    assert Transaction.parse(data) == Transaction(1, (), (), 9)
    assert Transaction(1, (), (), 9).serialize() == data


def test_no_inputs_can_be_read_without_the_extended_form() -> None:
    unfunded = Transaction(2, (), (TxOut(5, b"\x51"),), 0)
    data = unfunded.serialize()
    assert Transaction.parse(data, allow_witness=False) == unfunded
    with pytest.raises(DecodeError):
        Transaction.parse(data)


def test_a_coinbase_is_known() -> None:
    coinbase = Transaction(1, (TxIn(OutPoint(bytes(32), 0xFFFFFFFF), b"\x51\x51", 0),), (), 0)
    assert coinbase.is_coinbase
    assert not SEGWIT.is_coinbase
    assert SEGWIT.vsize == -(-SEGWIT.weight // 4)


@given(st.integers(0, 0x02000000))
def test_compact_sizes(size: int) -> None:
    data = compact_size(size)
    assert read_compact_size(b"." + data, 1) == (size, 1 + len(data))


def test_a_byte_string_must_be_whole() -> None:
    assert read_bytes(b"\x02ab", 0) == (b"ab", 3)
    with pytest.raises(DecodeError, match="end of data"):
        read_bytes(b"\x03ab", 0)
    with pytest.raises(DecodeError, match="end of data"):
        read_bytes(b"\xfd\x00", 0)


@given(HEADERS, st.lists(TRANSACTIONS, max_size=4).map(tuple))
def test_blocks(header: BlockHeader, transactions: tuple[Transaction, ...]) -> None:
    block = Block(header, transactions)
    data = block.serialize()
    assert Block.parse(data) == block
    assert block.total_size == len(data)
    assert block.stripped_size == len(block.serialize(witness=False))
    assert BlockHeader.parse(data[:80]) == header
    theirs = pbk.Block(data)
    assert bytes(theirs.block_hash) == block.hash
    assert bytes(theirs) == data
    for cut in (10, 80, len(data) - 1):
        with pytest.raises(DecodeError):
            Block.parse(data[:cut])
    with pytest.raises(DecodeError, match="behind the block"):
        Block.parse(data + b"\x00")


def test_the_first_block_of_the_chain() -> None:
    coinbase = bytes.fromhex(
        "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054"
        "696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420"
        "666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61"
        "deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000"
    )
    transaction = Transaction.parse(coinbase)
    block = Block(BlockHeader(1, bytes(32), transaction.txid, 1231006505, 0x1D00FFFF, 2083236893), (transaction,))
    assert block.hash[::-1].hex() == "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert block.merkle_root() == transaction.txid
    assert block.witness_merkle_root() == bytes(32)
    assert block.weight == 4 * block.total_size


@given(st.lists(HASHES, min_size=1, max_size=40, unique=True), st.data())
def test_a_path_leads_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(leaves) - 1))
    assert root_of_path(leaves[position], merkle_path(leaves, position), position) == merkle_root(leaves)


def test_repeated_leaves_are_told() -> None:
    leaves = [bytes([i]) * 32 for i in range(6)]
    doubled = [*leaves, *leaves[4:]]
    assert merkle_root(doubled) == merkle_root(leaves)
    assert is_mutated(doubled)
    assert not is_mutated(leaves)
    assert merkle_root([]) == bytes(32)


@given(st.lists(HASHES, min_size=1, max_size=40, unique=True), st.data())
def test_a_partial_tree_proves_its_matches(leaves: list[bytes], data: st.DataObject) -> None:
    wanted = data.draw(st.sets(st.sampled_from(leaves)))
    header = BlockHeader(1, bytes(32), merkle_root(leaves), 0, 0, 0)
    proof = MerkleBlock.build(header, leaves, wanted)
    raw = proof.serialize()
    read = MerkleBlock.parse(raw)
    assert read.header == header
    root, matches = read.tree.extract()
    assert root == merkle_root(leaves)
    assert matches == [(index, leaf) for index, leaf in enumerate(leaves) if leaf in wanted]
    with pytest.raises(DecodeError):
        MerkleBlock.parse(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(st.integers(0, 40), st.lists(HASHES, max_size=20), st.lists(st.booleans(), max_size=40))
def test_a_made_up_tree_proves_nothing_or_something(count: int, hashes: list[bytes], bits: list[bool]) -> None:
    try:
        root, matches = PartialMerkleTree(count, tuple(hashes), tuple(bits)).extract()
    except DecodeError:
        return
    assert len(root) == 32
    assert all(0 <= index < count and txid in hashes for index, txid in matches)


def test_a_tree_with_equal_branches_is_refused() -> None:
    leaf = bytes(32)
    with pytest.raises(DecodeError, match="equal branches"):
        PartialMerkleTree(2, (leaf, leaf), (True, True, True)).extract()
    with pytest.raises(DecodeError, match="transactions"):
        PartialMerkleTree(100_000, (leaf,), (True,)).extract()


# From Core's arith_uint256 tests.
@pytest.mark.parametrize(
    ("bits", "target", "written"),
    [
        (0x00123456, 0, 0),
        (0x01003456, 0, 0),
        (0x02000056, 0, 0),
        (0x01123456, 0x12, 0x01120000),
        (0x02123456, 0x1234, 0x02123400),
        (0x03123456, 0x123456, 0x03123456),
        (0x04123456, 0x12345600, 0x04123456),
        (0x05009234, 0x92340000, 0x05009234),
        (0x20123456, 0x123456 << 8 * 29, 0x20123456),
    ],
)
def test_compact_targets(bits: int, target: int, written: int) -> None:
    assert bits_to_target(bits) == target
    assert target_to_bits(target) == written


@pytest.mark.parametrize("bits", [0x04923456, 0xFF123456, 0x01FEDCBA, 0x22000100, 0x23000001])
def test_what_is_no_target(bits: int) -> None:
    with pytest.raises(DecodeError):
        bits_to_target(bits)
    assert proof_of(bits) == 0


@given(st.integers(1, 2**256 - 1))
def test_a_target_rounds_down(target: int) -> None:
    rounded = bits_to_target(target_to_bits(target))
    assert rounded <= target < rounded + (1 << max(0, target.bit_length() - 15))


def test_work_and_difficulty() -> None:
    assert proof_of(0x1D00FFFF) == 0x100010001
    assert proof_of(0x207FFFFF) == 2
    assert difficulty(0x1D00FFFF) == 1.0
    assert difficulty(0x1B0404CB) == pytest.approx(16307.420938523983)
    assert f"{difficulty(0x207FFFFF):.16g}" == "4.656542373906925e-10"
    assert difficulty(0) == float("inf")
    assert all(difficulty(a) < difficulty(b) for a, b in pairwise((0x207FFFFF, 0x1F111111, 0x1D00FFFF, 0x12345678)))
