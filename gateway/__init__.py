"""Control plane of the gateway: Envoy carries the traffic, this says how every component fares.

It holds no business rule and reshapes no body.
"""
