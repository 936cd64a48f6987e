"""Benchmarks: each job beside a limit measured in the same run.

The machine may be shared and noisy, so a figure alone says little. Limit and subject take turns in
short rounds; the median of the rounds' ratios is what counts.
"""
