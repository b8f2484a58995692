"""The rules of the code's structure, each a function from a folder to the violations found in it.

A violation names the file, what it does, and why that is not allowed.
"""

import ast
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# From the bottom up: a module may import from its own layer and from those before it, never from a later one.
LAYERS = [
    {"domain"},
    {"storage", "ports", "settings"},
    {"services", "reports", "engine", "providers", "sources", "sandbox"},
    {"wiring"},
    {"following", "demo", "conformance", "push"},
    {"ui"},
    {"__init__", "__main__", "api", "cli", "app", "pages"},
]
LEVEL = {group: level for level, groups in enumerate(LAYERS) for group in groups}
# Neighbours of one layer that must not know each other, and why.
STRANGERS = {
    "services": ({"providers", "sources", "engine", "sandbox"}, "services meet the outside only as Protocols in ports"),
    "providers": ({"sandbox"}, "a provider must not know the marketplace that is tested with it"),
    "sources": ({"sandbox"}, "a source must not know the marketplace that is tested with it"),
    "sandbox": (
        {"domain", "storage", "ports", "services", "reports", "engine", "providers", "sources"},
        "the sandbox checks our providers: a mistake in shared code would be seen by neither",
    ),
}
# Package → groups that may import it, and why.
KEEPERS = {
    "streamlit": ({"ui", "app", "pages"}, "worker, command line and notebooks run without pages"),
    "sqlalchemy": ({"storage", "engine", "wiring"}, "all SQL is in storage; the others call it"),
    "alembic": ({"storage"}, "migrations belong to storage"),
    "dbos": ({"engine"}, "the engine can be exchanged only while nobody else knows it"),
    "pytest": ({"conformance"}, "only the suite that a provider must pass runs tests"),
}

Rule = Callable[[Path], Iterator[str]]


@dataclass(frozen=True)
class Use:
    """One import: the file, the group it belongs to, the dotted name imported."""

    file: Path
    group: str
    name: str

    @property
    def target(self) -> str | None:
        """The group of ours that is imported; None for somebody else's package."""
        head, _, rest = self.name.partition(".")
        if head != "autopurchase":
            return head if head in {"app", "pages"} else None
        return rest.partition(".")[0] or "__init__"


def uses(root: Path) -> Iterator[Use]:
    """Every import of the product, also those inside functions and for type checking only."""
    for file in product_files(root):
        for name in _imported(file, root):
            yield Use(file.relative_to(root), group_of(file.relative_to(root)), name)


def product_files(root: Path) -> list[Path]:
    """The Python files of the product, in order."""
    found = [*root.glob("autopurchase/**/*.py"), *root.glob("pages/**/*.py"), root / "app.py"]
    return sorted(file for file in found if file.is_file())


def group_of(file: Path) -> str:
    """The part of the design a file (path from the root) belongs to."""
    parts = file.with_suffix("").parts
    return parts[1] if parts[0] == "autopurchase" else parts[0]


def points_downwards(root: Path) -> Iterator[str]:
    """Data and knowledge flow one way: no import from a layer above, no unplaced module."""
    for use in uses(root):
        if use.group not in LEVEL:
            yield f"{use.file}: {use.group!r} has no layer; give it one in LAYERS"
        elif use.target is not None and use.target not in LEVEL:
            yield f"{use.file}: imports {use.name}, which has no layer; give it one in LAYERS"
        elif use.target is not None and LEVEL[use.target] > LEVEL[use.group]:
            yield f"{use.file}: imports {use.name} from a layer above; imports point downwards only"


def goes_in_no_circle(root: Path) -> Iterator[str]:
    """Two groups that need each other are one group in disguise."""
    needs: dict[str, set[str]] = {}
    for use in uses(root):
        if use.target and use.target != use.group:
            needs.setdefault(use.group, set()).add(use.target)
    for group in sorted(needs):
        if group in _reachable(needs, group):
            yield f"{group}: its imports lead back to itself; break the circle"


def keeps_strangers_apart(root: Path) -> Iterator[str]:
    """Some neighbours must not know each other."""
    for use in uses(root):
        forbidden, why = STRANGERS.get(use.group, (set(), ""))
        if use.target in forbidden:
            yield f"{use.file}: imports {use.name}; {why}"


def keeps_packages_in_place(root: Path) -> Iterator[str]:
    """Each big dependency has one home."""
    for use in uses(root):
        allowed, why = KEEPERS.get(use.name.partition(".")[0], ({use.group}, ""))
        if use.group not in allowed:
            yield f"{use.file}: imports {use.name}; {why}"


def domain_is_plain_python(root: Path) -> Iterator[str]:
    """Rules that need nothing installed can be read, tested and trusted alone."""
    for use in uses(root):
        foreign = use.target is None and use.name.partition(".")[0] not in sys.stdlib_module_names
        if use.group == "domain" and foreign:
            yield f"{use.file}: imports {use.name}; domain uses the standard library only"


def pages_lie_in_folders(root: Path) -> Iterator[str]:
    """A page directly in pages/ is served by Streamlit's old mode without app.py, sign-in included."""
    for file in sorted(root.glob("pages/*.py")):
        yield f"{file.relative_to(root)}: lies directly in pages/; a deep link would skip the sign-in"


def pages_begin_with_the_guard(root: Path) -> Iterator[str]:
    """A page hidden from the menu still has an address: its first act is to check the role."""
    for file in sorted(root.glob("pages/**/*.py")):
        if not _begins_with_guard(ast.parse(file.read_text(encoding="utf-8"))):
            yield f'{file.relative_to(root)}: the first statement after imports must call guard.require("…")'


def config_is_safe(root: Path) -> Iterator[str]:
    """Settings that keep a page from printing by accident or from being reached from outside."""
    file = root / ".streamlit" / "config.toml"
    config = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    wanted = {
        ("runner", "magicEnabled"): (False, "a stray expression would print itself into the page"),
        ("runner", "enforceSerializableSessionState"): (True, "state must survive a restart of the server"),
        ("server", "address"): ("127.0.0.1", "nobody outside may reach an unprotected workspace"),
        ("server", "enableXsrfProtection"): (True, "another site could act in the person's name"),
        ("client", "showErrorDetails"): ("none", "a traceback on a page may hold somebody's data"),
    }
    for (section, option), (value, why) in wanted.items():
        if config.get(section, {}).get(option) != value:
            yield f".streamlit/config.toml: {section}.{option} must be {value!r}; {why}"


RULES: list[Rule] = [
    points_downwards,
    goes_in_no_circle,
    keeps_strangers_apart,
    keeps_packages_in_place,
    domain_is_plain_python,
    pages_lie_in_folders,
    pages_begin_with_the_guard,
    config_is_safe,
]


def _imported(file: Path, root: Path) -> Iterator[str]:
    package = file.relative_to(root).parent.parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*start, *([node.module] if node.module else [])])
            yield from _from(module, [alias.name for alias in node.names])


def _from(module: str, names: list[str]) -> Iterator[str]:
    """`from autopurchase import storage` means the part; a name of the public API means the whole."""
    if module == "autopurchase":
        yield from (f"{module}.{name}" if name in LEVEL else module for name in names)
    else:
        yield module


def _reachable(needs: dict[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = set(needs.get(start, ()))
    while waiting:
        group = waiting.pop()
        seen.add(group)
        waiting |= needs.get(group, set()) - seen
    return seen


def _begins_with_guard(tree: ast.Module) -> bool:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node, tree):
            continue
        call = node.value if isinstance(node, ast.Assign | ast.Expr) else None
        return isinstance(call, ast.Call) and ast.unparse(call.func) == "guard.require" and bool(call.args)
    return False


def _is_docstring(node: ast.stmt, tree: ast.Module) -> bool:
    return node is tree.body[0] and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
