CREATE TABLE notes (id uuid PRIMARY KEY, n int NOT NULL);
