"""The conformance suite, for every line of `PROVIDERS` on one practice marketplace (`autopurchase.conformance`)."""

from importlib import import_module

from autopurchase.conformance.checks.create import *  # noqa: F403
from autopurchase.conformance.checks.following import *  # noqa: F403
from autopurchase.conformance.checks.lookup import *  # noqa: F403
from autopurchase.conformance.checks.preview import *  # noqa: F403
from autopurchase.conformance.checks.secrecy import *  # noqa: F403
from autopurchase.conformance.checks.session import *  # noqa: F403
from autopurchase.conformance.checks.unknown import *  # noqa: F403
from autopurchase.conformance.run import SUBJECTS


def test_no_check_of_the_suite_is_missing_here() -> None:
    modules = [import_module(f"autopurchase.conformance.checks.{subject}") for subject in SUBJECTS]
    checks = [name for module in modules for name in vars(module) if name.startswith("test_")]
    assert len(checks) == len(set(checks)) > 50
    assert all(globals()[name] for name in checks)
