"""What the Medusa source makes of answers that its shop gives in its own words; the rest is in the contract."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from autopurchase.domain.errors import AutopurchaseError, BadInput, BrokenAnswer, ProviderDown, Refused
from autopurchase.sources.medusa.client import Client
from autopurchase.sources.medusa.manifest import settings
from autopurchase.sources.shop_http import NotThere
from tests.sources.stubs.server import Reply, Request, Running, serving

KEY = "sk_3fa9d0c17b"


@dataclass
class Answering:
    """Answers everything in one way."""

    reply: Reply = field(default_factory=Reply)

    def answer(self, request: Request) -> Reply:
        return self.reply


@pytest.fixture
def stub() -> Answering:
    return Answering()


@pytest.fixture
def running(stub: Answering) -> Iterator[Running]:
    with serving(stub) as running:
        yield running


@pytest.fixture
def client(running: Running) -> Client:
    return Client(settings({"base_url": running.url, "secret_key": KEY, "timeout_seconds": "5"}))


def said(kind: str, message: str) -> dict[str, str]:
    return {"type": kind, "message": message}


@pytest.mark.parametrize(
    ("reply", "reading", "writing"),
    [
        (Reply(said("not_found", "Order id not found: x"), 404), NotThere, NotThere),
        (Reply({"message": "no such route"}, 404), BadInput, BadInput),
        (Reply(said("invalid_data", "Too many items"), 400), Refused, Refused),
        (Reply(said("not_allowed", "Order is canceled"), 422), Refused, Refused),
        (Reply(said("conflict", "Another request"), 409), ProviderDown, BrokenAnswer),
        (Reply(said("unknown_error", "An unknown error occurred."), 500), ProviderDown, BrokenAnswer),
        (Reply([]), ProviderDown, BrokenAnswer),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
def test_the_shop_s_own_words_are_typed(
    stub: Answering,
    running: Running,
    client: Client,
    reply: Reply,
    reading: type[AutopurchaseError],
    writing: type[AutopurchaseError],
) -> None:
    stub.reply = reply
    with pytest.raises(AutopurchaseError) as read:
        client.read("/orders/x", "order")
    running.requests.clear()
    with pytest.raises(AutopurchaseError) as written:
        client.write("/orders/x", {"metadata": {}})
    assert (type(read.value), type(written.value)) == (reading, writing)
    assert len(running.requests) == 1


def test_the_key_travels_in_its_header_and_an_echo_of_it_is_removed(
    stub: Answering, running: Running, client: Client
) -> None:
    stub.reply = Reply({"order": {}})
    client.read("/orders/x", "order", {"fields": "id"})
    request = running.requests[0]
    assert (request.method, request.path, request.query["fields"]) == ("GET", "/admin/orders/x", "id")
    token = request.headers["authorization"].removeprefix("Basic ")
    stub.reply = Reply(said("invalid_data", f"{KEY} and {token} are not liked"), 400)
    with pytest.raises(Refused, match="are not liked") as caught:
        client.read("/orders/x", "order")
    for secret in (KEY, token):
        assert secret not in f"{caught.value.sentence} {caught.value.raw} {caught.value!r}"
