"""Use cases, a class per noun. Each owns its transaction."""
