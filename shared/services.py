"""The services by name, and the package that each lives in."""

PACKAGES = {
    "identity": "services.identity",
    "catalog": "services.catalog",
    "learning": "services.learning",
    "copyright": "services.copyright",
    "gateway": "gateway",
}
"""The gateway's control plane is a service like the others; its package also compiles the door."""

SERVICES = tuple(PACKAGES)
