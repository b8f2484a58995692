"""Who is here and what they may see. The first statement of every page is `require`."""

from __future__ import annotations

import getpass
from dataclasses import dataclass

import streamlit as st

from autopurchase.domain.roles import Actor, Role
from autopurchase.ui.words import _

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the pages."""

    name: str
    role: Role
    language: str

    @property
    def actor(self) -> Actor:
        """The person as services know them."""
        return Actor(self.name, self.role)


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of the menu: file, title, address, icon, what it is for, and who may see it."""

    file: str
    title: str
    path: str
    icon: str
    help: str
    role: Role
    hidden: bool = False  # opened from other pages, not from the menu


def entries() -> list[Entry]:
    """Every page, in menu order."""
    return [
        Entry(
            "pages/manage/overview.py",
            _("Overview"),
            "overview",
            "monitoring",
            _("How much waits, how old it is, what is stuck"),
            Role.VIEWER,
        ),
        Entry(
            "pages/manage/weekly.py",
            _("Weekly"),
            "weekly",
            "calendar_view_week",
            _("What was booked and what was bought, week by week"),
            Role.VIEWER,
        ),
        Entry(
            "pages/manage/sync.py",
            _("Sync status"),
            "sync",
            "sync",
            _("How fresh every session is, and how calls go"),
            Role.OPERATOR,
        ),
        Entry(
            "pages/manage/lines.py",
            _("Lines behind a number"),
            "lines",
            "table_rows",
            _("What a figure is made of"),
            Role.VIEWER,
            hidden=True,
        ),
        Entry(
            "pages/operate/ready.py",
            _("Ready for purchase"),
            "ready",
            "shopping_cart",
            _("Paid lines: pick, check, book"),
            Role.OPERATOR,
        ),
        Entry(
            "pages/operate/purchased.py",
            _("Goods purchased"),
            "purchased",
            "local_shipping",
            _("What was booked, paid and sent"),
            Role.OPERATOR,
        ),
        Entry(
            "pages/manage/pay.py",
            _("Pay list"),
            "pay",
            "payments",
            _("What is unpaid, what may be paid, and where"),
            Role.OPERATOR,
        ),
        Entry(
            "pages/operate/order.py", _("Order"), "order", "receipt_long", _("Everything about one order"), Role.VIEWER
        ),
        Entry(
            "pages/operate/journal.py",
            _("Journal"),
            "journal",
            "menu_book",
            _("Every operation, newest first"),
            Role.VIEWER,
        ),
        Entry(
            "pages/operate/desk.py",
            _("Desk"),
            "desk",
            "balance",
            _("Where we and the marketplaces differ"),
            Role.VIEWER,
        ),
        Entry(
            "pages/operate/mapping.py",
            _("Mapping"),
            "mapping",
            "alt_route",
            _("What is bought for a shop's product"),
            Role.OPERATOR,
        ),
        Entry(
            "pages/admin/sessions.py", _("Sessions"), "sessions", "key", _("Purchasing accounts"), Role.ADMINISTRATOR
        ),
        Entry(
            "pages/admin/sources.py",
            _("Sources"),
            "sources",
            "storefront",
            _("Shops that paid orders come from"),
            Role.ADMINISTRATOR,
        ),
    ]


def sign_in() -> Person:
    """The person at this browser. Without a sign-in service, one local administrator on this computer only."""
    if st.get_option("server.address") not in LOOPBACK:
        st.error(
            _("People cannot sign in here yet, so pages open on this computer only: set server.address to 127.0.0.1.")
        )
        st.stop()
    return local_person()


def local_person() -> Person:
    """Whoever runs the server, as administrator."""
    return Person(getpass.getuser(), Role.ADMINISTRATOR, (st.context.locale or "en").replace("-", "_"))


def pages_for(person: Person) -> list[st.Page]:
    """The pages this person may see; the first is the landing page at ``/``."""
    allowed = [entry for entry in entries() if person.role >= entry.role]
    return [
        st.Page(
            entry.file,
            title=entry.title,
            url_path=entry.path,
            icon=f":material/{entry.icon}:",
            help=entry.help,
            default=place == 0,
            visibility="hidden" if entry.hidden else "visible",
        )
        for place, entry in enumerate(allowed)
    ]


def require(role: str) -> Person:
    """The person, if their role (or a higher one) allows the page; otherwise say so and stop."""
    person = sign_in()
    if person.role < Role[role.upper()]:
        st.error(_("This page needs the role {role}; ask an administrator.").format(role=role))
        st.stop()
    return person
