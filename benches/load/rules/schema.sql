CREATE TABLE notes (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    title text NOT NULL,
    done boolean NOT NULL,
    position bigint NOT NULL,
    edited_at timestamptz
);

CREATE TABLE lists (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL
);

CREATE TABLE list_members (
    list_id uuid NOT NULL REFERENCES lists ON DELETE CASCADE,
    user_id uuid NOT NULL,
    role text NOT NULL,
    PRIMARY KEY (list_id, user_id)
);

CREATE TABLE todos (
    id uuid PRIMARY KEY,
    list_id uuid NOT NULL REFERENCES lists ON DELETE CASCADE,
    title text NOT NULL,
    done boolean NOT NULL,
    position bigint NOT NULL,
    edited_at timestamptz
);
CREATE INDEX todos_list_id ON todos (list_id);
