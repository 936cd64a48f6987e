"""Bulk imports and their rows."""
