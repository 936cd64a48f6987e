"""Wire shapes; only routes see them."""
