-- The rows of the cases over the starter rules: sample.sql with fixed times.
INSERT INTO lists (id, name, owner_id, created_at) VALUES ('00000000-0000-0000-0000-000000000001', 'Home', '00000000-0000-0000-0000-00000000000a', '2026-01-01');
INSERT INTO list_members (id, list_id, user_id, role) VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-00000000000b', 'viewer');
INSERT INTO todos (id, list_id, description, created_by, created_at) VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000001', 'Read the README', '00000000-0000-0000-0000-00000000000a', '2026-01-01');
