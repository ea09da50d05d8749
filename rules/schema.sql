-- The tables of the starter rules. `rulegate dev` runs this file once, on a database that has no table yet.
-- An app makes the ids. Each column that a relation follows has an index: rules that would scan a table do not load.

CREATE TABLE lists (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    owner_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX lists_owner_id ON lists (owner_id);

CREATE TABLE list_members (
    id uuid PRIMARY KEY,
    list_id uuid NOT NULL REFERENCES lists ON DELETE CASCADE,
    user_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('viewer', 'editor')),
    UNIQUE (list_id, user_id)
);
CREATE INDEX list_members_user_id ON list_members (user_id);

CREATE TABLE todos (
    id uuid PRIMARY KEY,
    list_id uuid NOT NULL REFERENCES lists ON DELETE CASCADE,
    description text NOT NULL,
    completed boolean NOT NULL DEFAULT false,
    completed_at timestamptz,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz
);
CREATE INDEX todos_list_id ON todos (list_id);
