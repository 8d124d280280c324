"""A simulated verusd: a deterministic chain that speaks the daemon's dialect, faults included."""

from verus_gateway.simulator.chain import Chain
from verus_gateway.simulator.command_line import main
from verus_gateway.simulator.settings import Settings
from verus_gateway.simulator.simulator import Simulator

__all__ = ["Chain", "Settings", "Simulator", "main"]
