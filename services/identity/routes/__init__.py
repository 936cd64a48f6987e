"""A file per resource: parse, call the use case, present."""
