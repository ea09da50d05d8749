list_members create grant: this.list.is_owner
    (SELECT (t1."owner_id" = $1::uuid) FROM "public"."lists" t1 WHERE t1."id" = $2::uuid)
        $1 auth.sub, $2 this.list_id of each row
list_members update grant: this.list.is_owner
    (SELECT (t1."owner_id" = $1::uuid) FROM "public"."lists" t1 WHERE t1."id" = r."list_id")
        $1 auth.sub
    (SELECT (t1."owner_id" = $1::uuid) FROM "public"."lists" t1 WHERE t1."id" = $2::uuid)
        $1 auth.sub, $2 this.list_id of each row
list_members delete grant: this.list.is_owner
    (SELECT (t1."owner_id" = $1::uuid) FROM "public"."lists" t1 WHERE t1."id" = r."list_id")
        $1 auth.sub
list_members delete grant: this.user_id == auth.sub
    (r."user_id" = $1::uuid)
        $1 auth.sub
lists create grant: this.is_owner
    $1::boolean
        $1 this.owner_id == auth.sub of each row
lists update grant: this.can_edit
    ((r."owner_id" = $1::uuid) OR (EXISTS (SELECT FROM "public"."list_members" t1 WHERE t1."list_id" = r."id" AND ((t1."user_id" = $1::uuid) AND (t1."role" = $2::text)))))
        $1 auth.sub, $2 'editor'
lists delete grant: this.is_owner
    (r."owner_id" = $1::uuid)
        $1 auth.sub
todos create grant: this.list.can_edit
    (SELECT ((t1."owner_id" = $1::uuid) OR (EXISTS (SELECT FROM "public"."list_members" t2 WHERE t2."list_id" = t1."id" AND ((t2."user_id" = $1::uuid) AND (t2."role" = $2::text))))) FROM "public"."lists" t1 WHERE t1."id" = $3::uuid)
        $1 auth.sub, $2 'editor', $3 this.list_id of each row
todos create check: new.completed == (new.completed_at != null)
    $1::boolean
        $1 new.completed == (new.completed_at != null) of each row
todos update grant: this.list.can_edit
    (SELECT ((t1."owner_id" = $1::uuid) OR (EXISTS (SELECT FROM "public"."list_members" t2 WHERE t2."list_id" = t1."id" AND ((t2."user_id" = $1::uuid) AND (t2."role" = $2::text))))) FROM "public"."lists" t1 WHERE t1."id" = r."list_id")
        $1 auth.sub, $2 'editor'
    (SELECT ((t1."owner_id" = $1::uuid) OR (EXISTS (SELECT FROM "public"."list_members" t2 WHERE t2."list_id" = t1."id" AND ((t2."user_id" = $1::uuid) AND (t2."role" = $2::text))))) FROM "public"."lists" t1 WHERE t1."id" = $3::uuid)
        $1 auth.sub, $2 'editor', $3 this.list_id of each row
todos update grant: this.list.is_member
    (SELECT ((t1."owner_id" = $1::uuid) OR (EXISTS (SELECT FROM "public"."list_members" t2 WHERE t2."list_id" = t1."id" AND (t2."user_id" = $1::uuid)))) FROM "public"."lists" t1 WHERE t1."id" = r."list_id")
        $1 auth.sub
    (SELECT ((t1."owner_id" = $1::uuid) OR (EXISTS (SELECT FROM "public"."list_members" t2 WHERE t2."list_id" = t1."id" AND (t2."user_id" = $1::uuid)))) FROM "public"."lists" t1 WHERE t1."id" = $2::uuid)
        $1 auth.sub, $2 this.list_id of each row
todos update check: new.completed == (new.completed_at != null)
    $1::boolean
        $1 new.completed == (new.completed_at != null) of each row
todos delete grant: this.list.can_edit
    (SELECT ((t1."owner_id" = $1::uuid) OR (EXISTS (SELECT FROM "public"."list_members" t2 WHERE t2."list_id" = t1."id" AND ((t2."user_id" = $1::uuid) AND (t2."role" = $2::text))))) FROM "public"."lists" t1 WHERE t1."id" = r."list_id")
        $1 auth.sub, $2 'editor'
