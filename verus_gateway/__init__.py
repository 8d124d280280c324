"""A resilient JSON-RPC gateway in front of the Verus daemon."""

__version__ = "0.1.0"
