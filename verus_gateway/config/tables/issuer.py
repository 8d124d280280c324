"""The token service."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Algorithm: TypeAlias = Literal["ES256", "RS256", "EdDSA"]


class TokenServiceConfig(Struct, frozen=True, kw_only=True):
    """``[token_service]``."""

    embedded: Annotated[
        bool, Meta(description="whether `serve` runs the token service too, and trusts it")
    ] = False
    host: Annotated[str, Meta(min_length=1, description="address to listen on")] = "127.0.0.1"
    port: Annotated[
        int, Meta(ge=0, le=65535, description="port to listen on; 0 takes any free one")
    ] = 8081
    issuer: Annotated[
        str, Meta(description="its own address as clients see it; the `iss` of its tokens")
    ] = ""
    audience: Annotated[str, Meta(min_length=1, description="the `aud` of its tokens")] = (
        "verus-gateway"
    )
    folder: Annotated[
        str, Meta(description="where its keys, clients and revocations are, for its user alone")
    ] = ""
    clients: Annotated[
        Literal["folder", "redis"],
        Meta(description="where its clients are: in its folder, or in the Redis of `[cache]`"),
    ] = "folder"
    algorithm: Annotated[Algorithm, Meta(description="what new keys sign with")] = "ES256"
    generate_keys: Annotated[
        bool, Meta(description="whether the first start makes keys where there are none")
    ] = False
    token_lifetime: Annotated[
        float, Meta(ge=60, le=86_400, description="seconds of a token, if the client has no other")
    ] = 600.0
    max_token_lifetime: Annotated[
        float, Meta(ge=60, le=86_400, description="seconds of a token, whatever the client has")
    ] = 3600.0
    requests_per_minute: Annotated[
        float, Meta(gt=0, le=60_000, description="requests of a client, and of an address")
    ] = 60.0
