"""All SQL of the product: one schema on SQLite and PostgreSQL. Functions take a connection; the caller commits."""
