-- Channels, who is in them, and what they say. Each column that a relation follows has an index.

CREATE TABLE channels (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    is_public boolean NOT NULL,
    founder_id uuid NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE channel_members (
    id uuid PRIMARY KEY,
    channel_id uuid NOT NULL REFERENCES channels ON DELETE CASCADE,
    user_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('member', 'moderator')),
    muted_until timestamptz,
    UNIQUE (channel_id, user_id)
);

CREATE TABLE messages (
    id uuid PRIMARY KEY,
    channel_id uuid NOT NULL REFERENCES channels ON DELETE CASCADE,
    reply_to uuid REFERENCES messages ON DELETE SET NULL,
    author_id uuid NOT NULL,
    body text NOT NULL,
    is_hidden boolean NOT NULL,
    hidden_reason text,
    sent_at timestamptz NOT NULL,
    updated_at timestamptz
);
CREATE INDEX messages_channel_id ON messages (channel_id, sent_at);
CREATE INDEX messages_reply_to ON messages (reply_to);
