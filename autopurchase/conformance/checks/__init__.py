"""The checks, one file a subject. Each is a plain pytest function with one mark (`marks.check`)."""
