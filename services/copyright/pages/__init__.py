"""Pages for people: a registration by its code, and a check of a file that never leaves them."""
