//! Expressions and their values.

use crate::expr::tests::world::{all_fail, all_hold};

#[test]
fn numbers_compare_by_what_they_are_across_their_types() {
    all_hold(&[
        "1 == 1u && 1 == 1.0 && 1u == 1.0",
        "9007199254740993 != 9007199254740992.0",
        "9007199254740993 > 9007199254740992.0",
        "9223372036854775807 < 9223372036854775808.0",
        "18446744073709551615u < 18446744073709551616.0",
        "-1 < 0u && 0u > -0.5 && -1 < -0.5 && -1 > -1.5",
        "this.price == 0.1 && this.price == 0.10 && 0.1 == this.price",
        "this.price < 1 && this.price < 1u && this.price > 0 && this.price < 0.1 + 0.1",
        "this.price + 0.2 == 0.3 && this.price * 3 == 0.3 && -this.price == -0.1",
        "this.price in [0.3, 0.1] && !(this.price in [0.2])",
        "this.price == (this.completed ? 0.2 : 0.1)",
        "this.price * 0.1 == 0.01 && this.price - 0.1 == 0",
        "this.weight != this.weight && !(this.weight < 1.0) && !(this.weight >= 1.0)",
        "!(this.weight in [this.weight]) && this.weight != 1 && !(this.price > this.weight)",
        "0.1 + 0.2 != 0.3",
        "{1: 'a'}[1u] == 'a' && {1u: 'a'}[1] == 'a' && [5][0u] == 5",
    ]);
    all_fail(&[
        "9223372036854775807 + 1 == 0",
        "-9223372036854775808 - 1 == 0",
        "-(-9223372036854775808) == 0",
        "-9223372036854775808 / -1 == 0",
        "-9223372036854775808 % -1 == 0",
        "4611686018427387904 * 2 == 0",
        "0u - 1u == 0u",
        "1 / 0 == 0",
        "1 % 0 == 0",
        "1u / 0u == 0u",
    ]);
    all_hold(&[
        "-7 / 2 == -3 && -7 % 2 == -1 && 1.0 / 0.0 > 1e308",
        "-1 == -(1) && 0x10 == 16 && 0xFu == 15u",
    ]);
}

#[test]
fn null_equals_null_alone_and_has_no_order() {
    all_hold(&[
        "null == null && this.due == null && !(this.due != null)",
        "this.list_id != null && this.due != timestamp('2026-01-01T00:00:00Z')",
        "metadata == null && this.at != null && !(this.at == null)",
        "this.tags[1] == null && null in this.tags && 'a' in this.tags",
        "!('b' in this.tags)",
        "this.data.k[2] == null",
        "[null] == [null] && [null] != [1] && null != {}",
    ]);
    all_fail(&[
        "this.due < timestamp('2026-01-01T00:00:00Z')",
        "this.tags[1].startsWith('a')",
        "this.tags[1] + 'a' == 'a'",
        "size(this.tags[1]) == 0",
        "this.data.k[2] < 1",
        "this.data.k[2] && true",
    ]);
}

#[test]
fn an_error_is_absorbed_where_the_other_side_decides() {
    all_hold(&[
        "1 / 0 == 1 || true",
        "true || 1 / 0 == 1",
        "!(1 / 0 == 1 && false)",
        "!(false && 1 / 0 == 1)",
        "[0, 1].exists(x, 1 / x == 1)",
        "[1, 0].exists(x, 1 / x == 1)",
        "![0, 2].all(x, 1 / x == 1)",
        "[].all(x, 1 / 0 == 1) && ![].exists(x, 1 / 0 == 1)",
        "true ? true : 1 / 0 == 1",
        "false ? 1 / 0 == 1 : true",
        "this.due < request.time || this.completed == false",
    ]);
    all_fail(&[
        "1 / 0 == 1 || false",
        "1 / 0 == 1 && true",
        "!(1 / 0 == 1)",
        "[0, 2].exists(x, 1 / x == 1)",
        "[0, 1].all(x, 1 / x == 1)",
        "1 / 0 == 1 ? true : true",
        "[1 / 0] == [1, 2]",
        "auth.app.missing == 1",
        "auth.level == 1",
    ]);
}

#[test]
fn a_uuid_equals_only_uuids_however_they_are_written() {
    all_hold(&[
        "auth.sub == this.owners[0] && this.owners[0] == auth.sub",
        "auth.sub in this.owners",
        "this.owners == ['00000000-0000-0000-0000-00000000000A']",
        "'00000000-0000-0000-0000-00000000000A' in this.owners",
        "this.list_id != 'x' && !('x' in this.owners)",
        "(this.completed ? this.id : this.list_id) == '00000000-0000-0000-0000-000000000001'",
        "(this.completed ? this.id : '00000000-0000-0000-0000-00000000000A') == auth.sub",
        "(this.completed ? this.id : auth.sub) == '00000000-0000-0000-0000-00000000000a'",
        "this.list_id != '00000000000000000000000000000001'",
        "string(this.list_id) == '00000000-0000-0000-0000-000000000001'",
        "this.list_id < this.owners[0]",
    ]);
    all_fail(&["(this.completed ? this.id : auth.org_id) != this.list_id"]);
}

#[test]
fn text_is_code_points() {
    all_hold(&[
        "size('äöü💖') == 4 && 'äö'.size() == 2 && size(b'ä') == 2",
        "'Z' < 'a' && '_' > 'A' && 'ä' > 'z' && '' < 'a'",
        "'a%b'.contains('%') && 'a_b'.startsWith('a_') && 'ab'.endsWith('') && !'a'.contains('A')",
        r"'a.b@c.de'.matches('^[\\w.+-]{1,64}@[\\w-]{1,63}\\.[a-z]{2,}$') && 'foobar'.matches('^fo+b') && !matches('foobar', '^b') && 'ä'.matches('^.$')",
        r"'\u00e4' == 'ä' && r'\n' == '\\n' && '''a'b''' == 'a\'b' && b'\xff' != b'\377\001'",
        "'a' + 'b' == 'ab' && [1] + [2] == [1, 2] && b'a' + b'b' == b'ab'",
        "this.title == 'Milk' && this['title'] == 'Milk' && this['Order No'] == 9",
        "this.state == 'open' && this.state in ['open', 'done'] && this.state + '!' == 'open!'",
        "this.raw == b'\\x01' && b'a' < b'b'",
    ]);
}

#[test]
fn times_are_utc_and_exact() {
    all_hold(&[
        "request.time == timestamp('2026-01-01T00:00:00Z')",
        "timestamp('2026-01-01T02:00:00+02:00') == request.time",
        "timestamp(1767225600) == request.time && int(request.time) == 1767225600",
        "request.time + duration('1h') > request.time && request.time - request.time == duration('0')",
        "timestamp('2026-03-01T00:00:00Z') - timestamp('2026-02-28T00:00:00Z') == duration('24h')",
        "duration('1h30m') == duration('90m') && duration('-1.5s') + duration('1500ms') == duration('0s')",
        "string(duration('90m')) == '5400s' && string(duration('-1.5s')) == '-1.5s'",
        "string(timestamp('2026-01-01T00:00:00.120Z')) == '2026-01-01T00:00:00.12Z'",
        "timestamp('2009-02-13T23:31:30.5Z').getFullYear() == 2009",
        "timestamp('2009-02-13T23:31:30Z').getMonth() == 1 && timestamp('2009-02-13T23:31:30Z').getDate() == 13",
        "timestamp('2009-02-13T23:31:30Z').getDayOfMonth() == 12 && timestamp('2009-02-13T23:31:30Z').getDayOfWeek() == 5",
        "timestamp('2024-12-31T23:59:59.123Z').getDayOfYear() == 365 && timestamp('2024-12-31T23:59:59.123Z').getMilliseconds() == 123",
        "timestamp('0001-01-01T00:00:00Z').getFullYear() == 1 && timestamp('1969-12-31T23:59:59Z').getSeconds() == 59",
        "timestamp('0001-01-01T00:00:00Z').getDayOfWeek() == 1 && timestamp('9999-12-31T23:59:59Z').getDayOfYear() == 364",
        "duration('3730s').getHours() == 1 && duration('3730s').getMinutes() == 62 && duration('3.5s').getMilliseconds() == 500",
    ]);
    all_fail(&[
        "timestamp('9999-12-31T23:59:59Z') + duration('1s') == request.time",
        "timestamp('0001-01-01T00:00:00Z') - duration('1ns') == request.time",
        "duration('2500000h') + duration('2500000h') == duration('0')",
        "timestamp('9999-12-31T23:59:59Z') - timestamp('0001-01-01T00:00:00Z') > duration('0')",
        "timestamp(this.title) == request.time",
        "duration(this.title) == duration('0')",
    ]);
}

#[test]
fn conversions_lose_nothing_in_silence() {
    all_hold(&[
        "int('-7') == -7 && int(3.9) == 3 && int(-3.9) == -3 && int(7u) == 7",
        "uint(7) == 7u && uint('7') == 7u && uint(3.9) == 3u",
        "double('1.5') == 1.5 && double(3) == 3.0 && double(this.price) == 0.1",
        "string(7) == '7' && string(7u) == '7' && string(1.5) == '1.5' && string(true) == 'true'",
        "string(this.price) == '0.10' && string(b'abc') == 'abc' && int(this.price) == 0",
        "bool('true') && !bool('0') && bytes('ä') == b'ä' && bool(true)",
    ]);
    all_fail(&[
        "int('x') == 1",
        "int(1e19) == 1",
        "int(9223372036854775808.0) == 1",
        "int(this.weight) == 1",
        "int(18446744073709551615u) == 1",
        "uint(-1) == 1u",
        "uint(18446744073709551616.0) == 1u",
        "bool('yes')",
        "string(b'\\xff') == ''",
        "double('x') == 1.0",
    ]);
}

#[test]
fn claims_have_the_type_of_their_schema() {
    all_hold(&[
        "auth.share == 2.0 && auth.share + 0.5 == 2.5",
        "auth.role == 'member' && auth.role in ['owner', 'member'] && auth['role'] == 'member'",
        "has(auth.role) && !has(auth.level) && 'role' in auth && !('level' in auth)",
        "auth.app.plan == 'pro' && has(auth.app.plan) && !has(auth.app.other) && 'plan' in auth.app",
        "'a' in auth.groups && auth.groups.all(g, g < 'c') && size(auth.groups) == 2",
        "!has(auth.level) || auth.level > 3",
        "auth.app.exists(k, k == 'plan')",
    ]);
}

#[test]
fn what_happens_is_visible() {
    all_hold(&[
        "op == 'update' && op in ['create', 'update'] && op != 'delete'",
        "'title' in changed && !('rank' in changed) && changed == ['title'] && size(changed) == 1",
        "changed.all(c, c in ['title', 'rank']) && request.id == 'r1'",
        "old.title == new.title && this.title == old.title",
    ]);
}

#[test]
fn json_is_dynamic() {
    all_hold(&[
        "this.data.n == 1 && this.data.k[1] == 2.5 && this.data['n'] == 1",
        "has(this.data.n) && !has(this.data.x) && 'n' in this.data",
        "this.data.n != 'x' && this.data.k.exists(x, x == 2.5)",
        "this.data.n + 1 == 2 && this.data.n < 2.5",
    ]);
    all_fail(&[
        "this.data.n + 1.0 == 2.0",
        "this.data.n.x == 1",
        "this.data.x == 1",
        "this.data.k[9] == 1",
        "this.data.n.startsWith('x')",
    ]);
}

#[test]
fn relations_lead_to_rows() {
    all_hold(&[
        "this.list != null && this.list.name == 'Home' && !(this.list == null)",
        "this.parent == null && !(this.parent != null)",
        "this.list.members.exists(m, m.user_id == auth.sub && m.role == 'editor')",
        "this.list.members.all(m, m.list.name == 'Home') && size(this.list.members) == 2",
        "this.list.members.size() == 2 && !this.list.members.all(m, m.role == 'owner')",
        "this.list.can_edit && !this.list.is_owner",
        "!this.is_late",
        "this.list.members.exists(m, this.list.members.exists(n, n.user_id != m.user_id))",
    ]);
    all_fail(&["this.parent.title == 'x'", "this.parent.list == null"]);
}
