"""clients, authorizations, codes, signing keys"""

from alembic import op

revision = "identity_0003"
down_revision = "identity_0002"

_TABLES = """
CREATE TABLE signing_keys (
    kid TEXT NOT NULL,
    ring TEXT NOT NULL,
    state TEXT NOT NULL,
    public_key JSONB NOT NULL,
    private_key BYTEA,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    entered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_signing_keys PRIMARY KEY (kid)
);
CREATE UNIQUE INDEX uq_signing_keys_ring ON signing_keys (ring, state) WHERE state IN ('next', 'active');
COMMENT ON COLUMN signing_keys.kid IS 'RFC 7638 thumbprint';
COMMENT ON COLUMN signing_keys.ring IS 'access id';
COMMENT ON COLUMN signing_keys.state IS 'next active retiring gone';
COMMENT ON COLUMN signing_keys.private_key IS 'encrypted JWK, erased when gone';
COMMENT ON COLUMN signing_keys.entered_at IS 'when it entered its state';
CREATE TABLE clients (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    application_type TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    redirect_uris TEXT[] NOT NULL,
    post_logout_redirect_uris TEXT[] NOT NULL,
    jwks JSONB,
    scopes TEXT[] NOT NULL,
    grant_types TEXT[] NOT NULL,
    pkce_required BOOLEAN NOT NULL,
    trusted BOOLEAN NOT NULL,
    quota_class TEXT NOT NULL,
    state TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_clients PRIMARY KEY (id),
    CONSTRAINT fk_clients_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id)
);
CREATE INDEX ix_clients_organisation_id ON clients (organisation_id);
COMMENT ON COLUMN clients.id IS 'the client_id';
COMMENT ON COLUMN clients.application_type IS 'web native';
COMMENT ON COLUMN clients.jwks IS 'public keys of private_key_jwt';
COMMENT ON COLUMN clients.trusted IS 'of the platform: no consent page';
CREATE TABLE api_keys (
    id TEXT NOT NULL,
    client_id UUID NOT NULL,
    name TEXT NOT NULL,
    hash BYTEA NOT NULL,
    scopes TEXT[] NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_api_keys PRIMARY KEY (id),
    CONSTRAINT fk_api_keys_client_id FOREIGN KEY(client_id) REFERENCES clients (id)
);
CREATE INDEX ix_api_keys_client_id ON api_keys (client_id);
COMMENT ON COLUMN api_keys.id IS 'the eight characters after sy_';
COMMENT ON COLUMN api_keys.hash IS 'SHA-256 of the whole key';
COMMENT ON COLUMN api_keys.last_used_at IS 'to the minute';
CREATE TABLE authorizations (
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    person_id UUID NOT NULL,
    session_id UUID,
    scopes TEXT[] NOT NULL,
    claims JSONB NOT NULL,
    auth_time TIMESTAMP WITH TIME ZONE NOT NULL,
    acr TEXT NOT NULL,
    amr TEXT[] NOT NULL,
    refresh_handle BYTEA,
    refresh_hash BYTEA,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_authorizations PRIMARY KEY (id),
    CONSTRAINT fk_authorizations_client_id FOREIGN KEY(client_id) REFERENCES clients (id),
    CONSTRAINT fk_authorizations_person_id FOREIGN KEY(person_id) REFERENCES people (id),
    CONSTRAINT uq_authorizations_refresh_handle UNIQUE (refresh_handle)
);
CREATE INDEX ix_authorizations_expires_at ON authorizations (expires_at);
CREATE INDEX ix_authorizations_person_id ON authorizations (person_id);
COMMENT ON COLUMN authorizations.id IS 'the token family';
COMMENT ON COLUMN authorizations.session_id IS 'none for a device, whose tokens outlive it';
COMMENT ON COLUMN authorizations.claims IS 'asked for by name: userinfo, id_token';
COMMENT ON COLUMN authorizations.refresh_handle IS 'SHA-256, same for every refresh';
COMMENT ON COLUMN authorizations.refresh_hash IS 'SHA-256 of the one refresh token that is good';
COMMENT ON COLUMN authorizations.expires_at IS 'unless it is refreshed';
COMMENT ON COLUMN authorizations.ends_at IS 'however often it is refreshed';
CREATE TABLE client_assertions (
    client_id UUID NOT NULL,
    jti TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_client_assertions PRIMARY KEY (client_id, jti),
    CONSTRAINT fk_client_assertions_client_id FOREIGN KEY(client_id) REFERENCES clients (id)
);
CREATE INDEX ix_client_assertions_expires_at ON client_assertions (expires_at);
CREATE TABLE client_consents (
    person_id UUID NOT NULL,
    client_id UUID NOT NULL,
    scopes TEXT[] NOT NULL,
    given_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_client_consents PRIMARY KEY (person_id, client_id),
    CONSTRAINT fk_client_consents_person_id FOREIGN KEY(person_id) REFERENCES people (id),
    CONSTRAINT fk_client_consents_client_id FOREIGN KEY(client_id) REFERENCES clients (id)
);
CREATE TABLE client_secrets (
    id UUID NOT NULL,
    client_id UUID NOT NULL,
    hash BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_client_secrets PRIMARY KEY (id),
    CONSTRAINT fk_client_secrets_client_id FOREIGN KEY(client_id) REFERENCES clients (id)
);
CREATE INDEX ix_client_secrets_client_id ON client_secrets (client_id);
COMMENT ON COLUMN client_secrets.hash IS 'SHA-256 of 256 random bits';
CREATE TABLE authorization_codes (
    hash BYTEA NOT NULL,
    authorization_id UUID NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT,
    nonce TEXT,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_authorization_codes PRIMARY KEY (hash),
    CONSTRAINT fk_authorization_codes_authorization_id FOREIGN KEY(authorization_id) REFERENCES authorizations (id) ON DELETE CASCADE
);
CREATE INDEX ix_authorization_codes_authorization_id ON authorization_codes (authorization_id);
CREATE INDEX ix_authorization_codes_expires_at ON authorization_codes (expires_at);
CREATE TABLE device_codes (
    hash BYTEA NOT NULL,
    user_code TEXT NOT NULL,
    client_id UUID NOT NULL,
    scopes TEXT[] NOT NULL,
    state TEXT NOT NULL,
    authorization_id UUID,
    poll_seconds INTEGER NOT NULL,
    polled_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_device_codes PRIMARY KEY (hash),
    CONSTRAINT uq_device_codes_user_code UNIQUE (user_code),
    CONSTRAINT fk_device_codes_client_id FOREIGN KEY(client_id) REFERENCES clients (id),
    CONSTRAINT fk_device_codes_authorization_id FOREIGN KEY(authorization_id) REFERENCES authorizations (id) ON DELETE CASCADE
);
CREATE INDEX ix_device_codes_authorization_id ON device_codes (authorization_id);
CREATE INDEX ix_device_codes_expires_at ON device_codes (expires_at);
COMMENT ON COLUMN device_codes.state IS 'PENDING APPROVED DENIED USED';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in [
        "device_codes",
        "authorization_codes",
        "client_secrets",
        "client_consents",
        "client_assertions",
        "authorizations",
        "api_keys",
        "clients",
        "signing_keys",
    ]:
        op.execute(f"DROP TABLE {name}")
