"""The one door (网关): Envoy carries the traffic as `gateway.compiler` tells it; the control plane is
a service like the others, which decides about API keys and quotas and serves integrators."""
