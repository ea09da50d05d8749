-- Organisations and what is theirs. Every table but the first has `org_id`, and says it again in its foreign keys:
-- a task cannot even by a mistake of the rules hang on a project of somebody else's.

CREATE TABLE organisations (
    id uuid PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE members (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations ON DELETE CASCADE,
    user_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
    UNIQUE (org_id, user_id)
);

CREATE TABLE projects (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL REFERENCES organisations ON DELETE CASCADE,
    name text NOT NULL,
    is_archived boolean NOT NULL DEFAULT false,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (org_id, id)
);

CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    project_id uuid NOT NULL,
    title text NOT NULL,
    status text NOT NULL,
    assignee_id uuid,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    FOREIGN KEY (org_id, project_id) REFERENCES projects (org_id, id) ON DELETE CASCADE
);
CREATE INDEX tasks_project ON tasks (org_id, project_id);
