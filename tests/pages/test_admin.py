"""Sessions and sources: forms from manifests, secrets that never come back, authorisation that only we can begin."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from autopurchase.domain.budget import Budget
from autopurchase.domain.errors import BadInput
from autopurchase.domain.roles import Actor, Role
from autopurchase.services import sessions, sources
from autopurchase.storage import pushes, schema
from autopurchase.ui import authorise
from autopurchase.ui.guard import Person
from autopurchase.wiring import Workspace
from tests.support.pages import open_app, sound

SESSIONS, SOURCES = "pages/admin/sessions.py", "pages/admin/sources.py"
ROOT = Actor("root", Role.ADMINISTRATOR)
ANNA = Person("anna", Role.ADMINISTRATOR, "en")
SECRET = "very-secret-value-4711"


def fill_in(app: AppTest, **values: str) -> AppTest:
    """Type into the form of the first provider and send it."""
    for name, value in values.items():
        app.text_input(key=f"add.taobao.{name}").set_value(value)
    return sound(next(button for button in app.button if button.label == "Add session").click().run())


def everything(app: AppTest) -> str:
    """Every text the page shows, and every value of its inputs."""
    shown = [*app.markdown, *app.caption, *app.text_input, *app.error, *app.success, *app.code]
    return " ".join(str(item.value) for item in shown)


def test_a_session_is_added_by_the_form_and_its_secrets_are_never_shown_again(workspace: Workspace) -> None:
    app = fill_in(open_app(SESSIONS), name="main", app_key="500100", app_secret=SECRET, access_token=SECRET)
    (view,) = sessions.listing(workspace.context, ROOT)
    assert (view.name, view.provider, view.state) == ("main", "taobao", "active")
    assert "main" in everything(app)
    assert SECRET not in everything(app)
    assert SECRET not in everything(open_app(SESSIONS))


@pytest.mark.parametrize(
    ("values", "words"),
    [({"name": "", "app_key": "1", "app_secret": "s"}, "name"), ({"name": "main", "app_key": "1"}, "App secret")],
)
def test_what_is_missing_is_named(workspace: Workspace, values: dict[str, str], words: str) -> None:
    app = fill_in(open_app(SESSIONS), **values)
    assert any(words in error.value for error in app.error)
    assert sessions.listing(workspace.context, ROOT) == []


def test_a_session_is_switched_off_and_its_limits_are_set(full: Workspace) -> None:
    app = open_app(SESSIONS)
    view = sessions.listing(full.context, ROOT)[0]
    app.number_input(key=f"cap-{view.id}").set_value(77)
    app.number_input(key=f"hour-{view.id}").set_value(9)
    app.text_input(key=f"amount-{view.id}").set_value("1200.50")
    app.number_input(key=f"pause-{view.id}").set_value(2.5)
    sound(next(b for b in app.button if b.key and f"limits-{view.id}" in b.key).click().run())
    sound(app.button(key=f"disable-{view.id}").click().run())
    found = next(item for item in sessions.listing(full.context, ROOT) if item.id == view.id)
    assert (found.budget, found.state) == (Budget(9, 77, 120_050, 2.5), "disabled")


def test_a_session_that_rests_says_until_when_and_is_woken(full: Workspace) -> None:
    view = sessions.listing(full.context, ROOT)[0]
    with full.context.db.write() as tx:
        until = datetime.now(UTC) + timedelta(minutes=9)
        values = {"resting_until": until, "resting_why": "Limit reached.", "strikes": 3}
        tx.execute(sa.update(schema.session).where(schema.session.c.id == view.id).values(values))
    app = open_app(SESSIONS)
    assert "Rests **until" in everything(app)
    assert "Limit reached." in everything(app)
    sound(app.button(key=f"wake-{view.id}").click().run())
    assert sessions.read(full.context, ROOT, view.name).resting_until is None


def test_a_grade_is_explained(full: Workspace) -> None:
    app = open_app(SESSIONS)
    assert "Grade A" in everything(app)
    assert "Grade B" in everything(app)


def test_only_a_return_that_began_here_is_believed(workspace: Workspace) -> None:
    open_app(SESSIONS)
    state = authorise.seal_state("main", ANNA)
    assert authorise.open_state(state, ANNA) == "main"
    with pytest.raises(BadInput, match="somebody else"):
        authorise.open_state(state, Person("eve", Role.ADMINISTRATOR, "en"))
    with pytest.raises(BadInput, match="not made here"):
        authorise.open_state(state[:-4] + "AAAA", ANNA)


def test_an_old_return_is_refused(workspace: Workspace) -> None:
    open_app(SESSIONS)
    old = {"session": "main", "person": "anna", "at": datetime(2020, 1, 1, tzinfo=UTC).isoformat()}
    with pytest.raises(BadInput, match="too old"):
        authorise.open_state(workspace.context.vault.seal(old), ANNA)


def test_a_shop_is_added_by_the_form(workspace: Workspace) -> None:
    app = open_app(SOURCES)
    kind = app.session_state["add-source"]
    assert kind == "vendure"
    app.text_input(key="source.vendure.name").set_value("web")
    app.text_input(key="source.vendure.base_url").set_value("http://127.0.0.1:3000")
    app.text_input(key="source.vendure.api_key").set_value(f"1:{SECRET}")
    app = sound(next(button for button in app.button if button.label == "Add source").click().run())
    assert "web" in [view.name for view in sources.listing(workspace.context, ROOT)]
    assert SECRET not in everything(app)


def test_the_rows_an_import_did_not_take_can_be_had(full: Workspace) -> None:
    labels = [button.proto.label for button in open_app(SOURCES).get("download_button")]
    assert "1 row not taken" in labels


def test_the_page_says_whether_pushes_arrive(full: Workspace) -> None:
    assert "pushed anything yet" in everything(open_app(SESSIONS))
    view, now = sessions.listing(full.context, ROOT)[0], full.context.now()
    with full.context.db.write() as tx:
        for key, state in (("1", "read"), ("2", "ignored")):
            pushes.add(
                tx,
                {"provider": view.provider, "key": key, "session_id": view.id, "state": state, "received_at": now},
            )
    shown = everything(open_app(SESSIONS))
    assert "last one just now · 2 messages in 24 hours · 1 needed nothing" in shown
    assert "nothing has come yet" in shown
    credentials = {"app_key": "1", "app_secret": "s" * 16, "rate_per_second": 250}
    sessions.add(full.context, ROOT, provider="aliexpress", name="ali", credentials=credentials)
    assert "this marketplace pushes nothing" in everything(open_app(SESSIONS)), "a quick session is shown too"
