"""Checks copyright evidence and the public log without trusting whoever runs them.

Apart from the writer: the standard library, libcrypto and the ``openssl`` program only. Every
module here but the monitor and this package's own build also stands in the ``verify.py`` that
travels inside an evidence bundle, so their top-level names never repeat and they import one
another by name.
"""
