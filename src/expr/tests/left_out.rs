//! The tests of the conformance data whose feature the language leaves out. `docs/cel.md` shows the same list.

/// A feature that is left out, with the tests that need it.
pub struct LeftOut {
    /// Its name in the list of what is absent.
    pub feature: &'static str,
    /// `file/section/name`; a star at the end stands for anything.
    pub tests: &'static [&'static str],
    /// How many tests these are.
    pub count: usize,
    /// The expression loads and gives another answer; all others are refused at load.
    pub deviates: bool,
}

/// The tests that need no protobuf.
pub const COUNT: usize = 1742;

const fn refused(feature: &'static str, count: usize, tests: &'static [&'static str]) -> LeftOut {
    LeftOut {
        feature,
        tests,
        count,
        deviates: false,
    }
}

/// The list.
pub const LEFT_OUT: &[LeftOut] = &[
    refused(
        "`format`",
        93,
        &["string_ext/format/*", "string_ext/format_errors/*"],
    ),
    refused("network addresses", 69, &["network_ext/*"]),
    refused(
        "optional values",
        65,
        &[
            "optionals/*",
            "type_deduction/flexible_type_parameter_assignment/optional_*",
            "type_deduction/legacy_nullable_types/null_assignable_to_abstract_parameter_candidate",
        ],
    ),
    refused(
        "types as values",
        34,
        &[
            "conversions/type/*",
            "conversions/dyn/*",
            "timestamps/timestamp_conversions/toType_timestamp",
            "timestamps/timestamp_conversions/type_comparison",
            "timestamps/duration_conversions/toType_duration",
            "timestamps/duration_conversions/type_comparison",
        ],
    ),
    refused("`cel.block`", 25, &["block_ext/*"]),
    refused(
        "functions and variables that nobody defined",
        24,
        &[
            "basic/functions/unbound_is_runtime_error",
            "basic/variables/unbound_is_runtime_error",
            "parse/receiver_function_names/*",
            "type_deduction/functions/function_result_type",
            "type_deduction/type_parameters/*",
        ],
    ),
    refused(
        "types that do not go together",
        8,
        &[
            "comparisons/eq_literal/not_eq_list_length",
            "comparisons/in_list_literal/elem_in_mixed_type_list*",
            "logic/AND/short_circuit_type_*",
            "logic/OR/short_circuit_type_*",
            "logic/conditional/mixed_type",
        ],
    ),
    refused(
        "names of several words (`a.b.c` as one variable, `.a`)",
        9,
        &[
            "fields/qualified_identifier_resolution/qualified_ident*",
            "fields/qualified_identifier_resolution/map_field_select",
            "fields/qualified_identifier_resolution/list_field_select_unsupported",
            "fields/qualified_identifier_resolution/ident_with_longest_prefix_check",
            "namespace/qualified/*",
            "namespace/namespace_shadowing/disambiguation",
            "namespace/namespace_shadowing/comprehension_shadowing_disambiguation",
            "namespace/namespace_shadowing/comprehension_shadowing_namespaced_selector_disambiguation",
        ],
    ),
    LeftOut {
        feature: "containers (a prefix that all names share)",
        tests: &[
            "namespace/namespace/*",
            "namespace/namespace_shadowing/basic",
        ],
        count: 3,
        deviates: true,
    },
    refused("quoted names (x.`a-b`)", 6, &["fields/quoted_map_fields/*"]),
    LeftOut {
        feature: "rounding when an int is compared with a double",
        tests: &[
            "comparisons/gt_literal/not_gt_dyn_big_double_int",
            "comparisons/gte_literal/gte_dyn_int_big_lossy_double",
            "comparisons/lt_literal/not_lt_dyn_int_big_lossy_double",
            "comparisons/lte_literal/lte_dyn_big_double_int",
        ],
        count: 4,
        deviates: true,
    },
];
