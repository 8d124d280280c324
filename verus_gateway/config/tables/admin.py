"""The operators and how they sign in."""

from typing import Annotated

from msgspec import Meta, Struct

from verus_gateway.config.secret import Secret


class OpenIdConfig(Struct, frozen=True, kw_only=True):
    """``[admin.openid]``."""

    issuer: Annotated[
        str, Meta(description="OpenID provider that may sign operators in; its issuer, exactly")
    ] = ""
    label: Annotated[str, Meta(description="what the page calls the provider")] = "OpenID Connect"
    client_id: Annotated[str, Meta(description="the gateway's name at the provider")] = ""
    client_secret: Annotated[
        Secret, Meta(description="the gateway's secret there; better in a file or the environment")
    ] = Secret("")
    client_secret_file: Annotated[str, Meta(description="file that holds the secret")] = ""
    claim: Annotated[
        str, Meta(min_length=1, description="claim of the ID token that says who it is")
    ] = "email"
    allowed: Annotated[
        tuple[str, ...], Meta(description="its values that may sign in; nobody else may")
    ] = ()


class AdminConfig(Struct, frozen=True, kw_only=True):
    """``[admin]``."""

    bind: Annotated[
        str,
        Meta(
            pattern=r"^$|^(\[[0-9a-fA-F:]+\]|[^:\[\]/\s]+):[0-9]{1,5}$",
            description="`host:port` of a listener for `/admin` alone; empty for the public one",
        ),
    ] = ""
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^$|^https?://[^/?#@\s]+$",
            description="where browsers find `/admin`; no path. OpenID Connect needs it",
        ),
    ] = ""
    account: Annotated[
        str, Meta(min_length=1, max_length=64, description="who signs in with the password")
    ] = "admin"
    password_hash: Annotated[
        Secret,
        Meta(description="from `verus-gateway admin hash-password`; without one, no sign-in"),
    ] = Secret("")
    password_hash_file: Annotated[str, Meta(description="file that holds the hash")] = ""
    idle_timeout: Annotated[
        float, Meta(gt=0, description="seconds without a click that end a session")
    ] = 1800.0
    session_timeout: Annotated[
        float, Meta(gt=0, description="seconds after which a session ends in any case")
    ] = 43200.0
    openid: OpenIdConfig = OpenIdConfig()
