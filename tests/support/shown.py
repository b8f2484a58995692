"""Reading pages as a person does: every number there is on one, with the address that it leads to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Dataframe, Element, Metric, PageLink

from tests.support.pages import sound

FIGURE_SPACE = "\u2007"
LINES = "lines"
_WORDS = ("caption", "markdown", "title", "header", "subheader", "text", "info", "warning", "error", "success")


@dataclass(frozen=True, slots=True)
class Shown:
    """One number: where it stands, what it says, and the query of its lines (empty: it leads nowhere).

    ``linked``: whether its place is one whose numbers lead to their lines, were there any.
    """

    where: str
    told: str
    query: str = ""
    linked: bool = False

    @property
    def nothing(self) -> bool:
        """Whether nothing was counted, so that no line can be behind it."""
        return not re.search(r"[1-9]", self.told)


def numbers(app: AppTest) -> list[Shown]:
    """Every number on the page: cards, cells of tables, points of charts, and words with digits in them."""
    found: list[Shown] = []
    for element in _elements(app.main):
        if isinstance(element, Dataframe):
            found += _cells(element)
        elif element.type == "plotly_chart":
            found += _points(element)
        elif element.type in _WORDS and re.search(r"\d", str(element.value)):
            found.append(Shown(f"words: {element.value}", str(element.value)))
        elif isinstance(element, PageLink) and re.search(r"\d", element.value):
            found.append(_led(element))
    return found + list(_cards(app.main))


def _elements(block: Block) -> Iterator[Element]:
    for child in block.children.values():
        if isinstance(child, Block):
            yield from _elements(child)
        else:
            yield child


def _cards(block: Block) -> Iterator[Shown]:
    """Metrics, each with the link in its own frame."""
    own = list(block.children.values())
    queries = [link.proto.query_string for link in own if isinstance(link, PageLink) and link.proto.page == LINES]
    for child in own:
        if isinstance(child, Block):
            yield from _cards(child)
        elif isinstance(child, Metric):
            label = child.label.rpartition(":] ")[2]
            yield Shown(f"card: {label}", child.value, queries[0] if queries else "", linked=bool(queries))


def _cells(table: Dataframe) -> Iterator[Shown]:
    frame = table.value
    for name in frame.columns:
        for cell in frame[name]:
            if re.search(r"[\d#]", str(cell)):
                yield _cell(f"{table.proto.alt}: {name}", str(cell))


def _cell(where: str, cell: str) -> Shown:
    address, mark, told = cell.partition("#")
    if not mark:
        return Shown(where, _plain(cell))
    path = urlsplit(address)
    query = path.query if path.path.rpartition("/")[2] == LINES else ""
    return Shown(where, _plain(unquote(told)), query, linked=bool(query) or not address)


def _plain(told: str) -> str:
    return told.replace(FIGURE_SPACE, " ").strip()


def _points(chart: Element) -> Iterator[Shown]:
    drawn = json.loads(chart.proto.spec)
    yield Shown(f"title of chart {chart.key}", str(drawn["layout"]["title"]["text"]))
    for trace in drawn["data"]:
        where = f"chart {chart.key}: {trace.get('name') or trace['type']}"
        values = trace["x" if trace.get("orientation") == "h" else "y"]
        for value, query in zip(values, trace.get("customdata") or [""] * len(values), strict=True):
            yield Shown(where, _as_counted(value, query), query, linked="customdata" in trace)


def _as_counted(value: Any, query: str) -> str:
    """A point's value as the page of its lines writes it."""
    measure = json.loads(parse_qs(query)["behind"][0])[1] if query else ""
    if measure == "share":
        return f"{value:.1f} %"
    return f"{value:,.2f}" if measure == "amount" else f"{value:,}"


def _led(link: PageLink) -> Shown:
    query = link.proto.query_string if link.proto.page == LINES else ""
    words = re.sub(r":\w+\[|[\]*]", "", link.value)
    count = re.match(r"[\d,]+", words)
    return Shown(f"link to {link.proto.page}: {words}", count[0] if count and query else words, query, bool(query))


def click_point(app: AppTest, key: str, query: str) -> AppTest:
    """Click the point of a chart that leads to ``query``, as a browser reports it, and run."""
    (chart,) = (each for each in _elements(app.main) if each.type == "plotly_chart" and each.key == key)
    states = app._tree.get_widget_states()
    picked = {"selection": {"points": [{"customdata": query}], "point_indices": [0], "box": [], "lasso": []}}
    states.widgets.append(WidgetState(id=chart.proto.id, string_value=json.dumps(picked)))
    return sound(app._run(states))


def chart_keys(app: AppTest) -> Mapping[str, str]:
    """Chart -> the query of its first point that leads to lines."""
    found: dict[str, str] = {}
    for element in _elements(app.main):
        if element.type == "plotly_chart":
            queries = [point.query for point in _points(element) if point.query]
            found |= {str(element.key): queries[0]} if queries else {}
    return found
