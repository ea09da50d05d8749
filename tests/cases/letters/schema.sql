CREATE TABLE people (id uuid PRIMARY KEY, name text, age int CHECK (age < 200), size numeric(4, 2), ssn text, pin text, email text UNIQUE, boss uuid REFERENCES people, hidden text, owner text NOT NULL);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.age = 66 THEN RAISE EXCEPTION 'no % here', NEW.name; END IF;
  RETURN NEW; END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TABLE secrets (id uuid PRIMARY KEY, n int);
CREATE TABLE upload_rejections (id uuid PRIMARY KEY, user_id text NOT NULL, "table" text, row_id text, code text NOT NULL, field text, message text NOT NULL, at timestamptz NOT NULL, seen_at timestamptz);
