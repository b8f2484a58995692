"""What the pages are made of. The only package code that imports Streamlit."""
