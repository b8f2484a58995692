"""What stands around every page: the worker behind it, the demo banner, and what the last action said."""

from __future__ import annotations

import streamlit as st

from autopurchase import demo
from autopurchase.ui import feedback, keeper
from autopurchase.ui.words import _
from autopurchase.ui.workspace import context, workspace


def run(page: st.Page) -> None:
    """Open the workspace and run the page; what goes wrong is said as a sentence, never as a stack of code."""
    with feedback.shown():
        _open_workspace()
        page.run()


def _open_workspace() -> None:
    """See to the worker, and draw what belongs above every page."""
    opened = workspace()
    keeper.keep_worker(opened)
    st.logo(":material/shopping_cart_checkout:", size="small")
    if _is_demo():
        _banner()
    feedback.show()


@st.cache_data(ttl=30, max_entries=1, show_spinner=False)
def _is_demo() -> bool:
    return bool(demo.address(context()))


def _banner() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="demo-banner", gap="small"):
        st.badge(_("Demo"), icon=":material/science:", color="orange", width="content")
        st.caption(
            _("A practice marketplace on this computer: nothing here is real, and nothing is spent."), width="content"
        )
        st.page_link("pages/admin/sessions.py", label=_("Connect a real account"), icon=":material/key:")
