"""xAPI 1.0.3 and 2.0.0 (IEEE 9274.1.1): what a statement is, and when two are the same."""
