CREATE TABLE notes (id text PRIMARY KEY, org text NOT NULL, text text);
INSERT INTO notes VALUES ('n1', 'o1', 'hello');
