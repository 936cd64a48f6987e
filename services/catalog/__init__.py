"""Owns vocabularies, uploads, resources and their versions, review, search.

It never carries file bytes, and never returns to anyone what is not published to them.
"""
