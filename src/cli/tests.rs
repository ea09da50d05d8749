use clap::CommandFactory as _;

use super::arguments::Arguments;

#[test]
fn the_command_line_is_defined_without_contradictions() {
    Arguments::command().debug_assert();
}
