"""A marketplace to practise on: it speaks the protocols of Taobao Global, 1688 and AliExpress over real HTTP.

It is the other side of the wire, so it shares no code with the adapters it is used to test.
"""

from autopurchase.sandbox.catalogue import Item, Seller, Sku, catalogue
from autopurchase.sandbox.process import Sandbox, SandboxAt, SandboxError

__all__ = ["Item", "Sandbox", "SandboxAt", "SandboxError", "Seller", "Sku", "catalogue"]
