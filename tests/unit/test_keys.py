"""Keys, extended keys and signed messages, on the vectors of BIP32, BIP340 and BIP341 and texts Core made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.chains import MAIN, REGTEST
from primitives import secp256k1
from primitives.bip32 import (
    HARDENED,
    ExtendedKey,
    decode_private,
    decode_public,
    encode_private,
    encode_public,
    format_path,
    parse_path_element,
)
from primitives.errors import DescriptorError
from primitives.keys import PrivateKey, decode_wif, encode_wif, is_fully_valid, is_hybrid, tap_output_key
from primitives.message_signing import MessageCheck, check_message, decode_base64, sign_message
from primitives.musig import aggregate
from primitives.script import is_valid_signature_encoding

SECRETS = st.integers(1, secp256k1.ORDER - 1).map(lambda number: number.to_bytes(32, "big"))
DIGESTS = st.binary(min_size=32, max_size=32)

# Seed, path, and the extended keys there (BIP32, vectors 1 to 4).
BIP32 = [
    (
        "000102030405060708090a0b0c0d0e0f",
        [HARDENED, 1, 2 | HARDENED, 2, 1000000000],
        "xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
        "xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76",
    ),
    (
        "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542",
        [0, 2147483647 | HARDENED, 1, 2147483646 | HARDENED, 2],
        "xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt",
        "xprvA2nrNbFZABcdryreWet9Ea4LvTJcGsqrMzxHx98MMrotbir7yrKCEXw7nadnHM8Dq38EGfSh6dqA9QWTyefMLEcBYJUuekgW4BYPJcr9E7j",
    ),
    (  # Leading zeros stay.
        "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be",
        [HARDENED],
        "xpub68NZiKmJWnxxS6aaHmn81bvJeTESw724CRDs6HbuccFQN9Ku14VQrADWgqbhhTHBaohPX4CjNLf9fq9MYo6oDaPPLPxSb7gwQN3ih19Zm4Y",
        "xprv9uPDJpEQgRQfDcW7BkF7eTya6RPxXeJCqCJGHuCJ4GiRVLzkTXBAJMu2qaMWPrS7AANYqdq6vcBcBUdJCVVFceUvJFjaPdGZ2y9WACViL4L",
    ),
]


@pytest.mark.parametrize(("seed", "path", "xpub", "xprv"), BIP32)
def test_extended_keys_derive_as_bip32_says(seed: str, path: list[int], xpub: str, xprv: str) -> None:
    master = ExtendedKey.from_seed(bytes.fromhex(seed))
    derived = master.derive_path(path)
    assert derived
    assert encode_private(derived, MAIN) == xprv
    assert encode_public(derived, MAIN) == xpub
    assert decode_private(xprv, MAIN) == derived
    assert decode_public(xpub, MAIN) == derived.neuter()
    assert decode_private(xprv, REGTEST) is None
    assert decode_private(xpub, MAIN) is None


def test_the_public_part_derives_what_the_private_part_does_except_hardened_children() -> None:
    master = ExtendedKey.from_seed(bytes(16))
    private, public = master.derive(7), master.neuter().derive(7)
    assert private
    assert public
    assert private.neuter() == public
    assert master.neuter().derive(7 | HARDENED) is None


@pytest.mark.parametrize(
    "text",
    [  # BIP32, vector 5: a private key with a public one's version, depth 0 with a parent, a key out of range.
        "xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6LBpB85b3D2yc8sfvZU521AAwdZafEz7mnzBBsz4wKY5fTtTQBm",
        "xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFGTQQD3dC4H2D5GBj7vWvSQaaBv5cxi9gafk7NF3pnBju6dwKvH",
        "xprv9s2SPatNQ9Vc6GTbVMFPFo7jsaZySyzk7L8n2uqKXJen3KUmvQNTuLh3fhZMBoG3G4ZW1N2kZuHEPY53qmbZzCHshoQnNf4GvELZfqTUrcv",
        "xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzF93Y5wvzdUayhgkkFoicQZcP3y52uPPxFnfoLZB21Teqt1VvEHx",
        "xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFAzHGBP2UuGCqWLTAPLcMtD5SDKr24z3aiUvKr9bJpdrcLg1y3G",
        "",
    ],
)
def test_what_bip32_calls_invalid_is_no_key(text: str) -> None:
    assert decode_private(text, MAIN) is None
    assert decode_public(text, MAIN) is None


def test_path_elements_have_core_s_texts() -> None:
    assert [parse_path_element(text) for text in ("0", "5h", "2147483647'")] == [0, 5 | HARDENED, 0xFFFFFFFF]
    assert format_path([0, 5 | HARDENED]) == "/0/5h"
    for text, message in (
        ("", "Key path value '' is not valid"),
        ("-1", "Key path value '-1' is not a valid uint32"),
        ("1hh", "Key path value '1hh' is not a valid uint32"),
        ("2147483648", "Key path value 2147483648 is out of range"),
    ):
        with pytest.raises(DescriptorError) as caught:
            parse_path_element(text)
        assert str(caught.value) == message


@given(SECRETS, st.booleans())
def test_a_private_key_survives_its_text(secret: bytes, compressed: bool) -> None:
    key = PrivateKey(secret, compressed)
    assert decode_wif(encode_wif(key, MAIN), MAIN) == key
    assert decode_wif(encode_wif(key, MAIN), REGTEST) is None
    assert secret.hex() not in repr(key)


@given(SECRETS, DIGESTS)
def test_signatures_are_short_strict_and_hold(secret: bytes, digest: bytes) -> None:
    key = PrivateKey(secret)
    signature = key.sign(digest)
    assert len(signature) <= 70  # R and S are both small.
    assert is_valid_signature_encoding(signature + b"\1")
    assert secp256k1.verify_ecdsa(key.public_key(), signature, digest)
    assert not secp256k1.verify_ecdsa(key.public_key(), signature, bytes(31) + b"\1")


@given(st.binary(max_size=80))
def test_no_bytes_break_the_lax_reading_of_signatures(data: bytes) -> None:
    found = secp256k1.lax_der(data)
    assert found is None or len(found) == 64


def test_lax_signatures_are_read_as_openssl_did() -> None:
    key = PrivateKey(bytes(31) + b"\7")
    digest = bytes(32)
    strict = key.sign(digest)
    size = strict[3]
    r, s = strict[4 : 4 + size], strict[6 + size :]
    for lax in (
        b"\x30\x00\x02" + bytes((size,)) + r + b"\x02" + bytes((len(s),)) + s + b"more",  # Wrong length, rest.
        b"\x30\x81\xff\x02" + bytes((size + 1,)) + b"\0" + r + b"\x02\x81" + bytes((len(s),)) + s,  # Long forms.
    ):
        assert secp256k1.verify_ecdsa(key.public_key(), lax, digest)


def test_schnorr_signatures_are_bip340_s() -> None:
    key = PrivateKey(bytes.fromhex("B7E151628AED2A6ABF7158809CF4F3C762E7160F38B4DA56A784D9045190CFEF"))
    digest = bytes.fromhex("243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89")
    auxiliary = bytes(31) + b"\1"
    signature = secp256k1.sign_schnorr(key.secret, digest, auxiliary=auxiliary)
    assert signature.hex().upper() == (
        "6896BD60EEAE296DB48A229FF71DFE071BDE413E6D43F917DC8DCF8C78DE3341"
        "8906D11AC976ABCCB20B091292BFF4EA897EFCB639EA871CFA95F6DE339E4B0A"
    )
    assert secp256k1.verify_schnorr(key.public_key()[1:], signature, digest)


def test_taproot_output_keys_are_bip341_s() -> None:
    internal = bytes.fromhex("d6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d")
    output = tap_output_key(internal, b"")
    assert output
    assert output[0].hex() == "53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343"


def test_public_keys_are_told_apart() -> None:
    key = PrivateKey(bytes(31) + b"\1", compressed=False).public_key()
    assert is_fully_valid(key)
    assert not is_hybrid(key)
    assert is_hybrid(b"\6" + key[1:])
    assert not is_fully_valid(b"\2" + bytes(32))
    assert not is_fully_valid(key[:33])


def test_aggregates_are_bip328_s() -> None:
    keys = [
        "03935F972DA013F80AE011890FA89B67A27B7BE6CCB24D3274D18B2D4067F261A9",
        "02F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9",
    ]
    found = aggregate([bytes.fromhex(key) for key in keys])
    assert found
    assert found.hex() == "0354240c76b8f2999143301a99c7f721ee57eee0bce401df3afeaa9ae218c70f23"


# Core's own signature of this message by this key.
MESSAGE = b"This is just a test message"
SIGNATURE = "INbVnW4e6PeRmsv2Qgu8NuopvrVjkcxob+sX8OcZG0SALhWybUjzMLPdAsXI46YZGb0KQTRii+wWIQzRpG/U+S0="


def test_messages_are_signed_as_core_signs_them() -> None:
    key = decode_wif("cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N", REGTEST)
    assert key
    assert sign_message(key, MESSAGE) == SIGNATURE


def test_a_signed_message_is_checked_against_the_address() -> None:
    key = decode_wif("cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N", REGTEST)
    assert key
    from primitives.keys import key_id

    owner = key_id(key.public_key())
    assert check_message(owner, SIGNATURE, MESSAGE) is MessageCheck.VALID
    assert check_message(owner, SIGNATURE, b"another") is MessageCheck.NOT_SIGNED
    assert check_message(bytes(20), SIGNATURE, MESSAGE) is MessageCheck.NOT_SIGNED
    assert check_message(owner, "AAAA", MESSAGE) is MessageCheck.NOT_SIGNED
    assert check_message(owner, SIGNATURE[:-1], MESSAGE) is MessageCheck.MALFORMED


@given(st.text(max_size=8))
def test_base64_is_read_whole_or_not_at_all(text: str) -> None:
    import base64

    data = decode_base64(text)
    assert data is None or base64.b64encode(data).decode() == text
