"""The page to compare with: 100 of 10,000 rows by LIMIT and OFFSET, three figures, a menu, paging. Nothing else.

Run by Streamlit; ``PAGE_FLOOR_DB`` names the SQLite file.
"""

import os
import sqlite3

import pandas as pd
import streamlit as st

SIZE = 100
COLUMNS = "number, item, seller, configuration, original, quantity, price, sum, currency, weight, state, age"

st.set_page_config(page_title="floor", layout="wide")
connection = sqlite3.connect(os.environ["PAGE_FLOOR_DB"])
count = connection.execute("select count(*) from goods where state = 'ready'").fetchone()[0]
for column, label, figure in zip(st.columns(3), ("Rows", "Pages", "A page"), (count, count // SIZE, SIZE), strict=True):
    column.metric(label, figure)
st.selectbox("Order", ("oldest", "newest"))
place = st.pagination(count // SIZE, key="page", max_visible_pages=5)
rows = connection.execute(
    f"select {COLUMNS} from goods where state = 'ready' order by age limit ? offset ?", (SIZE, (place - 1) * SIZE)
).fetchall()
st.dataframe(
    pd.DataFrame(rows, columns=COLUMNS.split(", ")),
    key="goods",
    on_select="rerun",
    selection_mode="multi-row",
    hide_index=True,
    height=440,
)
connection.close()
