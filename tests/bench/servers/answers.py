"""What the fixed-answer daemon says, known to whoever checks it."""

from typing import Final

SMALL: Final = b'"' + b"x" * 113 + b'"'
"""The result that makes a whole answer 150 bytes long."""
LARGE: Final = b'"' + b"y" * 20_000 + b'"'
HASH: Final = "ab" * 32


def result(method: str) -> bytes:
    """Return the JSON text of the result of *method*."""
    match method:
        case "getbestblockhash":
            return b'"%b"' % HASH.encode()
        case "getblockheader":
            return b'{"hash":"%b","height":7,"time":1700000000}' % HASH.encode()
        case "getblockchaininfo":
            return b'{"chain":"main","name":"VRSC","chainid":"i5w5MuNik5NtLcYmNzcvaoixooEebB6MGV"}'
        case "getblock":
            return LARGE
        case _:
            return SMALL


def answer(id: bytes, value: bytes) -> bytes:
    """Return the whole answer of a server that speaks JSON-RPC 2.0 as the gateway does."""
    return b'{"jsonrpc":"2.0","result":%b,"id":%b}' % (value, id)
