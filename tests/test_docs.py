"""What the documents name exists: files, headings, commands, options, keys, columns, variables."""

import re
import shlex
from pathlib import Path

import click
import pytest

from autopurchase.cli.main import cli
from autopurchase.cli.output import DONE, REFUSALS, UNKNOWN, WRONG_USE
from autopurchase.domain.shop import ShopOrder
from autopurchase.ports import Field
from autopurchase.providers import PROVIDERS
from autopurchase.sources import SOURCES
from autopurchase.sources.file import read_orders
from autopurchase.sources.file.columns import OPTIONAL, REQUIRED

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in DOCS}
CONFIGURATION = TEXTS["docs/configuration.md"]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"python3? -m autopurchase ([^`\n;)]*)")
_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

LINKS = sorted({(name, link) for name, text in TEXTS.items() for link in _LINK.findall(text) if "://" not in link})
COMMANDS = sorted({found.strip() for text in TEXTS.values() for found in _COMMAND.findall(text)})


def anchors(file: Path) -> set[str]:
    """Names under which a document's headings can be linked."""
    titles = _HEADING.findall(_FENCED.sub("", file.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def table(text: str) -> list[list[str]]:
    """The rows of a table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def code(cell: str) -> str:
    """`name` -> name."""
    return cell.strip("`")


@pytest.mark.parametrize(("name", "link"), LINKS)
def test_links_lead_somewhere(name: str, link: str) -> None:
    path, _, anchor = link.partition("#")
    target = (ROOT / name).parent / path if path else ROOT / name
    assert target.exists()
    assert not anchor or anchor in anchors(target)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(line: str) -> None:
    """Every word of them: names, options, and that nothing needed is missing."""
    words, name = shlex.split(line, comments=True), "autopurchase"
    command: click.Command = cli
    while words and isinstance(command, click.Group) and not (command.invoke_without_command and words[0][0] == "-"):
        name = words.pop(0)
        assert name in command.commands
        command = command.commands[name]
    with command.make_context(name, words):
        pass


def test_commands_are_found_at_all() -> None:
    assert len(COMMANDS) > 25
    with pytest.raises(click.UsageError):
        test_commands_are_understood("plan --no-such-option")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        *((kind.manifest.id, (*kind.manifest.credentials, *kind.manifest.settings)) for kind in PROVIDERS.values()),
        *((kind.manifest.kind, kind.manifest.fields) for kind in SOURCES.values()),
    ],
)
def test_keys_are_those_of_the_manifest(name: str, fields: tuple[Field, ...]) -> None:
    rows = table(section(CONFIGURATION, f"Keys of `{name}`"))
    assert [(code(key), code(default)) for key, _, default in rows] == [(each.name, each.default) for each in fields]
    assert [code(key) for key, meaning, _ in rows if "**Needed.**" in meaning] == [
        each.name for each in fields if each.required
    ]


def test_variables_are_those_the_program_reads() -> None:
    read = {
        name
        for file in (ROOT / "autopurchase").rglob("*.py")
        for name in re.findall(r'"(AUTOPURCHASE_[A-Z_]+)"', file.read_text(encoding="utf-8"))
    }
    assert {code(row[0]) for row in table(section(CONFIGURATION, "Environment"))} == read


def test_plan_options_have_these_defaults() -> None:
    with cli.commands["plan"].make_context("plan", []) as made:
        found = {f"--{name.replace('_', '-')}": value for name, value in made.params.items()}
    listed = {code(name): default for name, _, default in table(section(CONFIGURATION, "Plans"))}
    assert listed == {name: "off" if found[name] is False else f"`{found[name]}`" for name in listed}


def test_exit_codes_are_listed() -> None:
    listed = {row[0] for row in table(section(CONFIGURATION, "Exit codes"))}
    assert {str(each) for each in (DONE, REFUSALS, WRONG_USE, UNKNOWN)} <= listed


def test_columns_of_the_order_file() -> None:
    rows = table(section(TEXTS["docs/order-file.md"], "Columns"))
    assert {code(name) for name, needed, _ in rows if needed == "yes"} == set(REQUIRED)
    assert {code(name) for name, needed, _ in rows if not needed} == set(OPTIONAL)


def test_the_example_of_the_order_file_can_be_imported(tmp_path: Path) -> None:
    found = re.search(r"```csv\n(.*?)```", TEXTS["docs/order-file.md"], re.DOTALL)
    assert found
    file = tmp_path / "orders.csv"
    file.write_text(found[1], encoding="utf-8")
    orders = list(read_orders(file))
    assert [len(order.lines) for order in orders if isinstance(order, ShopOrder)] == [2, 1]
