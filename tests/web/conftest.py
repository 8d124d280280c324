"""The stack of the simulated verusd and the real gateway."""

from stack import start

__all__ = ["start"]
