"""The daemon's commands, one file and one table for each family."""

from verus_gateway.simulator.commands import Family, Table
from verus_gateway.simulator.methods import (
    addressindex,
    blockchain,
    building,
    control,
    hidden,
    mining,
    multichain,
    network,
    rawtransactions,
    util,
    vdxf,
    wallet,
)

_FAMILIES: tuple[Family, ...] = (
    addressindex.FAMILY,
    blockchain.FAMILY,
    hidden.FAMILY,
    mining.FAMILY,
    multichain.FAMILY,
    network.FAMILY,
    Family("rawtransactions", (*rawtransactions.COMMANDS, *building.BUILDING)),
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
