"""Where answers are kept, and what instances share."""

from typing import Annotated

from msgspec import Meta, Struct

from verus_gateway.config.secret import Secret


class CacheConfig(Struct, frozen=True, kw_only=True):
    """``[cache]``."""

    enabled: Annotated[
        bool, Meta(description="false asks verusd each time; old answers still serve as fallback")
    ] = True
    max_size: Annotated[int, Meta(ge=0, description="bytes of memory for answers")] = 104_857_600
    max_entry_size: Annotated[int, Meta(ge=0, description="bytes of one answer kept")] = 8_388_608
    tip_max_age: Annotated[
        float, Meta(gt=0, description="seconds an answer is served when no block arrives")
    ] = 120.0
    default_ttl: Annotated[
        float, Meta(gt=0, description="seconds Redis keeps an answer at most, good for ever or not")
    ] = 86_400.0
    redis_url: Annotated[
        Secret, Meta(description="the Redis in which instances share answers; without one, none")
    ] = Secret("")
    redis_password_file: Annotated[
        str, Meta(description="file that holds the password for `redis_url`")
    ] = ""
    redis_secret: Annotated[
        Secret, Meta(description="seals what stands in Redis; the same for every instance")
    ] = Secret("")
    redis_secret_file: Annotated[
        str, Meta(description="file that holds it, in place of `redis_secret`")
    ] = ""
    state_url: Annotated[
        Secret,
        Meta(
            description="the Redis for what must not be evicted; without one, that of `redis_url`"
        ),
    ] = Secret("")
    state_password_file: Annotated[
        str, Meta(description="file that holds the password for `state_url`")
    ] = ""
    redis_prefix: Annotated[
        str, Meta(pattern="^[A-Za-z0-9_.-]{1,32}$", description="first part of every name in Redis")
    ] = "vg"
    redis_timeout: Annotated[
        float, Meta(gt=0, le=5, description="seconds that one operation of Redis may take")
    ] = 0.05
    redis_max_entry_size: Annotated[
        int, Meta(ge=0, description="bytes of one answer kept in Redis")
    ] = 1_048_576
    refresh_calls: Annotated[
        int,
        Meta(ge=0, description="calls under one block that have an answer refreshed at the next"),
    ] = 10
    refresh_entries: Annotated[
        int, Meta(ge=1, le=1000, description="answers refreshed after a block, at most")
    ] = 64
    refresh_concurrency: Annotated[
        int, Meta(ge=1, le=64, description="of those, how many at the same time")
    ] = 2
