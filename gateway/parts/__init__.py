"""The parts of the service, each built by one function; `app.py` puts them together."""
