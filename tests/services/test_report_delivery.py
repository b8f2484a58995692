"""The weekly report goes to a folder and by mail, each Monday once; a mail server that fails is told in words."""

import email
import email.policy
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from autopurchase.domain.errors import BadInput, NotAllowed
from autopurchase.services import report_delivery, reports
from autopurchase.storage import workspace
from autopurchase.storage.schema import run
from tests.support.orders import ADMIN, OPERATOR, Workspace, open_workspace
from tests.support.processes import free_port

#: the server's advice is not for a test on the loopback
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")
SUNDAY = datetime(2026, 11, 22, 23, tzinfo=UTC)  # Monday 07:00 in Shanghai
MAIL = {"host": "127.0.0.1", "mail_from": "shop@example.com", "mail_to": ("boss@example.com",), "security": "none"}


class Inbox:
    """Takes mail, or refuses it."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refuses = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        """Asked for each recipient."""
        if self.refuses:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Given the mail."""
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    """A real mail server that wants user and password."""
    box, port = Inbox(), free_port()

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"me", b"s3cret-word")
        return AuthResult(success=good, handled=good)

    controller = Controller(
        box, hostname="127.0.0.1", port=port, authenticator=check, auth_required=True, auth_require_tls=False
    )
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Workspace]:
    opened = open_workspace(f"sqlite:///{tmp_path}/a.db")
    opened.clock.moment = SUNDAY
    yield opened
    opened.ctx.db.close()


def last_run(work: Workspace) -> Any:
    return max(work.rows(run), key=lambda row: row["id"])


def test_it_is_written_and_mailed_once_a_week(work: Workspace, inbox: tuple[Inbox, int], tmp_path: Path) -> None:
    box, port = inbox
    assert report_delivery.deliver_due(work.ctx) is None
    report_delivery.configure(
        work.ctx, ADMIN, folder=str(tmp_path / "out"), port=port, user="me", password="s3cret-word", **MAIL
    )
    work.clock.moment = SUNDAY.replace(hour=21)  # Monday 05:00 there
    assert report_delivery.deliver_due(work.ctx) is None
    work.clock.moment = SUNDAY
    assert report_delivery.deliver_due(work.ctx) is not None
    names = ["weekly-2026-W47.html", "weekly-2026-W47.xlsx"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    (mail,) = box.mails
    assert mail["To"] == "boss@example.com"
    assert "2026-W47" in mail["Subject"]
    assert sorted(part.get_filename() for part in mail.iter_attachments()) == names
    assert [frozen.version for frozen in reports.versions(work.ctx, ADMIN, "2026-W47")] == [1]
    work.clock.pass_time(hours=30)
    assert report_delivery.deliver_due(work.ctx) is None
    work.clock.pass_time(days=6)
    assert report_delivery.deliver_due(work.ctx) is not None
    assert len(box.mails) == 2
    with work.ctx.db.read() as tx:
        sealed = workspace.read(tx, report_delivery.SETTINGS_KEY)
    assert "s3cret-word" not in sealed + repr(work.rows(run))
    assert report_delivery.settings(work.ctx, ADMIN).password == ""


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"password": "guessed"}, "refuses user and password"),
        ({"port": 1}, "cannot be reached"),
        ({"refuses": True}, "check the addresses"),
    ],
)
def test_a_mail_server_that_fails_is_told_and_tried_again_after_an_hour(
    work: Workspace, inbox: tuple[Inbox, int], wrong: dict[str, Any], says: str
) -> None:
    box, port = inbox
    box.refuses = wrong.pop("refuses", False)
    report_delivery.configure(
        work.ctx, ADMIN, **{"port": port, "user": "me", "password": "s3cret-word", **MAIL, **wrong}
    )
    assert report_delivery.deliver_due(work.ctx) is not None
    assert says in last_run(work)["error"]
    assert "guessed" not in repr(work.rows(run))
    assert report_delivery.deliver_due(work.ctx) is None
    work.clock.pass_time(hours=2)
    assert report_delivery.deliver_due(work.ctx) is not None


def test_what_cannot_be_is_refused(work: Workspace) -> None:
    for given, says in (
        ({"formats": (".doc",)}, "not as"),
        ({"mail_to": ("a@example.com",)}, "name the mail server"),
        ({**MAIL, "mail_to": ("nobody",)}, "looks like"),
        ({"colour": "red"}, "no setting colour"),
        ({"security": "some"}, "security"),
    ):
        with pytest.raises(BadInput, match=says):
            report_delivery.configure(work.ctx, ADMIN, **given)
    with pytest.raises(BadInput, match="where reports go"):
        report_delivery.deliver(work.ctx, ADMIN)
    with pytest.raises(NotAllowed):
        report_delivery.configure(work.ctx, OPERATOR, folder="x")
