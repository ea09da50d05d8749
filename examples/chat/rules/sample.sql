-- A public channel that ann founded and moderates; ben is a member.

INSERT INTO channels (id, name, is_public, founder_id, created_at)
VALUES ('00000000-0000-0000-0000-0000000000c0', 'town square', true, '00000000-0000-0000-0000-00000000000a', now())
ON CONFLICT DO NOTHING;

INSERT INTO channel_members (id, channel_id, user_id, role) VALUES
    ('00000000-0000-0000-0000-0000000000c1', '00000000-0000-0000-0000-0000000000c0', '00000000-0000-0000-0000-00000000000a', 'moderator'),
    ('00000000-0000-0000-0000-0000000000c2', '00000000-0000-0000-0000-0000000000c0', '00000000-0000-0000-0000-00000000000b', 'member')
ON CONFLICT DO NOTHING;
