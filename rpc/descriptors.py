"""RPC methods about output descriptors (Core: src/rpc/output_script.cpp)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from primitives import address
from primitives.script import TxoutType, solve
from rpc.arguments import parse_range
from rpc.descriptor_arguments import read_descriptor
from rpc.errors import RPC_INVALID_ADDRESS_OR_KEY, RPC_INVALID_PARAMETER, RPC_MISC_ERROR, RpcError
from rpc.help import example_cli, example_rpc
from rpc.method import Arg, Kind, Result, method

if TYPE_CHECKING:
    from common.chains import ChainParams
    from primitives.descriptor import Descriptor
    from primitives.signing_data import SigningData
    from rpc.context import AnyContext
    from rpc.json import Json

_INFO_EXAMPLE: Final = '"wpkh([d34db33f/84h/0h/0h]0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798)"'
_DERIVE_EXAMPLE: Final = (
    '"wpkh([d34db33f/84h/0h/0h]xpub6DJ2dNUysrn5Vt36jH2KLBT2i1auw1tTSSomg8PhqNiUtx8QX2SvC9nrHu81fT41fvDUnhMjEzQgXnQjKEu3'
    'oaqMSzhSrHMxyyoEAmUHQbY/0/*)#cjjspncu"'
)


@method(
    "util",
    "getdescriptorinfo",
    Arg("descriptor", Kind.STR, "The descriptor."),
    result=Result(
        Kind.OBJ,
        inner=(
            Result(Kind.STR, "descriptor", "The canonical text without private keys; of several paths the first"),
            Result(
                Kind.ARR,
                "multipath_expansion",
                "One descriptor for each of several paths, if there are several",
                (Result(Kind.STR),),
                optional=True,
            ),
            Result(Kind.STR, "checksum", "The checksum of the text as given"),
            Result(Kind.BOOL, "isrange", "Whether it stands for a range of scripts"),
            Result(Kind.BOOL, "issolvable", "Whether keys and scripts are known, not only an address"),
            Result(Kind.BOOL, "hasprivatekeys", "Whether a private key is in the text as given"),
        ),
    ),
    help="Tells what an output descriptor is.",
    examples="What a descriptor is\n"
    + example_cli("getdescriptorinfo", _INFO_EXAMPLE)
    + example_rpc("getdescriptorinfo", _INFO_EXAMPLE),
)
def getdescriptorinfo(context: AnyContext, descriptor: str) -> Json:
    """Tell what a descriptor is."""
    parsed = read_descriptor(descriptor, context.chain)
    first, *others = parsed.descriptors
    info: dict[str, Json] = {"descriptor": first.text()}
    if others:
        info["multipath_expansion"] = [each.text() for each in parsed.descriptors]
    return info | {
        "checksum": parsed.checksum,
        "isrange": first.is_range(),
        "issolvable": first.is_solvable(),
        "hasprivatekeys": bool(parsed.data.keys),
    }


@method(
    "util",
    "deriveaddresses",
    Arg("descriptor", Kind.STR, "The descriptor."),
    Arg("range", Kind.RANGE, "For a ranged descriptor: its end, or [begin,end].", optional=True),
    result=(
        Result(Kind.ARR, inner=(Result(Kind.STR, "address", "An address"),), condition="for a descriptor of one path"),
        Result(
            Kind.ARR,
            help="For each of several paths",
            inner=(Result(Kind.ARR, inner=(Result(Kind.STR, "address", "An address"),)),),
            condition="for a descriptor of several paths",
        ),
    ),
    help=(
        "Returns the addresses that an output descriptor stands for.\n"
        "Descriptors are, for example:\n"
        "    pkh(<pubkey>)                                     P2PKH for a public key\n"
        "    wpkh(<pubkey>)                                    the same in segwit\n"
        "    sh(multi(<n>,<pubkey>,<pubkey>,...))              n signatures of these keys, in P2SH\n"
        "    raw(<hex script>)                                 this script\n"
        "    tr(<pubkey>,multi_a(<n>,<pubkey>,<pubkey>,...))   n signatures of these keys, in taproot\n"
        "\n<pubkey> is a public key in hex, or an xpub or xprv with a path behind it, in which h marks hardened steps."
    ),
    examples="The first three addresses of a wallet\n"
    + example_cli("deriveaddresses", f'{_DERIVE_EXAMPLE} "[0,2]"')
    + example_rpc("deriveaddresses", f'{_DERIVE_EXAMPLE}, "[0,2]"'),
)
def deriveaddresses(context: AnyContext, descriptor: str, range_: Json) -> Json:
    """Derive addresses."""
    chain = context.chain
    first, last = (0, 0) if range_ is None else parse_range(range_)
    parsed = read_descriptor(descriptor, chain, require_checksum=True)
    is_range = parsed.descriptors[0].is_range()
    if not is_range and range_ is not None:
        raise RpcError(RPC_INVALID_PARAMETER, "Range should not be specified for an un-ranged descriptor")
    if is_range and range_ is None:
        raise RpcError(RPC_INVALID_PARAMETER, "Range must be specified for a ranged descriptor")
    positions = range(first, last + 1)
    derived = [_addresses(each, positions, parsed.data, chain) for each in parsed.descriptors]
    return derived[0] if len(derived) == 1 else derived


def _addresses(descriptor: Descriptor, positions: range, data: SigningData, chain: ChainParams) -> list[str]:
    addresses = []
    for position in positions:
        expansion = descriptor.expand(position, data)
        if expansion is None:
            raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Cannot derive script without private keys")
        for script in expansion.scripts:
            found = address.encode(script, chain)
            if found is not None:
                addresses.append(found)
            elif len(expansion.scripts) == 1 or solve(script)[0] is not TxoutType.PUBKEY:
                raise RpcError(RPC_INVALID_ADDRESS_OR_KEY, "Descriptor does not have a corresponding address")
    if not addresses:
        raise RpcError(RPC_MISC_ERROR, "Unexpected empty result")
    return addresses


METHODS: Final = (getdescriptorinfo, deriveaddresses)
