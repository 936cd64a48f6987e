"""Pages for people: what a browser shows of an address that is printed or scanned."""
