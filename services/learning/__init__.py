"""Owns learning spaces, courses, homework, activity records, progress, the growth archive.

It never acknowledges what is not committed, and never stores a name beside an activity.
"""
