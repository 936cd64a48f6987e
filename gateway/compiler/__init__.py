"""Envoy's configuration, compiled from the contracts, one policy file and where things run.

What no contract names has no route. Nothing here runs while requests are served.
"""
