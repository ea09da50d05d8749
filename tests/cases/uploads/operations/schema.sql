CREATE TABLE notes (id uuid PRIMARY KEY, title text, body text DEFAULT 'none', stars int NOT NULL DEFAULT 1, hidden text, owner text);
CREATE TABLE counters (code text PRIMARY KEY, n bigint NOT NULL);
