CREATE TABLE notes (id uuid PRIMARY KEY, title varchar(3), hidden text);
