"""The structure of the code is what the design says, and each rule that says so can fail."""

from pathlib import Path

import pytest

from tests.support import architecture
from tests.support.architecture import RULES, Rule

ROOT = Path(__file__).parents[1]
GUARDED = 'from autopurchase.ui import guard\n\nperson = guard.require("operator")\n'
SAFE = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
GOOD = {
    "app.py": "import streamlit as st\nfrom autopurchase.ui import guard\n",
    "pages/operate/ready.py": f'"""Ready."""\n\nimport streamlit as st\n{GUARDED}',
    "autopurchase/__init__.py": "from autopurchase.wiring import connect\n",
    "autopurchase/__main__.py": "from autopurchase import connect\n",
    "autopurchase/ui/guard.py": "import streamlit\nfrom autopurchase import wiring\n",
    "autopurchase/wiring.py": "import sqlalchemy\nfrom autopurchase import engine, providers, sandbox, settings\n",
    "autopurchase/services/plan.py": "from .. import ports\nfrom ..storage import lines\n",
    "autopurchase/engine/worker.py": "import dbos\nfrom autopurchase.services import plan\n",
    "autopurchase/providers/taobao/client.py": "from ... import ports\nfrom ..common import read\n",
    "autopurchase/storage/lines.py": "import sqlalchemy as sa\nfrom autopurchase.domain.order import Line\n",
    "autopurchase/domain/order.py": "import dataclasses\nfrom autopurchase.domain.money import Money\n",
    ".streamlit/config.toml": SAFE,
}
# rule, file, its bad content, what the violation must say
BAD: list[tuple[Rule, str, str, str]] = [
    (architecture.points_downwards, "autopurchase/domain/order.py", "from autopurchase.storage import lines", "above"),
    (architecture.points_downwards, "autopurchase/storage/lines.py", "from ..services import plan", "above"),
    (architecture.points_downwards, "autopurchase/services/plan.py", "from autopurchase import wiring", "above"),
    (architecture.points_downwards, "autopurchase/services/plan.py", "def f():\n  import autopurchase.ui", "above"),
    (architecture.points_downwards, "autopurchase/ui/guard.py", "from autopurchase import connect", "above"),
    (architecture.points_downwards, "autopurchase/ui/guard.py", "import app", "above"),
    (architecture.points_downwards, "autopurchase/helpers/text.py", "import re", "no layer"),
    (architecture.points_downwards, "autopurchase/wiring.py", "import autopurchase.helpers", "no layer"),
    (architecture.goes_in_no_circle, "autopurchase/reports/weekly.py", "from autopurchase import engine", "circle"),
    (architecture.keeps_strangers_apart, "autopurchase/services/plan.py", "import autopurchase.providers", "Protocols"),
    (architecture.keeps_strangers_apart, "autopurchase/services/plan.py", "from ..engine import queue", "Protocols"),
    (architecture.keeps_strangers_apart, "autopurchase/providers/x.py", "from ..sandbox import sign", "marketplace"),
    (architecture.keeps_strangers_apart, "autopurchase/sources/x.py", "from ..sandbox import sign", "marketplace"),
    (architecture.keeps_strangers_apart, "autopurchase/sandbox/x.py", "from ..providers import sign", "neither"),
    (architecture.keeps_packages_in_place, "autopurchase/services/plan.py", "from sqlalchemy import text", "all SQL"),
    (architecture.keeps_packages_in_place, "pages/operate/ready.py", "import sqlalchemy.orm", "all SQL"),
    (architecture.keeps_packages_in_place, "autopurchase/services/plan.py", "import dbos", "exchanged"),
    (architecture.keeps_packages_in_place, "autopurchase/__main__.py", "import streamlit.web", "without pages"),
    (architecture.keeps_packages_in_place, "autopurchase/services/x.py", "import pytest", "provider must pass"),
    (architecture.keeps_packages_in_place, "autopurchase/engine/x.py", "import alembic", "migrations"),
    (architecture.domain_is_plain_python, "autopurchase/domain/order.py", "import pandas as pd", "standard library"),
    (architecture.pages_lie_in_folders, "pages/ready.py", GUARDED, "directly"),
    (architecture.pages_begin_with_the_guard, "pages/operate/ready.py", "", "first statement"),
    (architecture.pages_begin_with_the_guard, "pages/operate/ready.py", "import re\nx = 1\n" + GUARDED, "first"),
    (architecture.pages_begin_with_the_guard, "pages/operate/ready.py", "person = guard.require()", "first"),
    (architecture.pages_begin_with_the_guard, "pages/operate/ready.py", "if x:\n  guard.require('v')", "first"),
    (architecture.config_is_safe, ".streamlit/config.toml", SAFE.replace("magicEnabled = false", ""), "stray"),
    (architecture.config_is_safe, ".streamlit/config.toml", SAFE.replace('"127.0.0.1"', '"0.0.0.0"', 1), "outside"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_good_tree_keeps_the_rule(rule: Rule, tmp_path: Path) -> None:
    plant(tmp_path, GOOD)
    assert list(rule(tmp_path)) == []


@pytest.mark.parametrize(("rule", "file", "content", "says"), BAD)
def test_the_rule_bites(rule: Rule, file: str, content: str, says: str, tmp_path: Path) -> None:
    also = {"autopurchase/engine/worker.py": "from autopurchase.reports import weekly"} if "reports" in file else {}
    plant(tmp_path, GOOD | also | {file: content})
    violations = list(rule(tmp_path))
    assert violations
    assert all(says in violation for violation in violations)


def test_every_rule_is_shown_to_bite() -> None:
    assert {rule for rule, *_ in BAD} == set(RULES)


def plant(root: Path, files: dict[str, str]) -> None:
    """Write `files`, path → content, below `root`."""
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
