"""Wire shapes, a file per noun; only routes see them."""
