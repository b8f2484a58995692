"""Rules and types of the product; imports nothing but the standard library."""
