CREATE TABLE parents (id uuid PRIMARY KEY, name text NOT NULL UNIQUE, size int CHECK (size < 100));
CREATE TABLE children (id uuid PRIMARY KEY, parent uuid REFERENCES parents, twin uuid REFERENCES children DEFERRABLE INITIALLY DEFERRED, slot int4range, EXCLUDE USING gist (slot WITH &&));
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.name = 'raise' THEN RAISE EXCEPTION 'secret of the trigger'; END IF;
  IF NEW.name = 'insufficient' THEN RAISE insufficient_privilege; END IF;
  IF NEW.name = 'serial' THEN RAISE serialization_failure; END IF;
  IF NEW.name = 'own' THEN RAISE EXCEPTION 'x' USING ERRCODE = 'AB123'; END IF;
  IF NEW.name = 'skip' THEN RETURN NULL; END IF;
  RETURN NEW; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON parents FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TABLE parts (id uuid PRIMARY KEY, n int) PARTITION BY HASH (id);
