"""The commands of verusd that the gateway never sends, whatever plugin or setting asks.

The full list of verusd v1.2.16's commands was gone through; these are the ones that could
cost an operator money, keys, files or the node. A row of such a name stops the start, and
the way to the daemon refuses it once more.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

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
