notes create grant: new.owner_id == auth.sub
    $1::boolean
        $1 new.owner_id == auth.sub of each row
notes create check: new.doc != null
    $1::boolean
        $1 new.doc != null of each row
notes update grant: old.owner_id == auth.sub
    (r."owner_id" = $1::uuid)
        $1 auth.sub
notes update check: new.due == old.due
    (CASE $1::boolean WHEN true THEN r."due" IS NULL WHEN false THEN CASE WHEN (NOT isfinite(r."due")) THEN NULL ELSE COALESCE((r."due" = $2::timestamptz), false) END END)
        $1 new.due == null of each row, $2 new.due of each row
notes update check: !('title' in changed) || old.rank == 1
    ((NOT ((r."title")::text COLLATE "C" IS DISTINCT FROM $1)) OR (r."rank" = $2::int8))
        $1 new.title of each row, $2 1
notes update check: changed.all(f, f in ['title', 'rank']) || old.rank == 1
    (((NOT (r."doc" IS DISTINCT FROM $1::jsonb)) AND (NOT (r."due" IS DISTINCT FROM $2::timestamp with time zone)) AND (NOT (r."group_id" IS DISTINCT FROM $3::uuid)) AND (NOT (r."kind" IS DISTINCT FROM $4::mood)) AND (NOT (r."made_at" IS DISTINCT FROM $5::timestamp with time zone)) AND (NOT (r."owner_id" IS DISTINCT FROM $6::uuid)) AND (NOT ((r."price")::text COLLATE "C" IS DISTINCT FROM $7)) AND (NOT ((r."tags")::text COLLATE "C" IS DISTINCT FROM $8)) AND (NOT ((r."weight")::text COLLATE "C" IS DISTINCT FROM $9))) OR (r."rank" = $10::int8))
        $1 new.doc of each row, $2 new.due of each row, $3 new.group_id of each row, $4 new.kind of each row, $5 new.made_at of each row, $6 new.owner_id of each row, $7 new.price of each row, $8 new.tags of each row, $9 new.weight of each row, $10 1
notes update check: new.doc != null
    $1::boolean
        $1 new.doc != null of each row
notes delete grant: old.owner_id == auth.sub
    (r."owner_id" = $1::uuid)
        $1 auth.sub
notes delete grant: old.owner_id != auth.sub
    (NOT (CASE $1::boolean WHEN true THEN r."owner_id" IS NULL WHEN false THEN COALESCE((r."owner_id" = $2::uuid), false) END))
        $1 auth.sub == null, $2 auth.sub
notes delete grant: old.group_id == auth.org_id
    (r."group_id" = $1::uuid)
        $1 auth.org_id
notes delete grant: !(old.group_id == auth.org_id)
    (NOT (CASE $1::boolean WHEN true THEN r."group_id" IS NULL WHEN false THEN COALESCE((r."group_id" = $2::uuid), false) END))
        $1 auth.org_id == null, $2 auth.org_id
notes delete grant: old.title in ['a', 'b'] && old.kind in ['memo']
    ((r."title" = ANY($1::text[])) AND ((r."kind"::text COLLATE "C") = ANY($2::text[])))
        $1 ['a', 'b'], $2 ['memo']
notes delete grant: old.group_id in auth.groups
    (r."group_id" = ANY($1::uuid[]))
        $1 auth.groups
notes delete grant: 'x' in old.tags
    (CASE WHEN (cardinality(r."tags") = 0 OR (array_ndims(r."tags") = 1 AND array_lower(r."tags", 1) = 1)) THEN COALESCE($1::text = ANY((r."tags"::text[] COLLATE "C")), false) END)
        $1 'x'
notes delete grant: old.tags.all(t, t in auth.groups)
    (CASE WHEN (cardinality(r."tags") = 0 OR (array_ndims(r."tags") = 1 AND array_lower(r."tags", 1) = 1)) THEN NOT EXISTS (SELECT FROM unnest((r."tags"::text[] COLLATE "C")) AS t1(v) WHERE (((t1."v" COLLATE "C") = ANY($1::text[]))) IS NOT TRUE) END)
        $1 auth.groups
notes delete grant: old.rank > 3 || old.rank + 1 == 2
    ((r."rank" > $1::int8) OR ((CASE WHEN (r."rank")::numeric + ($2::int8)::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN (r."rank")::int8 + ($2::int8)::int8 END) = $3::int8))
        $1 3, $2 1, $3 2
notes delete grant: old.weight < 2.5 && old.weight == 1.0
    (((r."weight" < $1::float8) AND r."weight" <> 'NaN' AND $1::float8 <> 'NaN') AND (r."weight" = $2::float8 AND r."weight" <> 'NaN'))
        $1 2.5, $2 1.0
notes delete grant: old.price >= 2.5
    (CASE WHEN (r."price" - r."price" <> 0) THEN NULL ELSE (r."price" >= $1::numeric) END)
        $1 2.5
notes delete grant: old.due == null
    (r."due" IS NULL)
        
notes delete grant: old.made_at + duration('15m') > request.time
    ((CASE WHEN r."made_at" BETWEEN '4000-01-01 00:00:00+00 BC'::timestamptz AND '280000-01-01 00:00:00+00'::timestamptz THEN CASE WHEN (r."made_at" + $1::interval) BETWEEN '0001-01-01 00:00:00+00'::timestamptz AND '9999-12-31 23:59:59.999999+00'::timestamptz THEN (r."made_at" + $1::interval) END END) > $2::timestamptz)
        $1 duration('15m'), $2 request.time
notes delete grant: request.time - old.made_at < duration('15m')
    ((CASE WHEN $1::timestamptz BETWEEN '4714-11-24 00:00:00+00 BC'::timestamptz AND '280000-01-01 00:00:00+00'::timestamptz AND r."made_at" BETWEEN '4714-11-24 00:00:00+00 BC'::timestamptz AND '280000-01-01 00:00:00+00'::timestamptz THEN CASE WHEN ($1::timestamptz - r."made_at") BETWEEN '-2562047:47:16.854775'::interval AND '2562047:47:16.854775'::interval THEN ($1::timestamptz - r."made_at") END END) < $2::interval)
        $1 request.time, $2 duration('15m')
notes delete grant: old.title.startsWith('a') && old.title.contains('%')
    (starts_with((r."title" COLLATE "C"), ($1::text COLLATE "C")) AND (strpos((r."title" COLLATE "C"), ($2::text COLLATE "C")) > 0))
        $1 'a', $2 '%'
notes delete grant: old.group != null
    (NOT ((SELECT true FROM "public"."groups" t1 WHERE t1."id" = r."group_id") IS NULL))
        
notes delete grant: old.group.owner_id == auth.sub
    (SELECT (t1."owner_id" = $1::uuid) FROM "public"."groups" t1 WHERE t1."id" = r."group_id")
        $1 auth.sub
notes delete grant: old.group.owner_id != auth.sub
    (SELECT (NOT (CASE $1::boolean WHEN true THEN t1."owner_id" IS NULL WHEN false THEN COALESCE((t1."owner_id" = $2::uuid), false) END)) FROM "public"."groups" t1 WHERE t1."id" = r."group_id")
        $1 auth.sub == null, $2 auth.sub
notes delete grant: old.group.parent.name == 'a'
    (SELECT (SELECT (t2."name" = $1::text) FROM "public"."groups" t2 WHERE t2."id" = t1."parent_id") FROM "public"."groups" t1 WHERE t1."id" = r."group_id")
        $1 'a'
notes delete grant: old.group.is_mine
    (SELECT ((t1."owner_id" = $1::uuid) OR (EXISTS (SELECT FROM "public"."members" t2 WHERE t2."group_id" = t1."id" AND (t2."user_id" = $1::uuid)))) FROM "public"."groups" t1 WHERE t1."id" = r."group_id")
        $1 auth.sub
notes delete grant: old.peers.exists(m, m.user_id == auth.sub && m.rank > 1)
    (EXISTS (SELECT FROM "public"."members" t1 WHERE t1."group_id" = r."group_id" AND ((t1."user_id" = $1::uuid) AND (t1."rank" > $2::int8))))
        $1 auth.sub, $2 1
notes delete grant: old.peers.all(m, m.rank > 1)
    (NOT EXISTS (SELECT FROM "public"."members" t1 WHERE t1."group_id" = r."group_id" AND ((t1."rank" > $1::int8)) IS NOT TRUE))
        $1 1
notes delete grant: !old.peers.exists(m, m.rank > 1)
    (NOT ((SELECT CASE WHEN bool_or(q.b) THEN true WHEN count(*) > count(q.b) THEN NULL ELSE false END FROM (SELECT (t1."rank" > $1::int8) AS b FROM "public"."members" t1 WHERE t1."group_id" = r."group_id") AS q)))
        $1 1
notes delete grant: size(old.peers) < 5
    ((SELECT count(*) FROM "public"."members" t1 WHERE t1."group_id" = r."group_id") < $1::int8)
        $1 5
notes delete grant: old.group.members.exists(m, m.user_id == auth.sub)
    (SELECT (EXISTS (SELECT FROM "public"."members" t2 WHERE t2."group_id" = t1."id" AND (t2."user_id" = $1::uuid))) FROM "public"."groups" t1 WHERE t1."id" = r."group_id")
        $1 auth.sub
notes delete grant: (old.rank == null ? 'none' : old.title) == 'none'
    (((CASE WHEN (r."rank" IS NULL) THEN ($1::text COLLATE "C") WHEN NOT ((r."rank" IS NULL)) THEN (r."title" COLLATE "C") END) COLLATE "C") = $2::text)
        $1 'none', $2 'none'
notes delete grant: cel.bind(x, old.rank, x > 1 && x < 5)
    ((r."rank" > $1::int8) AND (r."rank" < $2::int8))
        $1 1, $2 5
notes delete grant: auth.sub == 'a' || old.rank == 1
    ($1::boolean OR (r."rank" = $2::int8))
        $1 auth.sub == 'a', $2 1
notes delete grant: old.title.matches('^a+$')
    outside: `matches` over what is stored: Postgres has other patterns
notes delete grant: old.doc.kind == 1
    outside: members of a JSON column have types that show only when they are read
notes delete grant: string(old.price) == '1'
    outside: Postgres converts this otherwise
