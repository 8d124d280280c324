"""How much callers may call, from what the operator wrote to what the limiter goes by."""

from verus_gateway.auth import ANONYMOUS
from verus_gateway.buckets import Allowance, unlimited
from verus_gateway.config import RateClass, RateLimitConfig
from verus_gateway.limits import DEFAULT, Limiter


def classes(rates: RateLimitConfig) -> dict[str, Allowance]:
    """Return the allowance of each rate class; of no bound where limits are off."""
    settings = {ANONYMOUS: rates.anonymous, DEFAULT: rates.default, **rates.classes}
    return {
        name: _allowance(name, given) if rates.enabled else unlimited(name)
        for name, given in settings.items()
    }


def limiter(rates: RateLimitConfig, costliest: int) -> Limiter:
    """Return a limiter that goes by *rates*.

    Args:
        rates: The ``[rate_limit]`` table.
        costliest: The highest cost of a call.
    """
    return Limiter(
        classes(rates),
        most=rates.max_concurrent,
        reserved=rates.reserved,
        remembered=rates.max_buckets,
        costliest=costliest,
    )


def _allowance(name: str, given: RateClass) -> Allowance:
    return Allowance(name=name, rate=given.rate, burst=given.burst, concurrent=given.concurrent)
