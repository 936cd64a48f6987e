"""Owns people, organisations, roles, consent, and the OpenID provider.

It calls no other service; it never lets a personal identifier out in an event or a log.
"""
