//! What the command line says about itself.

use clap::CommandFactory as _;
use dagtop::cli::Cli;

use crate::support::home::Home;

#[test]
fn every_help_tells_its_exit_codes_and_fits_a_terminal() {
    let home = Home::new();
    let names: Vec<String> = Cli::command()
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    assert_eq!(names.len(), 23, "{names:?}");
    for name in &names {
        let done = home.dagtop(&[name, "--help"]).code(0).quietly();
        assert!(done.out.contains("Exit codes"), "{name}:\n{}", done.out);
        // a name that looks like a command is one
        for word in done.out.split("`dagtop ").skip(1) {
            let command = word.split(['`', ' ']).next().unwrap();
            assert!(
                names.iter().any(|n| n == command),
                "{name}: dagtop {command}"
            );
        }
    }
    home.dagtop(&["--help"])
        .code(0)
        .says(&["Exit codes", "--config", "--json"]);
    home.dagtop(&["--version"]).code(0).says(&["dagtop "]);
}

#[test]
fn every_argument_is_explained() {
    for command in Cli::command().get_subcommands().chain([&Cli::command()]) {
        for argument in command.get_arguments().filter(|a| !a.is_hide_set()) {
            assert!(
                argument.get_help().is_some(),
                "{} {} has no help",
                command.get_name(),
                argument.get_id()
            );
        }
    }
}
