CREATE TABLE notes (id uuid PRIMARY KEY, title text, stars int NOT NULL DEFAULT 1, code uuid);
CREATE TABLE tags (id uuid PRIMARY KEY, name text UNIQUE);
