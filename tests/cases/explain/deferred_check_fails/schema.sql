CREATE TABLE lists (id text PRIMARY KEY, name text NOT NULL);
CREATE TABLE members (id text PRIMARY KEY, list_id text NOT NULL, role text NOT NULL);
CREATE INDEX ON members (list_id);
INSERT INTO lists VALUES ('l1', 'Home');
INSERT INTO members VALUES ('m1', 'l1', 'owner');
