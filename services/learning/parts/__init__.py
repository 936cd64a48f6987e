"""The parts of the service: each built from the runtime and the settings."""
