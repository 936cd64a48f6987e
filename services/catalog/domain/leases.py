"""Leases (租约): how long work stays a worker's of which nothing is heard."""

from datetime import timedelta

LEASE = timedelta(seconds=20)
RENEWED = timedelta(seconds=5)
"""So often, while the worker lives: one renewal or two may come to nothing."""
SILENT = LEASE - 2 * RENEWED
"""With no more than that left of its lease, work is told as waiting."""
