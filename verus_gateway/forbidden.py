"""What the gateway never sends to verusd, whatever plugin or setting asks.

The full list of verusd v1.2.16's commands was gone through; these are the ones that could
cost an operator money, keys, files or the node. A row of such a name stops the start, and
the way to the daemon refuses it once more.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

_BY_REASON: Final = {
    "stops verusd or bends its clock": "setmocktime stop",
    "hands out keys or the secrets behind them": (
        "decryptdata dumpprivkey dumpwallet z_exportkey z_exportviewingkey z_exportwallet "
        "z_getencryptionaddress z_getpaymentdisclosure z_validatepaymentdisclosure zcrawkeygen"
    ),
    "reads or writes files on the daemon's machine": (
        "backupwallet getsnapshot importwallet openwallet signfile verifyfile z_importwallet"
    ),
    "imports keys or addresses, or rescans": (
        "addmultisigaddress importaddress importprivkey rescanfromheight z_importkey "
        "z_importviewingkey"
    ),
    "locks, unlocks or changes the wallet": (
        "encryptwallet getaccountaddress getnewaddress getrawchangeaddress keypoolrefill "
        "lockunspent move prunespentwallettransactions resendwallettransactions setaccount "
        "setcurrencytrust setidentitytrust settxfee walletlock walletpassphrase "
        "walletpassphrasechange z_getnewaddress"
    ),
    "spends from the wallet": (
        "closeoffers definecurrency jumblr_deposit jumblr_pause jumblr_resume jumblr_secret "
        "makeoffer refundfailedlaunch registernamecommitment sendfrom sendmany sendtoaddress "
        "submitchallenges takeoffer z_mergetoaddress z_sendmany z_setmigration "
        "z_shieldcoinbase"
    ),
    "signs with the wallet's keys": "signhash signmessage signrawtransaction zcrawjoinsplit",
    "steers the node, its peers or its chain": (
        "addnode clearbanned clearrawmempool disconnectnode getaddednodeinfo invalidateblock "
        "ping prioritisetransaction processupgradedata reconsiderblock setban verifychain"
    ),
    "steers mining and staking": (
        "addmergedblock generate getgenerate getlocalsolps getminingdistribution setgenerate "
        "setminingdistribution submitblock submitmergedblock"
    ),
    "burns the daemon's time for tests": "zcbenchmark zcrawreceive zcsamplejoinsplit",
    "shows what the wallet holds or did": (
        "getaccount getaddressesbyaccount getbalance getcurrencybalance getreceivedbyaccount "
        "getreceivedbyaddress gettransaction getunconfirmedbalance getwalletinfo listaccounts "
        "listaddressgroupings listidentities listlockunspent listopenoffers "
        "listreceivedbyaccount listreceivedbyaddress listsinceblock listtransactions "
        "listunspent z_getbalance z_getmigrationstatus z_getoperationresult "
        "z_getoperationstatus z_gettotalbalance z_listaddresses z_listoperationids "
        "z_listreceivedbyaddress z_listunspent z_viewtransaction"
    ),
}

FORBIDDEN: Final[Mapping[str, str]] = MappingProxyType(
    {name: reason for reason, names in _BY_REASON.items() for name in names.split()}
)
"""From command to the reason why it is never offered: "it …"."""


def forbidden_member(params: Iterable[Any]) -> str | None:
    """Return why *params* may not be sent, or None; every object in them is looked into.

    verusd takes the parameters of ``signdata`` wherever data is published (a currency
    output's ``data``, an identity's ``contentmultimap``, the parts of a ``mmrdata``): a
    ``filename`` there has it read a file, an ``address`` inside ``data`` has it sign with
    its wallet.
    """
    waiting = list(params)
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            if "filename" in value:
                return "'filename' has verusd read a file"
            data = value.get("data")
            if isinstance(data, dict) and "address" in data:
                return "'address' inside 'data' has verusd sign with its wallet"
            waiting.extend(value.values())
    return None
