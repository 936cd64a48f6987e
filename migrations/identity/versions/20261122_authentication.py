"""passwords, second factors, invitations, throttling"""

from alembic import op

revision = "identity_0004"
down_revision = "identity_0003"

_TABLES = """
CREATE TABLE passkey_challenges (
    challenge BYTEA NOT NULL,
    bound_to BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_passkey_challenges PRIMARY KEY (challenge)
);
CREATE INDEX ix_passkey_challenges_expires_at ON passkey_challenges (expires_at);
COMMENT ON COLUMN passkey_challenges.bound_to IS 'SHA-256 of the cookie it was put to';
CREATE TABLE throttle (
    key BYTEA NOT NULL,
    tat TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_throttle PRIMARY KEY (key)
);
CREATE INDEX ix_throttle_tat ON throttle (tat);
COMMENT ON COLUMN throttle.key IS 'keyed hash of what is counted';
COMMENT ON COLUMN throttle.tat IS 'GCRA: theoretical arrival time';
CREATE TABLE authenticators (
    person_id UUID NOT NULL,
    secret BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    confirmed_at TIMESTAMP WITH TIME ZONE,
    last_step BIGINT,
    CONSTRAINT pk_authenticators PRIMARY KEY (person_id),
    CONSTRAINT fk_authenticators_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
COMMENT ON COLUMN authenticators.secret IS 'TOTP secret, encrypted';
COMMENT ON COLUMN authenticators.confirmed_at IS 'null until the first code came';
COMMENT ON COLUMN authenticators.last_step IS 'time step of the last code, used up with it';
CREATE TABLE former_passwords (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    person_id UUID NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT pk_former_passwords PRIMARY KEY (id),
    CONSTRAINT fk_former_passwords_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
CREATE INDEX ix_former_passwords_person_id ON former_passwords (person_id, id);
CREATE TABLE invitations (
    id UUID NOT NULL,
    token_hash BYTEA NOT NULL,
    person_id UUID NOT NULL,
    removes_factors BOOLEAN NOT NULL,
    issued_by TEXT NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_invitations PRIMARY KEY (id),
    CONSTRAINT uq_invitations_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_invitations_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
CREATE INDEX ix_invitations_person_id ON invitations (person_id);
COMMENT ON COLUMN invitations.token_hash IS 'SHA-256';
COMMENT ON COLUMN invitations.removes_factors IS 'second factors go with its use';
CREATE TABLE known_devices (
    secret_hash BYTEA NOT NULL,
    person_id UUID NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_known_devices PRIMARY KEY (secret_hash, person_id),
    CONSTRAINT fk_known_devices_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
CREATE INDEX ix_known_devices_person_id ON known_devices (person_id);
CREATE INDEX ix_known_devices_seen_at ON known_devices (seen_at);
COMMENT ON COLUMN known_devices.secret_hash IS 'SHA-256 of the cookie';
CREATE TABLE passkeys (
    id UUID NOT NULL,
    person_id UUID NOT NULL,
    credential_id BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    synced BOOLEAN NOT NULL,
    name TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_passkeys PRIMARY KEY (id),
    CONSTRAINT fk_passkeys_person_id FOREIGN KEY(person_id) REFERENCES people (id),
    CONSTRAINT uq_passkeys_credential_id UNIQUE (credential_id)
);
CREATE INDEX ix_passkeys_person_id ON passkeys (person_id);
COMMENT ON COLUMN passkeys.public_key IS 'COSE_Key';
COMMENT ON COLUMN passkeys.synced IS 'may be copied between devices';
CREATE TABLE passwords (
    person_id UUID NOT NULL,
    hash TEXT NOT NULL,
    stands_alone BOOLEAN NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_passwords PRIMARY KEY (person_id),
    CONSTRAINT fk_passwords_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
COMMENT ON COLUMN passwords.hash IS 'argon2id, PHC string';
COMMENT ON COLUMN passwords.stands_alone IS 'long enough without second factor';
CREATE TABLE recovery_codes (
    person_id UUID NOT NULL,
    code_hash BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_recovery_codes PRIMARY KEY (person_id, code_hash),
    CONSTRAINT fk_recovery_codes_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
COMMENT ON COLUMN recovery_codes.code_hash IS 'keyed';
CREATE TABLE sign_ins (
    secret_hash BYTEA NOT NULL,
    person_id UUID NOT NULL,
    amr TEXT[] NOT NULL,
    return_to TEXT NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_sign_ins PRIMARY KEY (secret_hash),
    CONSTRAINT fk_sign_ins_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
CREATE INDEX ix_sign_ins_expires_at ON sign_ins (expires_at);
CREATE INDEX ix_sign_ins_person_id ON sign_ins (person_id);
COMMENT ON COLUMN sign_ins.secret_hash IS 'SHA-256 of the cookie';
COMMENT ON COLUMN sign_ins.amr IS 'what was proved so far';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in [
        "sign_ins",
        "recovery_codes",
        "passwords",
        "passkeys",
        "known_devices",
        "invitations",
        "former_passwords",
        "authenticators",
        "throttle",
        "passkey_challenges",
    ]:
        op.execute(f"DROP TABLE {name}")
