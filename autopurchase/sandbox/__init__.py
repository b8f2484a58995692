"""A marketplace to practise on: it speaks the wire protocols of Taobao Global and 1688 over real HTTP.

It is the other side of the wire, so it shares no code with the adapters it is used to test.
"""

from autopurchase.sandbox.catalogue import Item, Seller, Sku, catalogue
from autopurchase.sandbox.process import Sandbox, SandboxAt, SandboxError

__all__ = ["Item", "Sandbox", "SandboxAt", "SandboxError", "Seller", "Sku", "catalogue"]
