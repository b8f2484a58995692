"""Pages for people."""

from starlette.routing import Route

from autopurchase.sandbox.accounts import Accounts
from autopurchase.sandbox.control import Control
from autopurchase.sandbox.gateway import Gateway
from autopurchase.sandbox.market import Market


class People:
    """The pages over one market."""

    def __init__(self, market: Market, accounts: Accounts, gateway: Gateway, control: Control) -> None:
        self.market, self.accounts, self.gateway, self.control = market, accounts, gateway, control

    def routes(self) -> list[Route]:
        """All addresses for people."""
        return []
