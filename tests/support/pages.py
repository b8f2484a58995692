"""Pages run in this process by Streamlit's own test runner."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "app.py"


def open_app(page: str | None = None, *, role: str = "operator", script: Path = APP, locale: str = "en") -> AppTest:
    """Run the frame as `role`@example.com, then `page` (its file, like "pages/operate/ready.py")."""
    app = AppTest.from_file(str(script), default_timeout=30)
    app.user = {"is_logged_in": True, "email": f"{role}@example.com"}
    app.context = {"locale": locale, "timezone": "Asia/Shanghai"}
    app.run()  # makes the pages known
    sound(app)
    return sound(app.switch_page(page).run()) if page else app


def click_rows(app: AppTest, key: str, rows: list[int]) -> AppTest:
    """Tick the rows at these positions in the table whose widget key is `key`, and run."""
    app.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return sound(app.run())


def sound(app: AppTest) -> AppTest:
    """The same app, after checking that its last run raised nothing."""
    assert not app.exception, [error.value for error in app.exception]
    return app
