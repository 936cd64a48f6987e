"""Seeded faults under a workload, and a checker outside the stack that finds no broken promise."""
