"""The demo workspace: a practice marketplace on this computer, sessions at it, and believable orders."""

from autopurchase.demo.make import SESSIONS, ensure_demo
from autopurchase.demo.market import address, attend, control, pay

__all__ = ["SESSIONS", "address", "attend", "control", "ensure_demo", "pay"]
