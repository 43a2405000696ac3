"""Addresses: the BIPs' vectors, Core's error texts, and where mistyped characters are found."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.chains import CHAINS, MAIN, REGTEST, TEST, ChainParams
from primitives import base58, bech32
from primitives.address import decode, encode
from primitives.errors import AddressError, DecodeError
from primitives.script import pubkey_hash_script, pubkey_script, script_hash_script, witness_script

HASHES = st.binary(min_size=20, max_size=20)
SCRIPTS = st.one_of(
    HASHES.map(pubkey_hash_script),
    HASHES.map(script_hash_script),
    HASHES.map(lambda program: witness_script(0, program)),
    st.binary(min_size=32, max_size=32).map(lambda program: witness_script(0, program)),
    st.builds(witness_script, st.integers(1, 16), st.binary(min_size=2, max_size=40)),
)
CHAIN = st.sampled_from(list(CHAINS.values()))


@given(SCRIPTS, CHAIN)
def test_there_and_back(script: bytes, chain: ChainParams) -> None:
    address = encode(script, chain)
    assert address is not None
    assert decode(address, chain) == script


# BIP173 and BIP350.
@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
        (
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        ),
        (
            "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
            "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6",
        ),
        ("BC1SW50QGDZ25J", "6002751e"),
        ("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"),
        (
            "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
            "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
        ),
        (
            "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c",
            "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
        ),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
        ("bc1pfeessrawgf", "51024e73"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "76a91477bff20c60e522dfaa3350c39b030a5d004e839a88ac"),
        ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "a914b472a266d0bd89c13706a4132ccfb16f7c3b9fcb87"),
    ],
)
def test_valid_addresses(text: str, script: str) -> None:
    chain = TEST if text.startswith("tb") else MAIN
    assert decode(text, chain) == bytes.fromhex(script)
    assert encode(bytes.fromhex(script), chain) in {text, text.lower()}


@pytest.mark.parametrize(
    ("text", "message", "locations"),
    [
        ("", "Invalid checksum or length of Base58 address (P2PKH or P2SH)", ()),
        ("not an address", "Invalid or unsupported Segwit (Bech32) or Base58 encoding.", ()),
        ("1" * 101, "Invalid or unsupported Segwit (Bech32) or Base58 encoding.", ()),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3", "Invalid checksum or length of Base58 address (P2PKH or P2SH)", ()),
        ("1" * 99, "Invalid checksum or length of Base58 address (P2PKH or P2SH)", ()),
        (base58.encode_check(bytes(20)), "Invalid length for Base58 address (P2PKH or P2SH)", ()),
        (base58.encode_check(b"\x6f" + bytes(20)), "Invalid or unsupported Base58-encoded address.", ()),
        (base58.encode_check(b""), "Invalid or unsupported Base58-encoded address.", ()),
        # BIP173 and BIP350.
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
            "Version 1+ witness address must use Bech32m checksum",
            (),
        ),
        (
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
            "Version 0 witness address must use Bech32 checksum",
            (),
        ),
        ("bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "Invalid Base 32 character", (59,)),
        (
            "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
            "Invalid Bech32 address witness version",
            (),
        ),
        ("bc1pw5dgrnzv", "Invalid Bech32 address program size (1 byte)", ()),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
            "Invalid Bech32 address program size (41 bytes)",
            (),
        ),
        ("BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "Invalid Bech32 v0 address program size (16 bytes), per BIP141", ()),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
            "Invalid padding in Bech32 data section",
            (),
        ),
        ("bc1gmk9yu", "Empty Bech32 data section", ()),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kV8f3t4", "Invalid character or mixed case", (36,)),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "Invalid Bech32 checksum", (41,)),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3tt", "Invalid Bech32 checksum", (41,)),
        ("bcqw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "Missing separator", ()),
        ("bc1qqqqq", "Invalid separator position", (2,)),
        ("bc1" + "q" * 90, "Bech32 string too long", (90, 91, 92)),
        ("bc1q\u00e4qqqqqqqqq", "Invalid character or mixed case", (4, 5)),
    ],
)
def test_invalid_addresses(text: str, message: str, locations: tuple[int, ...]) -> None:
    with pytest.raises(AddressError) as caught:
        decode(text, MAIN)
    assert (str(caught.value), caught.value.locations) == (message, locations)


def test_a_prefix_that_goes_on() -> None:
    text = bech32.encode(bech32.Encoding.BECH32, "bcrt", [0, *bech32.to_values(bytes(20))])
    with pytest.raises(AddressError) as caught:
        decode(text, MAIN)
    assert str(caught.value) == ("Invalid or unsupported prefix for Segwit (Bech32) address (expected bc, got bcrt).")
    assert decode(text, REGTEST) == witness_script(0, bytes(20))


@given(SCRIPTS.filter(lambda script: script[1] + 2 == len(script)), st.data())
def test_up_to_two_mistyped_characters_are_found(script: bytes, data: st.DataObject) -> None:
    address = encode(script, MAIN)
    assert address is not None
    places = data.draw(st.sets(st.integers(3, len(address) - 1), min_size=1, max_size=2))
    typed = list(address)
    for place in places:
        typed[place] = data.draw(st.sampled_from(bech32.CHARSET.replace(address[place], "")))
    with pytest.raises(AddressError) as caught:
        decode("".join(typed), MAIN)
    assert str(caught.value).endswith("checksum")
    # The other kind of checksum may explain the text with fewer errors, or with as many.
    found = caught.value.locations
    assert set(found) == places or (len(found) <= len(places) and "m" in str(caught.value)) or len(found) < len(places)


@given(st.text(max_size=120))
def test_any_text_is_an_address_or_has_an_error(text: str) -> None:
    for chain in (MAIN, REGTEST):
        for candidate in (text, chain.prefixes.bech32 + "1" + text):
            error = _error_of(candidate, chain)
            assert error is None or str(error)
            assert all(0 <= index < len(candidate.encode()) for index in (error.locations if error else ()))


def _error_of(text: str, chain: ChainParams) -> AddressError | None:
    try:
        assert encode(decode(text, chain), chain) is not None
    except AddressError as error:
        return error
    return None


def test_scripts_without_an_address() -> None:
    for script in (b"", b"\x51", b"\x6a", pubkey_script(b"\x02" + bytes(32)), witness_script(0, bytes(3))):
        assert encode(script, MAIN) is None


@given(st.binary(max_size=60))
def test_base58(data: bytes) -> None:
    assert base58.decode(base58.encode(data), len(data)) == data
    assert base58.decode_check(f" {base58.encode_check(data)}\n", len(data)) == data
    assume(data)
    with pytest.raises(DecodeError):
        base58.decode(base58.encode(data), len(data) - 1)


# From Core's base58 tests.
@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", ""),
        ("61", "2g"),
        ("626262", "a3gV"),
        ("73696d706c792061206c6f6e6720737472696e67", "2cFupjhnEsSn59qHXstmK2ffpLv2"),
        ("00eb15231dfceb60925886b67d065299925915aeb172c06647", "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L"),
        ("516b6fcd0f", "ABnLTmg"),
        ("572e4794", "3EFU7m"),
        ("10c8511e", "Rt5zm"),
        ("00000000000000000000", "1111111111"),
    ],
)
def test_base58_vectors(data: str, text: str) -> None:
    assert base58.encode(bytes.fromhex(data)) == text
    assert base58.decode(text, 100).hex() == data


@pytest.mark.parametrize("text", ["bad0IOl", "goodbad0IOl", "good bad", "good\0bad", "\u00e9"])
def test_what_is_not_base58(text: str) -> None:
    with pytest.raises(DecodeError):
        base58.decode(text, 100)


def test_a_long_text_is_refused_before_it_costs_time() -> None:
    with pytest.raises(DecodeError):
        base58.decode("z" * 10_000_000, 100)


@pytest.mark.parametrize(
    "text",
    [
        "A12UEL5L",
        "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "?1ezyfcl",
        "A1LQFN3A",
        "a1lqfn3a",
        "an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    ],
)
def test_bech32_vectors(text: str) -> None:
    encoding, hrp, values = bech32.decode(text)
    assert bech32.encode(encoding, hrp, values) == text.lower()
    assert bech32.locate_errors(text) == ("", [])


@pytest.mark.parametrize(
    "text",
    [
        "\x201nwldj5",
        "\x7f1axkwrx",
        "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
        "pzry9x0s0muk",
        "1pzry9x0s0muk",
        "x1b4n0q5v",
        "li1dgmt3",
        "A1G7SGD8",
        "10a06t8",
        "1qzzfhee",
        "\x801vctc34",
        "in1muywd",
        "mm1crxm3i",
        "au1s5cgom",
        "M1VUXWEZ",
        "16plkw9",
        "1p2gdwpf",
    ],
)
def test_what_is_not_bech32(text: str) -> None:
    with pytest.raises(DecodeError):
        bech32.decode(text)
    assert bech32.locate_errors(text)[0]
