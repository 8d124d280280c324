"""Who may call what, and how much of it."""

from typing import Annotated

from msgspec import Meta, Struct

from verus_gateway.config.secret import Secret


class AppConfig(Struct, frozen=True, kw_only=True):
    """``[auth.apps.ID]``."""

    app_key: Annotated[
        Secret, Meta(description="what the app signs with; better in a file or the environment")
    ] = Secret("")
    app_key_file: Annotated[str, Meta(description="file that holds the key")] = ""
    scopes: Annotated[tuple[str, ...], Meta(description="what the app may do")] = (
        "public",
        "read",
    )
    rate_class: Annotated[str, Meta(description="whose limits are the app's")] = "default"


class AuthConfig(Struct, frozen=True, kw_only=True):
    """``[auth]``."""

    anonymous_scopes: Annotated[
        tuple[str, ...], Meta(description="what a caller without a token may do")
    ] = ("public",)
    issuer: Annotated[
        str, Meta(description="whose tokens are good, as their `iss` says; without one, none are")
    ] = ""
    audience: Annotated[str, Meta(min_length=1, description="what a token's `aud` must name")] = (
        "verus-gateway"
    )
    jwks_url: Annotated[str, Meta(description="where the issuer's keys are")] = ""
    jwks_file: Annotated[
        str, Meta(description="file of the issuer's keys, in place of the URL")
    ] = ""
    revocations_url: Annotated[
        str, Meta(description="where the issuer lists what it revoked, signed by it")
    ] = ""
    refresh_seconds: Annotated[
        float, Meta(ge=1, le=300, description="seconds between two looks at that list")
    ] = 5.0
    leeway_seconds: Annotated[
        float, Meta(ge=0, le=30, description="seconds by which the issuer's clock may differ")
    ] = 10.0
    max_token_lifetime: Annotated[
        float, Meta(ge=60, le=86_400, description="seconds from a token's beginning to its end")
    ] = 3600.0
    app_window: Annotated[
        float, Meta(gt=0, le=3600, description="seconds by which an app's clock may differ")
    ] = 60.0
    apps: Annotated[
        dict[str, AppConfig], Meta(description="`[auth.apps.NAME]`: programs that sign their calls")
    ] = {}


class RateClass(Struct, frozen=True, kw_only=True):
    """``[rate_limit.classes.NAME]``, and ``[rate_limit.default]``."""

    rate: Annotated[float, Meta(gt=0, description="cost that comes back to a caller, a second")] = (
        1000.0
    )
    burst: Annotated[int, Meta(ge=1, description="cost that a caller may spend at once")] = 5_000
    concurrent: Annotated[
        int,
        Meta(ge=1, le=100_000, description="calls of a caller at once that memory cannot answer"),
    ] = 64


class AnonymousClass(RateClass, frozen=True, kw_only=True):
    """``[rate_limit.anonymous]``."""

    rate: Annotated[
        float, Meta(gt=0, description="cost that comes back to an address, a second")
    ] = 100.0
    burst: Annotated[int, Meta(ge=1, description="cost that an address may spend at once")] = 1_000
    concurrent: Annotated[
        int,
        Meta(ge=1, le=100_000, description="calls of an address at once that memory cannot answer"),
    ] = 32


class RateLimitConfig(Struct, frozen=True, kw_only=True):
    """``[rate_limit]``."""

    enabled: Annotated[
        bool, Meta(description="false charges nobody; the bounds of all calls at once stay")
    ] = True
    max_concurrent: Annotated[
        int, Meta(ge=1, le=100_000, description="calls at once, in all, that memory cannot answer")
    ] = 512
    reserved: Annotated[
        int, Meta(ge=0, description="how many of these are kept for callers with credentials")
    ] = 128
    max_buckets: Annotated[
        int,
        Meta(ge=2, le=10_000_000, description="callers and addresses remembered, of each so many"),
    ] = 50_000
    anonymous: AnonymousClass = AnonymousClass()
    default: RateClass = RateClass()
    classes: Annotated[
        dict[str, RateClass],
        Meta(description="`[rate_limit.classes.NAME]`: further ones, as `[rate_limit.default]`"),
    ] = {}
