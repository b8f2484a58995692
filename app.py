"""The frame: page settings, person, language, role -> pages. Nothing else."""

import streamlit as st

from autopurchase.ui import frame, guard, words

st.set_page_config(page_title="autopurchase", page_icon=":material/shopping_cart_checkout:", layout="wide")
person = guard.sign_in()
words.use(person.language)
page = st.navigation(guard.pages_for(person), position="top")
frame.run(page)
