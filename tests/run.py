"""The one test command: `python3 tests/run.py`. Needs nothing but Python; fetches what is missing.

    python3 tests/run.py              everything: ruff, mypy, pytest with real servers and a browser
    python3 tests/run.py --quick      lint and the tests that need no server
    python3 tests/run.py -k weekly    other arguments go to pytest

As root on Debian, missing system packages are installed. What cannot be had is named and its tests are
skipped; with CI=true nothing may be skipped, so there it is a failure.
"""

import glob
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv-test"
NPM = "--ignore-scripts --no-audit --no-fund --loglevel error".split()
#: real shop, folder in tests → how npm brings it. Medusa's lock file leaves out packages of other systems, which only
#: "npm install" forgives
SHOPS = {"shop": ["npm", "ci", *NPM], "medusa": ["npm", "install", "--no-save", *NPM]}
NEEDS = (ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt")
SLOW = ("browser", "postgres", "node", "faults", "bench")
OLDEST_NODE = 20


def main(arguments: list[str]) -> int:
    """Prepare, check, test. 0 when every stage passed."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of processes would each compile the program anew
    quick = "--quick" in arguments
    rest = [word for word in arguments if word != "--quick"]
    prepare_python()
    missing = [] if quick else prepare_system()
    for reason in missing:
        say(f"MISSING, its tests are {'failures' if on_ci() else 'skipped'}: {reason}")
    failed = [name for name, words in lint_stages() if not stage(name, words)]
    tested = stage("pytest", [*pytest_words(quick), *rest])
    if failed:
        say(f"FAILED: {', '.join(failed)}")
    return int(bool(failed) or not tested)


def lint_stages() -> list[tuple[str, list[str]]]:
    """The checks that only read the code."""
    return [
        ("ruff check", [tool("ruff"), "check", "."]),
        ("ruff format", [tool("ruff"), "format", "--check", "."]),
        ("mypy", [tool("mypy")]),
    ]


def pytest_words(quick: bool) -> list[str]:
    """Three processes, as shops and browsers are waited for; tests of one group stay in one (tests/conftest.py)."""
    words = [tool("python"), "-m", "pytest", "-n", "3", "--dist", "loadgroup", "--durations", "10"]
    return [*words, "-m", " and ".join(f"not {mark}" for mark in SLOW)] if quick else words


def prepare_python() -> None:
    """A virtual environment beside the code, renewed when a requirements file changed."""
    stamp = VENV / "requirements.sha256"
    wanted = digest(*NEEDS)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    run("virtual environment", [sys.executable, "-m", "venv", str(VENV)])
    run("packages", [tool("python"), "-m", "pip", "install", "--quiet", "-r", str(NEEDS[1])])
    stamp.write_text(wanted, encoding="utf-8")


def prepare_system() -> list[str]:
    """Fetch browser, fonts, database server and shops; what remains missing, each with what to do."""
    install_packages([package for package, there in system_packages().items() if not there])
    missing = [f"{package}: apt-get install {package}" for package, there in system_packages().items() if not there]
    return [*missing, *prepare_shops()]


def system_packages() -> dict[str, bool]:
    """Debian package → whether what it brings is there."""
    return {
        "chromium": bool(shutil.which("chromium") or shutil.which("chromium-browser")),
        "fonts-noto-cjk": chinese_font(),
        "postgresql": bool(glob.glob("/usr/lib/postgresql/*/bin/initdb") or shutil.which("initdb")),
    }


def chinese_font() -> bool:
    """Whether pages in Chinese can be drawn."""
    return shutil.which("fc-list") is not None and bool(output(["fc-list", ":lang=zh"]).strip())


def install_packages(packages: list[str]) -> None:
    """By apt, when we may."""
    if not packages or shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    attempt("apt-get update", ["apt-get", "-qq", "update"], env=env)
    install = ["apt-get", "-qq", "-y", "--no-install-recommends", "install", *packages]
    attempt(" ".join(["apt-get install", *packages]), install, env=env)


def prepare_shops() -> list[str]:
    """Install the real shops by their lock files; why some cannot be had."""
    if node_version() < OLDEST_NODE or shutil.which("npm") is None:
        return [f"Node.js {OLDEST_NODE} or newer, with npm"]
    return [reason for name, words in SHOPS.items() if (reason := prepare_shop(ROOT / "tests" / name, words))]


def prepare_shop(folder: Path, words: list[str]) -> str:
    """Install one shop, unless its lock file is that of the last time; why it cannot be had, or nothing."""
    stamp = folder / "node_modules" / "lock.sha256"
    wanted = digest(folder / "package-lock.json")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return ""
    name = f"{' '.join(words[:2])} in tests/{folder.name}"
    if not attempt(name, words, cwd=folder):
        return f"the packages of tests/{folder.name}: {' '.join(words[:2])} failed"
    stamp.write_text(wanted, encoding="utf-8")
    return ""


def node_version() -> int:
    """Major version of Node.js; 0 when there is none."""
    if shutil.which("node") is None:
        return 0
    return int(output(["node", "--version"]).lstrip("v").split(".")[0])


def tool(name: str) -> str:
    """A program of the virtual environment."""
    return str(VENV / "bin" / name)


def digest(*files: Path) -> str:
    """What tells one state of `files`, read by this Python, from another."""
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(sys.version.encode() + content).hexdigest()


def on_ci() -> bool:
    """Whether this is CI, by the variable that CI services set."""
    return os.environ.get("CI", "").lower() == "true"


def output(words: list[str]) -> str:
    """What a command prints."""
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def stage(name: str, words: list[str]) -> bool:
    """Run one stage, its output as it comes; whether it passed."""
    say(name)
    return subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode == 0


def attempt(name: str, words: list[str], *, cwd: Path = ROOT, env: dict[str, str] | None = None) -> bool:
    """Run a step of the preparation, showing its output only if it fails; whether it succeeded."""
    started = time.monotonic()
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    say(f"{name}: {'done' if done.returncode == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s")
    if done.returncode != 0:
        say(done.stdout.decode(errors="replace")[-4000:])
    return done.returncode == 0


def run(name: str, words: list[str]) -> None:
    """A step without which nothing can go on."""
    if not attempt(name, words):
        raise SystemExit(f"cannot go on without: {name}")


def say(text: str) -> None:
    """To standard error: standard output ends with pytest's summary."""
    print(f"— {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
