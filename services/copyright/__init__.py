"""Owns registrations, licences, the transparency log and its evidence.

It never signs what cannot be read back, and never puts personal data into the log.
"""
