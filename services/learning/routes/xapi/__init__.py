"""The xAPI resources, each at two base paths: one a version."""
