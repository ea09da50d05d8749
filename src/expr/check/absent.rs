//! What CEL has elsewhere and the language does not: refused by name, with what to write instead. `docs/cel.md` shows the same list.

use std::ops::Range;

use crate::expr::Fault;
use crate::expr::check::Checker;
use crate::expr::syntax::{Call, Syntax};

/// Something that is left out.
pub(in crate::expr) struct Absent {
    /// What it is called.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the page shows it, and a test compares")
    )]
    pub feature: &'static str,
    /// The names that are refused: functions and methods, `x.*` for all that stand behind `x.`; none for what has no name.
    pub names: &'static [&'static str],
    /// Why.
    pub why: &'static str,
    /// What to write instead.
    pub instead: &'static str,
}

/// Everything that is refused by its name.
pub(in crate::expr) const ABSENT: &[Absent] = &[
    Absent {
        feature: "types as values",
        names: &["type"],
        why: "types are known when the rules load",
        instead: "hold a JSON column to a JSON Schema (`schema` of its column)",
    },
    Absent {
        feature: "optional values",
        names: &[
            "optional.*",
            "optMap",
            "optFlatMap",
            "orValue",
            "or",
            "value",
            "hasValue",
            "unwrap",
            "unwrapOpt",
            "first",
            "last",
        ],
        why: "`has` and `== null` say the same in words that a reader knows",
        instead: "write `has(x.y) ? x.y : …`",
    },
    Absent {
        feature: "`format`",
        names: &["format"],
        why: "its many letters are a language of their own",
        instead: "join texts with `+` and `string(…)`",
    },
    Absent {
        feature: "network addresses",
        names: &[
            "ip",
            "cidr",
            "isIP",
            "isCIDR",
            "ip.*",
            "cidr.*",
            "net.*",
            "containsIP",
            "containsCIDR",
            "prefixLength",
            "masked",
            "family",
            "isUnspecified",
            "isLoopback",
            "isGlobalUnicast",
            "isLinkLocalMulticast",
            "isLinkLocalUnicast",
        ],
        why: "rules know no address of the client",
        instead: "compare the column as text, or put the test into a `check` of the database",
    },
    Absent {
        feature: "`cel.block`",
        names: &["cel.block", "cel.index", "cel.iterVar", "cel.accuVar"],
        why: "it is what optimisers write, not people",
        instead: "write `cel.bind(x, …, …)`",
    },
    Absent {
        feature: "sets",
        names: &["sets.*"],
        why: "lists have the same in plain macros",
        instead: "write `a.all(x, x in b)` or `a.exists(x, x in b)`",
    },
    Absent {
        feature: "regular expressions beyond `matches`",
        names: &["regex.*"],
        why: "a rule tests texts, and takes none apart by pattern",
        instead: "write `x.matches('…')`, `x.split('…')` or `x.substring(…)`",
    },
    Absent {
        feature: "more of lists",
        names: &[
            "flatten",
            "sortBy",
            "lists.*",
            "transformMapEntry",
            "sum",
            "min",
            "max",
        ],
        why: "no rule was seen that needs them",
        instead: "write `.map(x, …)`, `.filter(x, …)`, `.sort()` or `math.greatest(…)`",
    },
    Absent {
        feature: "protobuf",
        names: &["proto.*"],
        why: "rows are no messages",
        instead: "name the column",
    },
    Absent {
        feature: "messages (`Name{…}`)",
        names: &[],
        why: "rows are no messages",
        instead: "write a map: `{'name': …}`",
    },
    Absent {
        feature: "quoted names (x.`a-b`)",
        names: &[],
        why: "brackets say the same",
        instead: "write `x['a-b']`",
    },
    Absent {
        feature: "names of several words (`a.b.c` as one variable, `.a`)",
        names: &[],
        why: "the variables of rules are few and fixed",
        instead: "write `auth`, `new`, `old`, `this` and what stands behind them",
    },
    Absent {
        feature: "containers (a prefix that all names share)",
        names: &[],
        why: "the variables of rules are few and fixed",
        instead: "write the whole name",
    },
    Absent {
        feature: "types that do not go together",
        names: &[],
        why: "comparing or mixing them is a mistake that is told when the rules load",
        instead: "convert one side, or write `dyn(…)` where it is meant",
    },
    Absent {
        feature: "functions and variables that nobody defined",
        names: &[],
        why: "a misspelt name must not load, whatever stands beside it",
        instead: "correct the name",
    },
    Absent {
        feature: "rounding when an int is compared with a double",
        names: &[],
        why: "9223372036854775807 is less than 9223372036854775808.0: numbers are compared by what they are, with all digits",
        instead: "write `double(x) < y` where the rounded comparison is meant",
    },
    Absent {
        feature: "division of decimals",
        names: &[],
        why: "decimals are exact, and a quotient is not",
        instead: "multiply the other side, or convert with `double(…)`",
    },
    Absent {
        feature: "the time of the call",
        names: &["now"],
        why: "one reading of the clock serves a whole upload",
        instead: "write `request.time`",
    },
    Absent {
        feature: "square roots",
        names: &["math.sqrt"],
        why: "no rule was seen that needs it",
        instead: "compare the square: `x * x < …`",
    },
];

impl Checker<'_> {
    /// What CEL has elsewhere is refused by its name, whatever stands around it.
    pub(super) fn absent(&self, call: &Call, name: &Range<usize>) -> Option<Fault> {
        let function = &*call.function;
        let full = match self.namespace(call) {
            Some(namespace) => format!("{namespace}.{function}"),
            None => function.to_owned(),
        };
        let found = ABSENT.iter().find(|absent| {
            absent
                .names
                .iter()
                .any(|name| match name.strip_suffix('*') {
                    Some(namespace) => full.starts_with(namespace),
                    None => *name == full,
                })
        })?;
        let message = format!("`{full}` is not part of the rule language: {}", found.why);
        Some(Fault::error(name.clone(), message).help(found.instead))
    }

    /// The word before the point of a call, where it is no variable.
    pub(super) fn namespace<'c>(&self, call: &'c Call) -> Option<&'c str> {
        const NAMESPACES: &[&str] = &[
            "cel", "math", "strings", "base64", "optional", "ip", "cidr", "net", "sets", "regex",
            "lists", "proto",
        ];
        match call.on.as_ref().map(|on| &on.syntax) {
            Some(Syntax::Name(name))
                if NAMESPACES.contains(&&**name)
                    && self.bound.iter().all(|bound| bound.name != *name) =>
            {
                Some(name)
            }
            _ => None,
        }
    }
}
