"""The daemon's commands, one file and one table for each family."""

from verus_gateway.simulator.commands import Family, Table
from verus_gateway.simulator.methods import (
    addressindex,
    blockchain,
    building,
    control,
    conversions,
    crosschain,
    hidden,
    identity,
    identitybuild,
    marketplace,
    mining,
    multichain,
    network,
    notary,
    rawtransactions,
    sending,
    signatures,
    signeddata,
    util,
    vdxf,
    wallet,
)

_FAMILIES: tuple[Family, ...] = (
    addressindex.FAMILY,
    blockchain.FAMILY,
    hidden.FAMILY,
    Family(
        "identity",
        (
            *identity.LOOKUPS,
            *identitybuild.BUILDING,
            *signatures.SIGNATURES,
            *signeddata.SIGNED_DATA,
        ),
    ),
    mining.FAMILY,
    Family(
        "multichain",
        (
            *conversions.CONVERSIONS,
            *crosschain.TRANSFERS,
            *multichain.DEFINITIONS,
            *notary.NOTARY,
            *sending.SENDING,
        ),
    ),
    network.FAMILY,
    Family("rawtransactions", (*rawtransactions.COMMANDS, *building.BUILDING)),
    Family("marketplace", marketplace.OFFERS),
    util.FAMILY,
    vdxf.FAMILY,
    wallet.FAMILY,
)


def table() -> Table:
    """Return all commands; a new family is one more file and one more entry above."""

    def help_for(name: str) -> str:
        if not name:
            return known.overview()
        command = known.by_name.get(name)
        return f"help: unknown command: {name}" if command is None else command.help.rstrip("\n")

    known = Table((*_FAMILIES, control.family(help_for)))
    return known
