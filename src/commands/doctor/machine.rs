//! What surrounds dagtop: the terminal, and the place for its state.

use std::io::IsTerminal as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::config::Paths;
use crate::engine::Register;
use crate::history::Place;
use crate::tui::term::Caps;
use crate::tui::widgets::format;

use super::report::Check;

pub(super) fn terminal(caps: &Caps) -> Vec<Check> {
    let mut checks = Vec::new();
    if std::io::stdout().is_terminal() {
        checks.push(size());
        if caps.dumb {
            let help = "set TERM, for example to xterm-256color";
            checks.push(
                Check::problem("TERM says that this terminal can't move its cursor").help(help),
            );
        }
    } else {
        checks.push(Check::ok(
            "output goes to a file or a pipe; run doctor in a terminal to check it",
        ));
    }
    if !caps.unicode {
        let help = "set LANG, for example to C.UTF-8";
        checks.push(Check::warning("the locale is not UTF-8, so plain ASCII is drawn").help(help));
    }
    checks
}

fn size() -> Check {
    match crossterm::terminal::size() {
        Ok((columns, rows)) if columns < 80 || rows < 24 => Check::warning(format!(
            "{columns}x{rows} is small; dagtop is made for 80x24 and more"
        )),
        Ok((columns, rows)) => Check::ok(format!("{columns}x{rows}")),
        Err(error) => Check::warning(format!("the size of the terminal is not known: {error}")),
    }
}

pub(super) fn state(paths: &Paths) -> Vec<Check> {
    let mut checks = folder(paths);
    // one that is not there is made when it is needed
    if paths.state_dir.join("history.db").exists() {
        let checked = Register::open(&Place::Folder(paths.state_dir.clone()))
            .and_then(|mut store| Ok((store.check()?, store.bytes()?)));
        checks.push(match checked {
            Ok((0, bytes)) => {
                Check::ok(format!("the history is whole; {}", format::bytes(bytes)))
            }
            Ok((left_out, bytes)) => Check::warning(format!(
                "the history is whole; {}; {left_out} records of runs make no sense and are left out",
                format::bytes(bytes)
            )),
            Err(error) => Check::problem(error.to_string()),
        });
    }
    checks
}

fn folder(paths: &Paths) -> Vec<Check> {
    let dir = &paths.state_dir;
    let shown = dir.display();
    let meta = match std::fs::metadata(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let above = dir.ancestors().find(|above| above.exists());
            return vec![match above.map(writable) {
                Some(Ok(())) => Check::ok(format!("{shown} will be made when it is needed")),
                _ => Check::problem(format!(
                    "{shown} can't be made: no runs and no audit will be kept"
                ))
                .help("set XDG_STATE_HOME to a place that you may write to"),
            }];
        }
        Err(error) => return vec![Check::problem(format!("{shown}: {error}"))],
        Ok(meta) => meta,
    };
    if !meta.is_dir() {
        return vec![Check::problem(format!("{shown} is not a directory")).help("move it away")];
    }
    if let Err(error) = writable(dir) {
        return vec![Check::problem(format!(
            "{shown} can't be written: {error}; no runs and no audit will be kept"
        ))];
    }
    if meta.permissions().mode() & 0o077 != 0 {
        let help = format!("run chmod 700 {shown}");
        return vec![
            Check::warning(format!(
                "{shown} is open to other users; dagtop closes it when it starts"
            ))
            .help(help),
        ];
    }
    vec![Check::ok(format!(
        "{shown} can be written, and by nobody else"
    ))]
}

fn writable(dir: &Path) -> rustix::io::Result<()> {
    use rustix::fs::Access;
    rustix::fs::access(dir, Access::WRITE_OK | Access::EXEC_OK)
}
