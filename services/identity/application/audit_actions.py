"""What the audit trail calls the things that are done here."""

from services.identity.application.organisations_ports import Change
from services.identity.domain.clients import ClientAction
from services.identity.domain.people import Action

ACTIONS = frozenset(
    {
        *("api_key.issued", "api_key.revoked", "audit.exported", "authorization.ended"),
        *("client.authorized", "client.consent_withdrawn", "client.consented", "client.denied"),
        *("client.requested", "client.secret_added", "client.secret_revoked"),
        *(f"client.{action}" for action in ClientAction),
        *("consent.give", "consent.withdraw", "consent-purpose.publish"),
        *("guardianship.change", "guardianship.claim", "guardianship.create"),
        *("guardianship.end", "guardianship.verify"),
        *("import.apply", "import.start", "invitation.issued", "invitation.used"),
        *("membership.change", "membership.end", "membership.start"),
        *(f"organisation.{change}" for change in Change),
        *("password.changed", "people.duplicates.search"),
        *("person.change", "person.identifier.remove", "person.identifier.set", "person.import"),
        *("person.invite", "person.provision", "person.read"),
        *(f"person.{action}" for action in Action),
        *("recovery_code.used", "recovery_codes.issued", "role.grant", "role.revoke"),
        *("roster.export", "second_factor.added", "second_factor.removed"),
        *("session.revoked", "session.started", "sign_in.refused"),
        *("signing_key.created", "signing_key.entered", "token.revoked"),
    }
)
