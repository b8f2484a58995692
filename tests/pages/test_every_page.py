"""Every page draws with nothing in the workspace and with everything in it, and only for who may see it."""

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from autopurchase.domain.roles import Actor, Role
from autopurchase.services import reports
from autopurchase.storage import views
from autopurchase.ui import guard
from autopurchase.ui.guard import Person
from autopurchase.wiring import Workspace
from tests.support.pages import APP, open_app

PAGES = [
    "pages/manage/overview.py",
    "pages/manage/pay.py",
    "pages/manage/weekly.py",
    "pages/manage/sync.py",
    "pages/manage/lines.py",
    "pages/operate/ready.py",
    "pages/operate/purchased.py",
    "pages/operate/order.py",
    "pages/operate/journal.py",
    "pages/operate/desk.py",
    "pages/operate/mapping.py",
    "pages/admin/sessions.py",
    "pages/admin/sources.py",
]


def errors(app: AppTest) -> list[str]:
    """What the page said went wrong."""
    return [error.value for error in app.error]


@pytest.mark.parametrize("page", PAGES)
def test_empty(workspace: Workspace, page: str) -> None:
    app = open_app(page)
    assert errors(app) == []
    assert app.title or app.header or app.caption


@pytest.mark.parametrize("page", PAGES)
def test_full(full: Workspace, page: str) -> None:
    app = open_app(page)
    assert errors(app) == []


def test_the_overview_of_an_empty_workspace_says_what_to_do(workspace: Workspace) -> None:
    app = open_app("pages/manage/overview.py")
    words = " ".join(item.value for item in app.markdown)
    assert "No purchasing account yet" in words
    assert "No orders yet" in words


def test_the_overview_shows_the_reports_figures(full: Workspace) -> None:
    app = open_app("pages/manage/overview.py")
    with full.context.db.read() as connection:
        ready = views.ready_count(connection, views.ReadyFilter())
    report = reports.overview(full.context, Actor("me", Role.VIEWER))
    split = report.sheets["split"]
    assert split.cell(0, "lines") == ready
    figures = {metric.label.rpartition("] ")[2]: metric.value for metric in app.metric}
    assert figures["Backlog"] == f"{report.figures['backlog_pieces'].value:,}"
    assert figures["Unpaid orders"] == "8"
    assert figures["Outcome unknown"] == "8"


@pytest.mark.parametrize(
    ("role", "page", "allowed"),
    [
        (Role.VIEWER, "pages/operate/ready.py", False),
        (Role.VIEWER, "pages/operate/journal.py", True),
        (Role.OPERATOR, "pages/operate/ready.py", True),
        (Role.VIEWER, "pages/operate/mapping.py", False),
        (Role.OPERATOR, "pages/operate/mapping.py", True),
        (Role.VIEWER, "pages/manage/pay.py", False),
        (Role.OPERATOR, "pages/manage/pay.py", True),
        (Role.OPERATOR, "pages/admin/sessions.py", False),
        (Role.ADMINISTRATOR, "pages/admin/sessions.py", True),
    ],
)
def test_a_page_stops_for_who_may_not_see_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, role: Role, page: str, allowed: bool
) -> None:
    """The page itself refuses: hiding it in the menu would not be enough."""
    monkeypatch.setattr(guard, "local_person", lambda: Person("eve", role, "en"))
    app = AppTest.from_file(str(APP.parent / page), default_timeout=30)
    app.run()
    assert any("needs the role" in words for words in errors(app)) is not allowed


def test_the_menu_shows_what_the_role_allows() -> None:
    viewer = [entry.path for entry in guard.entries() if Role.VIEWER >= entry.role]
    assert viewer == ["overview", "weekly", "lines", "order", "journal", "desk"]


def test_nobody_beyond_this_computer_is_let_in(workspace: Workspace) -> None:
    before = config.get_option("server.address")
    config.set_option("server.address", "0.0.0.0")  # noqa: S104 - the point of the test
    try:
        app = AppTest.from_file(str(APP), default_timeout=30)
        app.run()
    finally:
        config.set_option("server.address", before)
    assert any("this computer only" in words for words in errors(app))
