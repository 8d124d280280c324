"""What is asked for answers: verusd, and the breaker before it."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from verus_gateway.config.secret import Secret

CHAIN_NAME: Final = r"[A-Za-z0-9_.-]{1,64}"


class BreakerConfig(Struct, frozen=True, kw_only=True):
    """``[verus.circuit_breaker]``."""

    failure_threshold: Annotated[
        int, Meta(ge=1, description="consecutive failures that open the breaker")
    ] = 5
    recovery_timeout_seconds: Annotated[
        float, Meta(gt=0, description="seconds it stays open before it tries again")
    ] = 60.0
    half_open_max_requests: Annotated[
        int, Meta(ge=1, description="trial calls at once; that many successes close it")
    ] = 3
    shared: Annotated[
        bool,
        Meta(description="one for all instances; false where each has a verusd of its own"),
    ] = True


class VerusConfig(Struct, frozen=True, kw_only=True):
    """``[verus]``."""

    rpc_url: Annotated[
        str, Meta(pattern=r"^https?://[^/@]+/?$", description="where verusd listens; no path")
    ] = "http://127.0.0.1:27486"
    rpc_user: Annotated[str, Meta(description="`rpcuser` of verusd")] = ""
    rpc_password: Annotated[
        Secret, Meta(description="`rpcpassword` of verusd; better in a file or the environment")
    ] = Secret("")
    rpc_password_file: Annotated[
        str, Meta(description="file that holds the password; read again after a 401")
    ] = ""
    rpc_cookie_file: Annotated[
        str, Meta(description="verusd's own `.cookie`; read again after a 401")
    ] = ""
    chain: Annotated[
        str, Meta(pattern=f"^{CHAIN_NAME}$", description="the chain's name: in keys, labels, paths")
    ] = "VRSC"
    connect_timeout: Annotated[float, Meta(gt=0, description="seconds to get a connection")] = 2.0
    request_timeout: Annotated[
        float, Meta(gt=0, description="seconds for a whole call, waiting and retries included")
    ] = 30.0
    max_response_size: Annotated[
        int, Meta(ge=1024, description="bytes of one answer of verusd")
    ] = 33_554_432
    max_concurrency: Annotated[
        int, Meta(ge=1, le=1024, description="calls at verusd at once; keep below its work queue")
    ] = 12
    max_queue: Annotated[
        int, Meta(ge=0, le=100_000, description="calls that may wait for their turn")
    ] = 256
    tip_poll_seconds: Annotated[
        float, Meta(gt=0, description="seconds between two looks at the newest block")
    ] = 1.0
    circuit_breaker: BreakerConfig = BreakerConfig()
