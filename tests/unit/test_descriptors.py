"""Output descriptors: the vectors of BIP381 to BIP390, what Core says of broken ones, and texts that come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.chains import MAIN
from primitives.descriptor_checksum import add_checksum, split_checksum
from primitives.descriptor_keys import TextForm
from primitives.descriptor_parsing import parse_descriptor
from primitives.errors import DescriptorError

WIF = "L4rK1yDtCWekvXuE6oXD9jCYfFNV2cWRpVuPLBcCU2z8TrisoyY1"
PUBKEY = "03a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd"
XONLY = PUBKEY[2:]
UNCOMPRESSED = (
    "04a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd"
    "5b8dec5235a0fa8722476c7709c02559e3aa73aa03918ba2d492eea75abea235"
)
XPRV = "xprv9s21ZrQH143K31xYSDQpPDxsXRTUcvj2iNHm5NUtrGiGG5e2DtALGdso3pGz6ssrdK4PFmM8NSpSBHNqPqm55Qn3LqFtT2emdEXVYsCzC2U"
XPUB = "xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB"
OTHER_XPUB = (
    "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH"
)

# Descriptor, position, and the scripts there.
SCRIPTS = [
    (f"pk({PUBKEY})", 0, [f"21{PUBKEY}ac"]),
    (f"pk({UNCOMPRESSED})", 0, [f"41{UNCOMPRESSED}ac"]),
    (f"pkh([deadbeef/1/2h/3/4h]{PUBKEY})", 0, ["76a9149a1c78a507689f6f54b847ad1cef1e614ee23f1e88ac"]),
    (f"wpkh({PUBKEY})", 0, ["00149a1c78a507689f6f54b847ad1cef1e614ee23f1e"]),
    (f"sh(wpkh({PUBKEY}))", 0, ["a91484ab21b1b2fd065d4504ff693d832434b6108d7b87"]),
    (f"tr({XONLY})", 0, ["512077aab6e066f8a7419c5ab714c12c67d25007ed55a43cadcacb4d7a970a093f11"]),
    (
        f"combo({PUBKEY})",
        0,
        [
            f"21{PUBKEY}ac",
            "76a9149a1c78a507689f6f54b847ad1cef1e614ee23f1e88ac",
            "00149a1c78a507689f6f54b847ad1cef1e614ee23f1e",
            "a91484ab21b1b2fd065d4504ff693d832434b6108d7b87",
        ],
    ),
    (f"combo({UNCOMPRESSED})", 0, [f"41{UNCOMPRESSED}ac", "76a914b5bd079c4d57cc7fc28ecf8213a6b791625b818388ac"]),
    (f"rawtr({XONLY})", 0, [f"5120{XONLY}"]),
    ("raw(deadbeef)", 0, ["deadbeef"]),
    ("addr(3PUNyaW7M55oKWJ3kDukwk9bsKvryra15j)", 0, ["a914eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee87"]),
    (  # BIP386: a tree, and multi_a in it.
        f"tr({XONLY},pk(669b8afcec803a0d323e9a17f3ea8e68e8abe5a278020a929adbec52421adbd0))",
        0,
        ["512017cf18db381d836d8923b1bdb246cfcd818da1a9f0e6e7907f187f0b2f937754"],
    ),
]


@pytest.mark.parametrize(("text", "position", "scripts"), SCRIPTS)
def test_a_descriptor_stands_for_its_scripts(text: str, position: int, scripts: list[str]) -> None:
    (descriptor,) = parse_descriptor(text, MAIN).descriptors
    expansion = descriptor.expand(position)
    assert expansion
    assert [script.hex() for script in expansion.scripts] == scripts
    assert descriptor.text() == add_checksum(text)


def test_ranges_and_hardened_steps_need_what_they_need() -> None:
    ranged = parse_descriptor(f"wpkh({XPUB}/0/*)", MAIN)
    (descriptor,) = ranged.descriptors
    assert descriptor.is_range()
    scripts = [expansion.scripts for at in range(3) if (expansion := descriptor.expand(at))]
    assert len({script for (script,) in scripts}) == 3
    hardened = parse_descriptor(f"wpkh({XPRV}/0'/*h)", MAIN)
    assert hardened.descriptors[0].expand(0) is None
    assert hardened.descriptors[0].expand(0, hardened.data)


def test_private_keys_stay_out_of_public_texts_and_come_back_in_private_ones() -> None:
    parsed = parse_descriptor(f"sh(multi(1,{WIF},{XPRV}/3h/*))", MAIN)
    (descriptor,) = parsed.descriptors
    assert descriptor.text() == add_checksum(f"sh(multi(1,{PUBKEY},{XPUB}/3h/*))")
    assert descriptor.text(TextForm.COMPAT) == add_checksum(f"sh(multi(1,{PUBKEY},{XPUB}/3'/*))")
    assert descriptor.private_text(parsed.data) == add_checksum(f"sh(multi(1,{WIF},{XPRV}/3h/*))")
    assert descriptor.has_private_keys(parsed.data)
    normalized = descriptor.normalized_text(parsed.data)
    assert normalized
    assert "[d34db33f" not in normalized
    assert normalized.startswith(f"sh(multi(1,{PUBKEY},[")
    public = parse_descriptor(descriptor.text(), MAIN)
    assert not public.data.keys
    assert public.descriptors[0].private_text(public.data) is None
    assert public.descriptors[0].normalized_text(public.data) is None


def test_alternative_paths_make_several_descriptors() -> None:
    parsed = parse_descriptor(f"wsh(multi(1,{XPUB}/<0;1h>/2,{OTHER_XPUB}/7))", MAIN)
    assert [each.text() for each in parsed.descriptors] == [
        add_checksum(f"wsh(multi(1,{XPUB}/0/2,{OTHER_XPUB}/7))"),
        add_checksum(f"wsh(multi(1,{XPUB}/1h/2,{OTHER_XPUB}/7))"),
    ]


def test_aggregate_keys_are_bip390_s() -> None:
    keys = (
        "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9,"
        "03dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659,"
        "023590a94e768f8e1815c2f24b4d80a8e3149316c3518ce7b7ad338368d038ca66"
    )
    (descriptor,) = parse_descriptor(f"rawtr(musig({keys}))", MAIN).descriptors
    expansion = descriptor.expand(0)
    assert expansion
    assert [script.hex() for script in expansion.scripts] == [
        "5120789d937bade6673538f3e28d8368dda4d0512f94da44cf477a505716d26a1575"
    ]
    assert len(expansion.data.aggregates) == 1


def test_miniscripts_stand_in_wsh_and_tr() -> None:
    text = f"wsh(or_d(pk({PUBKEY}),and_v(v:pkh({XPUB}/0),older(144))))"
    (descriptor,) = parse_descriptor(text, MAIN).descriptors
    assert descriptor.text() == add_checksum(text)
    assert descriptor.warnings() == []
    (unsafe,) = parse_descriptor(f"wsh(and_v(v:pk({PUBKEY}),older(65536)))", MAIN).descriptors
    assert unsafe.warnings() == ["height-based relative locktime: older(65536) > 65535 blocks is unsafe"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a valid descriptor function"),
        ("pk()", "pk(): No key provided"),
        (f"wpkh({UNCOMPRESSED})", "wpkh(): Uncompressed keys are not allowed"),
        (f"pk(06{UNCOMPRESSED[2:]})", "pk(): Hybrid public keys are not allowed"),
        (
            f"pkh(deadbeef/1/2h/3/4h]{PUBKEY})",
            "pkh(): Key origin start '[ character expected but not found, got 'd' instead",
        ),
        (f"pkh([deadbeef]/1/2'/3/4']{PUBKEY})", "pkh(): Multiple ']' characters found for a single pubkey"),
        (f"pkh([deadbef/1]{PUBKEY})", "pkh(): Fingerprint is not 4 bytes (7 characters instead of 8 characters)"),
        (f"pkh([aaagaaaa]{PUBKEY})", "pkh(): Fingerprint 'aaagaaaa' is not hex"),
        (f"pkh({XPUB}/2147483648)", "pkh(): Key path value 2147483648 is out of range"),
        (f"pkh({XPUB}/<0;0>)", "pkh(): Duplicated key path value 0 in multipath specifier"),
        (f"sh(sh(pk({PUBKEY})))", "Can only have sh() at top level"),
        (f"wsh(wpkh({PUBKEY}))", "Can only have wpkh() at top level or inside sh()"),
        (
            f"multi(2,{PUBKEY})",
            "Multisig threshold cannot be larger than the number of keys; threshold is 2 but only 1 keys specified",
        ),
        (f"multi(0,{PUBKEY})", "Multisig threshold cannot be 0, must be at least 1"),
        (
            f"multi(1,{PUBKEY},{PUBKEY},{PUBKEY},{PUBKEY})",
            "Cannot have 4 pubkeys in bare multisig; only at most 3 pubkeys",
        ),
        (f"multi_a(1,{PUBKEY})", "Can only have multi_a/sortedmulti_a inside tr()"),
        ("sh(deadbeef)", "A function is needed within P2SH"),
        (
            f"tr({PUBKEY},{{pk({PUBKEY}),pk({PUBKEY})",
            "'pk({PK}' is not a valid descriptor function",
        ),
        (
            f"wsh(and_v(v:pk({PUBKEY}),pk({PUBKEY})))",
            "and_v(v:pk({PK}),pk({PK})) is not sane: contains duplicate public keys",
        ),
        ("wsh(older(10))", "older(10) is not sane: witnesses without signature exist"),
        (f"rawtr({XONLY},{XONLY})", "rawtr(): only one key expected."),
        ("addr(x)", "Address is not valid"),
        ("raw(x)", "Raw script is not hex"),
        (f"wsh(musig({PUBKEY}))", "A function is needed within P2WSH"),
        (f"pk(musig({PUBKEY}))", "pk(): musig() is only allowed in tr() and rawtr()"),
        ("raw(00)##", "Multiple '#' symbols"),
        ("raw(00)#abc", "Expected 8 character checksum, not 3 characters"),
        ("raw(é)", "Invalid characters in payload"),
        ("raw(00)#aaaaaaaa", "Provided checksum 'aaaaaaaa' does not match computed checksum 'qwfjgwf6'"),
    ],
)
def test_a_broken_descriptor_is_told_in_core_s_words(text: str, message: str) -> None:
    with pytest.raises(DescriptorError) as caught:
        parse_descriptor(text, MAIN)
    assert str(caught.value) == message.replace("{PK}", PUBKEY)


def test_a_checksum_may_be_asked_for() -> None:
    with pytest.raises(DescriptorError, match="Missing checksum"):
        parse_descriptor("raw(00)", MAIN, require_checksum=True)
    # BIP380's vectors.
    assert split_checksum("raw(deadbeef)#89f8spxm", required=True) == ("raw(deadbeef)", "89f8spxm")


@given(st.text(alphabet="pkhwstrmultiandor_v(),{}0123456789:/*'<>;#[]", max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        parsed = parse_descriptor(text, MAIN)
    except DescriptorError:
        return
    for descriptor in parsed.descriptors:
        assert parse_descriptor(descriptor.text(), MAIN).descriptors[0].text() == descriptor.text()


def test_deep_nesting_is_read_without_deep_recursion() -> None:
    wrapped = f"wsh({'n' * 3000}:pk({PUBKEY}))"
    with pytest.raises(DescriptorError, match="needs witnesses that may exceed resource limits"):
        parse_descriptor(wrapped, MAIN)
    braces = "{" * 130
    with pytest.raises(DescriptorError, match="supports at most 128 nesting levels"):
        parse_descriptor(f"tr({PUBKEY},{braces}{'}' * 130})", MAIN)
