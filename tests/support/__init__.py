"""Real parts for the tests: processes, PostgreSQL, a shop, a browser."""
