CREATE TABLE lists (id uuid PRIMARY KEY, name text);
CREATE TABLE members (id uuid PRIMARY KEY, list_id uuid, user_id text, role text, joined_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON members (list_id);
CREATE TABLE notes (id uuid PRIMARY KEY, list_id uuid REFERENCES lists ON DELETE CASCADE, title text, word text);
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.title := upper(NEW.title); RETURN NEW; END $$;
CREATE TRIGGER shout BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION shout();
CREATE TABLE shelves (id uuid PRIMARY KEY, room_id uuid);
CREATE TABLE items (id uuid PRIMARY KEY, room_id uuid, shelf_id uuid);
CREATE INDEX ON items (room_id);
