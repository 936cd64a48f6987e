"""Who speaks for an application: itself, and who answers for its organisation."""

from shared.access import Role, Rule

INTEGRATE = Rule("integrate", frozenset({Role.INTEGRATOR, Role.ADMINISTRATOR}))
