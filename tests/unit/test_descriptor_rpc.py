"""RPC methods about descriptors and signed messages; Core answered the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from common.chains import REGTEST
from primitives.descriptor_checksum import add_checksum
from rpc.descriptor_arguments import descriptor_script, output_script, scanned_scripts
from rpc.descriptors import deriveaddresses, getdescriptorinfo
from rpc.errors import RpcError
from rpc.message_signing import signmessagewithprivkey, verifymessage
from rpc.method import Method

CONTEXT = cast("Any", SimpleNamespace(chain=REGTEST))
PUBKEY = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
TPUB = "tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZPStJRJCTKvosUCJZL5B"
TPRV = "tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK"


def call(method: Method, *params: Any) -> Any:
    return method(CONTEXT, *method.read(params))


def fails(method: Method, *params: Any) -> tuple[int, str]:
    with pytest.raises(RpcError) as caught:
        call(method, *params)
    return caught.value.code, caught.value.message


def test_info_tells_of_the_text_and_of_its_canonical_form() -> None:
    info = call(getdescriptorinfo, f"pkh({TPRV}/0'/*)")
    assert info == {
        "descriptor": add_checksum(f"pkh({TPUB}/0'/*)"),
        "checksum": add_checksum(f"pkh({TPRV}/0'/*)")[-8:],
        "isrange": True,
        "issolvable": True,
        "hasprivatekeys": True,
    }
    assert getdescriptorinfo.mismatch(info) is None
    several = call(getdescriptorinfo, f"wpkh({TPUB}/<0;1>)")
    assert several["multipath_expansion"] == [add_checksum(f"wpkh({TPUB}/{branch})") for branch in (0, 1)]
    assert fails(getdescriptorinfo, "") == (-5, "'' is not a valid descriptor function")
    assert fails(getdescriptorinfo, 1)[0] == -3


def test_addresses_are_derived() -> None:
    # Those of Core's functional test.
    ranged = (
        "wpkh(tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEm"
        "NUWwx8UbK/1/1/*)#kft60nuy"
    )
    assert call(deriveaddresses, ranged, [1, 2]) == [
        "bcrt1qhku5rq7jz8ulufe2y6fkcpnlvpsta7rq4442dy",
        "bcrt1qpgptk2gvshyl0s9lqshsmx932l9ccsv265tvaq",
    ]
    assert call(deriveaddresses, ranged, 1)[1] == "bcrt1qhku5rq7jz8ulufe2y6fkcpnlvpsta7rq4442dy"
    assert call(deriveaddresses, add_checksum(f"combo({TPRV}/1/1/0)")) == [
        "mtfUoUax9L4tzXARpw1oTGxWyoogp52KhJ",
        "bcrt1qjqmxmkpmxt80xz4y3746zgt0q3u3ferr34acd5",
        "2NDvEwGfpEqJWfybzpKPHF2XH3jwoQV3D7x",
    ]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ((f"wpkh({PUBKEY})",), (-5, "Missing checksum")),
        ((add_checksum(f"wpkh({PUBKEY})"), [0, 2]), (-8, "Range should not be specified for an un-ranged descriptor")),
        ((add_checksum(f"wpkh({TPUB}/*)"),), (-8, "Range must be specified for a ranged descriptor")),
        ((add_checksum(f"wpkh({TPUB}/*)"), [0, 2**31]), (-8, "End of range is too high")),
        (
            (add_checksum(f"wpkh({TPUB}/*)"), [2, 0]),
            (-8, "Range specified as [begin,end] must not have begin after end"),
        ),
        ((add_checksum(f"wpkh({TPUB}/*h)"), 0), (-5, "Cannot derive script without private keys")),
        ((add_checksum(f"pk({PUBKEY})"),), (-5, "Descriptor does not have a corresponding address")),
        ((add_checksum(f"unused({PUBKEY})"),), (-1, "Unexpected empty result")),
    ],
)
def test_what_has_no_addresses_says_why(params: tuple[Any, ...], error: tuple[int, str]) -> None:
    assert fails(deriveaddresses, *params) == error


def test_an_output_is_a_descriptor_or_an_address() -> None:
    script = "0014751e76e8199196d454941c45d1b3a323f1433bd6"
    assert descriptor_script(f"combo({PUBKEY})", REGTEST).hex() == script
    assert output_script("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", REGTEST).hex() == script
    for text, error in (
        ("x", "Error: Invalid address or descriptor"),
        (f"wpkh({TPUB}/*)", "Ranged descriptor not accepted. Maybe pass through deriveaddresses first?"),
        (f"wpkh({TPUB}/<0;1>)", "Multipath descriptor not accepted"),
    ):
        with pytest.raises(RpcError) as caught:
            output_script(text, REGTEST)
        assert caught.value.message == error


def test_a_scan_object_expands_to_its_scripts_and_their_keys() -> None:
    scripts, data = scanned_scripts({"desc": f"sh(wpkh({TPRV}/<0;1>/*))", "range": [3, 4]}, REGTEST, with_private=True)
    assert len(set(scripts)) == 4
    assert len(data.scripts) == 4
    assert len(data.keys) == 5  # And the root.
    scripts, data = scanned_scripts(f"combo({PUBKEY})", REGTEST)
    assert len(scripts) == 4
    assert len(scanned_scripts(f"pkh({TPUB}/*)", REGTEST)[0]) == 1001
    with pytest.raises(RpcError, match="Scan object needs to be either a string or an object"):
        scanned_scripts(1, REGTEST)


def test_messages_are_signed_and_checked() -> None:
    message = "This is just a test message"
    signature = call(signmessagewithprivkey, "cUeKHd5orzT3mz8P9pxyREHfsWtVfgsfDjiZZBcjUBAaGk1BTj7N", message)
    owner = "mpLQjfK79b7CCV4VMJWEWAj5Mpx8Up5zxB"
    assert call(verifymessage, owner, signature, message) is True
    assert call(verifymessage, owner, signature, "x") is False
    assert fails(signmessagewithprivkey, "not a key", message) == (-5, "Invalid private key")
    assert fails(verifymessage, "x", signature, message) == (-5, "Invalid address")
    assert fails(verifymessage, owner, "x", message) == (-3, "Malformed base64 encoding")
    segwit = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    assert fails(verifymessage, segwit, signature, message) == (-3, "Address does not refer to key")
