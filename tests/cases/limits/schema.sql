CREATE TABLE notes (id uuid PRIMARY KEY, n int, owner text NOT NULL, tags text[], body text, nest jsonb);
CREATE TABLE labels (id text PRIMARY KEY, owner text NOT NULL);
CREATE TABLE lists (id uuid PRIMARY KEY, name text);
CREATE TABLE members (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), list_id uuid NOT NULL, user_id text NOT NULL);
CREATE INDEX ON members (list_id);
-- A number of three digits or more is how many milliseconds the row takes.
CREATE FUNCTION take_time() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(NEW.n / 1000.0); RETURN NEW; END $$;
CREATE TRIGGER take_time BEFORE INSERT OR UPDATE ON notes FOR EACH ROW WHEN (NEW.n >= 100) EXECUTE FUNCTION take_time();
