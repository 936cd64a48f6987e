"""Files as teachers have them, of every accepted format, made by the libraries that make such."""
