CREATE SCHEMA types;
GRANT USAGE ON SCHEMA types TO public;
CREATE TYPE types.mood AS ENUM ('glad', 'sad');
CREATE TABLE notes (
  id uuid PRIMARY KEY, what text, n int CHECK (n < 100), title varchar(5) UNIQUE, text text, mood types.mood,
  parent uuid REFERENCES notes DEFERRABLE INITIALLY DEFERRED, EXCLUDE USING btree (n WITH =) WHERE (n = 99));
CREATE INDEX ON notes (text);
CREATE TABLE kinds (id uuid PRIMARY KEY, note_id uuid, name text);
CREATE INDEX ON kinds (note_id);
CREATE TABLE parts (id uuid PRIMARY KEY, n int) PARTITION BY HASH (id);
CREATE TABLE later (n int);
CREATE TABLE counted (n int CHECK (n > 0));
CREATE VIEW checked AS SELECT * FROM counted WHERE n > 1 WITH CHECK OPTION;

-- What one note asks for happens to it alone.
CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE one int;
BEGIN
  CASE NEW.what
    WHEN 'sleep' THEN PERFORM pg_sleep(5);
    WHEN 'die' THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(1);
    WHEN 'read a file' THEN PERFORM pg_read_file('there/is/no/such/file');
    WHEN 'read only' THEN PERFORM set_config('transaction_read_only', 'on', true);
    WHEN 'forget statements' THEN DEALLOCATE ALL;
    WHEN 'no such table' THEN EXECUTE 'SELECT 1 FROM nowhere';
    WHEN 'no such column' THEN EXECUTE 'SELECT nothing FROM notes';
    WHEN 'no such function' THEN EXECUTE 'SELECT nothing()';
    WHEN 'no such type' THEN EXECUTE 'SELECT NULL::nothing';
    WHEN 'no such schema' THEN EXECUTE 'SELECT NULL::nothing.nothing';
    WHEN 'wrong type' THEN EXECUTE 'INSERT INTO counted VALUES (true)';
    WHEN 'no such conflict' THEN EXECUTE 'INSERT INTO counted VALUES (1) ON CONFLICT (n) DO NOTHING';
    WHEN 'a view that checks' THEN INSERT INTO checked VALUES (1);
    WHEN 'divide' THEN PERFORM 1 / 0;
    WHEN 'two rows' THEN PERFORM (SELECT * FROM generate_series(1, 2));
    WHEN 'assert' THEN ASSERT false, 'a text that no client may see';
    WHEN 'no row' THEN SELECT n INTO STRICT one FROM counted WHERE false;
    WHEN 'recurse' THEN INSERT INTO notes (id, what) VALUES (gen_random_uuid(), 'recurse');
    WHEN 'raise' THEN RAISE EXCEPTION 'a text that no client may see';
    WHEN 'no privilege' THEN RAISE insufficient_privilege;
    WHEN 'at commit' THEN SET CONSTRAINTS ALL DEFERRED;
    ELSE NULL;
  END CASE;
  RETURN NULL;
END $$;
CREATE TRIGGER act AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION act();

-- A deferred trigger that defers another one: its turn is at COMMIT.
CREATE FUNCTION last_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'later' THEN RAISE EXCEPTION 'a text that no client may see'; END IF;
  SET CONSTRAINTS ALL DEFERRED;
  INSERT INTO later VALUES (1);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER last_word AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.what = 'at commit') EXECUTE FUNCTION last_word();
CREATE CONSTRAINT TRIGGER last_word AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION last_word();

CREATE FUNCTION boom() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE unique_violation; END $$;
