from verus_chain import METHODS
from verus_gateway.testing import FakeDaemon, find, run

HELP = find(METHODS, "help")
LIST = """== Blockchain ==
getblock "hash|height" ( verbosity )
verifychain ( checklevel numblocks )

== Wallet ==
dumpprivkey "t-addr\""""


async def test_the_list_shows_only_what_is_offered_and_no_empty_section() -> None:
    daemon = FakeDaemon({"help": LIST, "getblock": {}})

    text = await run(HELP, daemon)

    assert text == '== Blockchain ==\ngetblock "hash|height" ( verbosity )'


async def test_the_text_of_an_offered_command_is_verusds_own() -> None:
    daemon = FakeDaemon({"help": "getblock ...", "getblock": {}})

    assert await run(HELP, daemon, "getblock") == "getblock ..."
    assert daemon.asked == [("help", ("getblock",))]


async def test_a_command_that_is_not_offered_is_unknown_and_not_asked_for() -> None:
    daemon = FakeDaemon({"help": "dumpprivkey ..."})

    assert await run(HELP, daemon, "dumpprivkey") == "help: unknown command: dumpprivkey"
    assert daemon.asked == []
