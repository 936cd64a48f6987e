"""A province to show around in (演示省): made by use cases, used through the real sign-in."""
