"""Rules, errors and events; no framework, no I/O."""
