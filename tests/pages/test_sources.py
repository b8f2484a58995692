"""The sources page: tried before it is added, tested in words, previewed, scheduled, and what the shop is told."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from autopurchase.domain.mapping import Target
from autopurchase.domain.roles import Actor, Role
from autopurchase.ports import SourceCheck
from autopurchase.services import mapping, sources
from autopurchase.storage import sources as source_store
from autopurchase.storage import views
from autopurchase.storage.views import ReadyFilter
from autopurchase.ui.source_preview import check_words
from autopurchase.wiring import Workspace
from tests.pages.test_mapping import HEAD, ROW, words
from tests.support.pages import open_app, sound

PAGE = "pages/admin/sources.py"
ROOT = Actor("root", Role.ADMINISTRATOR)
SHOP = {"base_url": "http://127.0.0.1:9", "api_key": "1:secret"}


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """Two lines whose product names no item, and a row that cannot be taken."""
    file = tmp_path / "orders.csv"
    good = "".join(ROW.format(order=900 + n, product=name) for n, name in enumerate(("MUG-S", "MUG-L")))
    file.write_text(HEAD + good + ROW.format(order=950, product="MUG-S").replace(",2,12.50", ",none,12.50"))
    return file


def labelled(app: AppTest, label: str) -> AppTest:
    return sound(next(button for button in app.button if button.label == label).click().run())


def form(file: Path, name: str = "table") -> AppTest:
    """The page with the form of a file source filled in."""
    app = open_app(PAGE)
    sound(app.button_group(key="add-source").set_value("file").run())
    app.text_input(key="source.file.name").set_value(name)
    app.text_input(key="source.file.path").set_value(str(file))
    return app


def test_a_source_is_looked_at_before_it_is_added_and_nothing_is_stored(workspace: Workspace, orders: Path) -> None:
    mapping.set(workspace.context, ROOT, "", "MUG-L", Target("taobao", "650000104729"))
    app = labelled(form(orders), "Test and preview")
    assert "2 orders, 2 of them paid · 1 line ready · 1 needs mapping · 1 row not taken" in words(app)
    lines, rejects = (frame.value for frame in app.dataframe)
    assert list(zip(lines["product"], lines["outlook"], strict=True)) == [
        ("MUG-S", ["Needs mapping"]),
        ("MUG-L", ["Ready"]),
    ]
    assert "none" in rejects["reason"][0]
    assert "table" not in [view.name for view in sources.listing(workspace.context, ROOT)]
    with workspace.context.db.read() as connection:
        assert views.ready_count(connection, ReadyFilter()) == 0


def test_it_is_added_tested_and_previewed_again(workspace: Workspace, orders: Path) -> None:
    app = labelled(form(orders), "Add source")
    assert "Source table was added" in words(app)
    app = sound(app.button(key="check-table").click().run())
    assert "2 open paid orders" in words(app)
    assert "“none”" in words(app)
    app = sound(app.button(key="preview-table").click().run())
    assert "1 row would not be taken" in words(app)
    app = sound(app.button(key="forget-source-table").click().run())
    assert "would not be taken" not in words(app)


def test_what_cannot_be_read_is_said_in_words(workspace: Workspace, tmp_path: Path) -> None:
    app = labelled(form(tmp_path / "nothing.csv"), "Test and preview")
    assert "cannot be read" in words(app)


def test_a_shop_that_does_not_answer_is_said_in_words(workspace: Workspace) -> None:
    sources.add(workspace.context, ROOT, kind="vendure", name="web", config=SHOP)
    app = sound(open_app(PAGE).button(key="check-web").click().run())
    assert [error.value for error in app.error] == ["No connection could be made: check the address and the network."]
    assert "secret" not in words(app)


def test_a_test_is_told_in_one_line() -> None:
    found = SourceCheck(False, "key 1", ("The key lacks the right UpdateOrder.",), 12, {"needs_mapping": "3"})
    told = check_words(found)
    assert told.startswith(
        "**12 open paid orders · 3 imported lines need mapping · The key lacks the right UpdateOrder.**"
    )


def test_schedule_and_dry_run(workspace: Workspace) -> None:
    sources.add(workspace.context, ROOT, kind="vendure", name="web", config=SHOP)
    app = open_app(PAGE)
    sound(app.number_input(key="every-web").set_value(45).run())
    app = sound(app.toggle(key="dry-web").set_value(True).run())
    view = next(view for view in sources.listing(workspace.context, ROOT) if view.name == "web")
    assert (view.every_minutes, view.dry_run, view.write_back) == (45, True, True)
    assert "Dry run is on." in words(app)
    sound(app.toggle(key="write-web").set_value(False).run())
    assert not next(view for view in sources.listing(workspace.context, ROOT) if view.name == "web").write_back


def test_settings_of_a_shop_are_edited_and_its_secret_stays(workspace: Workspace) -> None:
    sources.add(workspace.context, ROOT, kind="vendure", name="web", config=SHOP)
    app = open_app(PAGE)
    assert app.text_input(key="settings.web.api_key").value == ""
    app.text_input(key="settings.web.base_url").set_value("http://127.0.0.1:2")
    app = sound(app.button(key="save-web").click().run())
    assert "Saved" in app.toast[0].value
    with workspace.context.db.read() as tx:
        kept = workspace.context.vault.open(source_store.by_name(tx, "web")["config_sealed"])
    assert kept == {**SHOP, "base_url": "http://127.0.0.1:2"}


@pytest.mark.parametrize("kind", ["vendure", "woocommerce", "otapi", "shopify", "medusa", "file"])
def test_every_kind_has_its_form(workspace: Workspace, kind: str) -> None:
    app = open_app(PAGE)
    app = sound(app.button_group(key="add-source").set_value(kind).run())
    manifest = workspace.context.sources[kind].manifest
    drawn = {item.key for item in [*app.text_input, *app.selectbox]}
    assert {f"source.{kind}.{field.name}" for field in manifest.fields} <= drawn
    needed = [field.label for field in manifest.fields if field.required]
    app.text_input(key=f"source.{kind}.name").set_value("x")
    app = labelled(app, "Add source")
    assert all(label in app.error[0].value for label in needed)
