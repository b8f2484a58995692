"""What an action answered: run it, and show its outcome after the rerun that follows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import uuid4

import streamlit as st

from autopurchase.domain.errors import AutopurchaseError
from autopurchase.ui import tables
from autopurchase.ui.words import _

_FLASH = "frame.flash"
_LAST = "frame.last_run"
_log = logging.getLogger(__name__)
T = TypeVar("T")


def attempt(action: Callable[[], T]) -> T | None:
    """Run an action inside a callback; None when it failed, and the reason is shown by `show`."""
    try:
        return action()
    except AutopurchaseError as error:
        say("error", error.sentence)
    except Exception as error:
        say("error", unexpected(error))
    return None


def say(kind: str, text: str, run: int | None = None) -> None:
    """Keep a message (``toast``, ``success`` or ``error``) for the next drawing; ``run`` adds a link to its cell."""
    st.session_state.setdefault(_FLASH, []).append((kind, text, run))


def queued(run: int) -> None:
    """Say that run ``run`` was queued."""
    say("toast", _("Queued as run {n}.").format(n=run), run)


def waiting() -> bool:
    """Whether actions have said something since the last drawing."""
    return bool(st.session_state.get(_FLASH))


def show() -> None:
    """Draw what actions have said since the last drawing."""
    for kind, text, run in st.session_state.pop(_FLASH, []):
        if run is not None:
            st.session_state[_LAST] = run
        if kind == "error":
            st.error(text, icon=":material/error:")
        elif kind == "success":
            st.success(text, icon=":material/check_circle:")
        else:
            st.toast(text, icon=":material/check_circle:")


def last_run() -> None:
    """A link to the journal cell of this tab's last action, where the page wants it."""
    run = st.session_state.get(_LAST)
    if run is not None:
        tables.cell_link(run, _("Run {n} in the journal").format(n=run), ":material/menu_book:")


@contextmanager
def shown() -> Iterator[None]:
    """Show what goes wrong inside as a sentence in its place."""
    try:
        yield
    except AutopurchaseError as error:
        st.error(error.sentence, icon=":material/error:")
    except Exception as error:
        st.error(unexpected(error), icon=":material/error:")


def unexpected(error: Exception) -> str:
    """Log a defect and return the sentence, with the id under which the log has it."""
    mark = uuid4().hex[:8]
    _log.error("unexpected error %s", mark, exc_info=error)
    return _("Something went wrong that should not. The log has it under {id}.").format(id=mark)
