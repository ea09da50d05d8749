-- Two people for a first try: ann (…0a) owns a list, bob (…0b) is a viewer of it.
-- `rulegate dev` runs this file after schema.sql, and again at each start of the database that it keeps itself. What is there stays as it is.

INSERT INTO lists (id, name, owner_id)
VALUES ('00000000-0000-0000-0000-000000000001', 'Home', '00000000-0000-0000-0000-00000000000a')
ON CONFLICT DO NOTHING;

INSERT INTO list_members (id, list_id, user_id, role)
VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000b', 'viewer')
ON CONFLICT DO NOTHING;

INSERT INTO todos (id, list_id, description, created_by)
VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000001', 'Read the README', '00000000-0000-0000-0000-00000000000a')
ON CONFLICT DO NOTHING;
