-- ann and ben work in one team; cat works elsewhere.

INSERT INTO profiles (id, display_name, created_at) VALUES
    ('00000000-0000-0000-0000-00000000000a', 'Ann', now()),
    ('00000000-0000-0000-0000-00000000000b', 'Ben', now())
ON CONFLICT DO NOTHING;
