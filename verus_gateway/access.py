"""Credentials in the gateway: what recognises them, and following the issuer, put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from verus_gateway.apps import App, Apps
from verus_gateway.auth import NoTokens, Recogniser
from verus_gateway.authority import Authority
from verus_gateway.bearer import BearerTokens
from verus_gateway.config import AppConfig, AuthConfig
from verus_gateway.errors import ConfigError
from verus_gateway.issuer.mint import Mint
from verus_gateway.revocations import Revocations
from verus_gateway.shelf import Shelf
from verus_gateway.sources import Address, File
from verus_gateway.tasks import begun, ended
from verus_gateway.tokens import Rules


class Access:
    """What the gateway knows of tokens.

    Args:
        config: The ``[auth]`` table.
        revocations: What was taken back.
        embedded: The token service in this process, where there is one.
    """

    def __init__(
        self,
        config: AuthConfig,
        revocations: Revocations,
        embedded: Mint | None = None,
    ) -> None:
        self._config = config
        self.revocations = revocations
        self.authority: Authority | None = None
        self.tokens: Recogniser = NoTokens()
        self._keys: Callable[[], int] = int
        if embedded is not None:
            rules = _rules(config, embedded.issuer, embedded.audience)
            self.tokens = BearerTokens(embedded.keys, rules, revocations)
            self._keys = lambda: len(embedded.keys.all())
        elif config.issuer:
            self.authority = _authority(config, revocations)
            self._keys = self.authority.__len__
            rules = _rules(config, config.issuer, config.audience)
            self.tokens = BearerTokens(self.authority, rules, revocations)

    @property
    def flaws(self) -> dict[str, int]:
        """How many tokens were refused, by what was wrong with them."""
        return dict(self.tokens.flaws) if isinstance(self.tokens, BearerTokens) else {}

    def keyless(self) -> str:
        """Return the issuer none of whose keys is known, "" where one is or none is trusted."""
        return "" if self.authority is None or len(self.authority) else self._config.issuer

    def readings(self) -> dict[str, tuple[str, Callable[[], float]]]:
        """Return what is read at scrape time: name, help and how to read it."""
        bearer = self.tokens if isinstance(self.tokens, BearerTokens) else None
        return {
            "tokens_verified_total": (
                "Tokens verified; those remembered are not verified again",
                lambda: bearer.verified if bearer else 0,
            ),
            "tokens_remembered": (
                "Verified tokens remembered",
                lambda: len(bearer) if bearer else 0,
            ),
            "token_keys": (
                "Keys of the issuer that are known; with none no token is good",
                self._keys,
            ),
            "tokens_revoked": ("Revoked tokens known", lambda: len(self.revocations)),
        }

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Follow the issuer, where there is one, until the block ends."""
        if self.authority is None:
            yield
            return
        await self.authority.update()
        following = self.authority.follow(self._config.refresh_seconds)
        task = begun(following, "issuer")
        try:
            yield
        finally:
            await ended(task)


def signing(config: AuthConfig, salts: Shelf) -> list[Apps]:
    """Return what recognises signatures; nothing where nobody may sign: then they are ignored.

    Args:
        config: The ``[auth]`` table.
        salts: Where used salts are remembered.
    """
    apps = [
        App(id, _key_of(given), frozenset(given.scopes), given.rate_class)
        for id, given in config.apps.items()
    ]
    return [Apps(apps, salts, config.app_window)] if apps else []


def _key_of(app: AppConfig) -> str:
    if app.app_key_file:
        try:
            return Path(app.app_key_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"{app.app_key_file}: cannot be read as text") from None
    return app.app_key.reveal()


def _authority(config: AuthConfig, revocations: Revocations) -> Authority:
    keys = Address(config.jwks_url) if config.jwks_url else File(Path(config.jwks_file))
    revoked = Address(config.revocations_url) if config.revocations_url else None
    return Authority(config.issuer, keys, revoked, revocations)


def _rules(config: AuthConfig, issuer: str, audience: str) -> Rules:
    return Rules(
        issuer=issuer,
        audience=audience,
        leeway=config.leeway_seconds,
        lifetime=config.max_token_lifetime,
    )
