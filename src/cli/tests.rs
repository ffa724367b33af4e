use clap::CommandFactory as _;

use super::*;

/// `--help` of the program and of each command, as it is printed to a terminal of 100 columns.
fn all_help() -> String {
    let mut program = Program::command().term_width(100);
    program.build();
    let mut text = format!("$ rollcall --help\n{}", program.render_help());
    let names: Vec<_> = program.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names {
        let command = program.find_subcommand_mut(&name).expect("a command");
        text.push_str(&format!("\n$ rollcall {name} --help\n{}", command.render_help()));
    }
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn the_command_line_is_consistent() {
    Program::command().debug_assert();
}

/// `UPDATE_EXPECT=1` rewrites the file.
#[test]
#[allow(clippy::disallowed_methods, reason = "a switch of the test, not of the program")]
fn help_is_as_agreed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/expect/help.txt");
    let help = all_help();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &help).expect("a file that can be written");
    }
    let expected = std::fs::read_to_string(path).expect("the expected help");
    assert!(help == expected, "--help has changed; UPDATE_EXPECT=1 rewrites {path}:\n{help}");
}

#[test]
fn no_command_is_serve() {
    let program = Program::try_parse_from(["rollcall"]).expect("valid arguments");
    assert!(program.command.is_none());
}

#[test]
fn the_help_of_serve_names_every_variable() {
    let help = Program::command().find_subcommand_mut("serve").expect("serve").render_help().to_string();
    for name in config::variables() {
        assert!(help.contains(&name), "{name}");
    }
}
