CREATE TABLE notes (id text PRIMARY KEY, org text NOT NULL, text text, stars int, due timestamptz);
INSERT INTO notes VALUES ('n1', 'o1', 'hello', 0, NULL);
