//! dagtop in a home of its own, as a shell starts it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Far more than anything needs, so that a loaded machine fails no test.
const PATIENCE: Duration = Duration::from_secs(60);

/// What would make dagtop look elsewhere, or look different.
pub const FOREIGN: [&str; 6] = [
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "DAGTOP_CONFIG",
    "NO_COLOR",
    "SSH_CONNECTION",
];

pub struct Home(tempfile::TempDir);

/// A command that has ended.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A command that goes on.
pub struct Going {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    what: String,
}

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes `config.toml` where it is looked for.
    pub fn config(&self, text: &str) {
        self.file(".config/dagtop/config.toml", text);
    }

    /// One local backend, `here`, with the pipelines in `p/`; `more` are further keys of it.
    pub fn here(&self, more: &str) {
        self.config(&format!(
            "[[backend]]\nname = \"here\"\nkind = \"local\"\npipelines = [\"{}/*.toml\"]\n{more}\n",
            self.path().join("p").display()
        ));
    }

    /// Writes `p/NAME.toml`.
    pub fn pipeline(&self, name: &str, text: &str) {
        self.file(&format!("p/{name}.toml"), text);
    }

    /// Writes a file below the folder in which dagtop runs.
    pub fn file(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn state(&self) -> PathBuf {
        self.path().join(".local/state/dagtop")
    }

    /// The lines of the audit file, each as JSON.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.state().join("audit.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &serde_json::Value| line["kind"] == "action")
            .collect()
    }

    /// Runs dagtop to its end, without a terminal.
    pub fn dagtop(&self, args: &[&str]) -> Done {
        self.start(args).wait()
    }

    /// Starts dagtop without a terminal.
    pub fn start(&self, args: &[&str]) -> Going {
        self.start_with(args, &[])
    }

    /// The same with more in its environment.
    pub fn start_with(&self, args: &[&str], env: &[(&str, &str)]) -> Going {
        let what = format!("dagtop {}", args.join(" "));
        let file = |kind: &str| {
            let named = tempfile::Builder::new()
                .prefix(kind)
                .tempfile_in(self.path())
                .unwrap();
            named.keep().unwrap()
        };
        let ((out, out_path), (err, err_path)): ((File, _), (File, _)) = (file("out"), file("err"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_dagtop"));
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path())
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        for name in FOREIGN {
            command.env_remove(name);
        }
        Going {
            child: command.spawn().unwrap(),
            out: out_path,
            err: err_path,
            what,
        }
    }
}

impl Done {
    /// Fails with everything that was printed when the code is another.
    #[track_caller]
    pub fn code(self, wanted: i32) -> Self {
        assert_eq!(self.code, Some(wanted), "{self:#?}");
        self
    }

    /// Stdout has all of this.
    #[track_caller]
    pub fn says(self, wanted: &[&str]) -> Self {
        for text in wanted {
            assert!(
                self.out.contains(text),
                "no {text:?} in stdout: {self:#?}\n{}",
                self.out
            );
        }
        self
    }

    /// Stderr has all of this.
    #[track_caller]
    pub fn complains(self, wanted: &[&str]) -> Self {
        for text in wanted {
            assert!(
                self.err.contains(text),
                "no {text:?} in stderr: {self:#?}\n{}",
                self.err
            );
        }
        self
    }

    /// Nothing on stderr.
    #[track_caller]
    pub fn quietly(self) -> Self {
        assert_eq!(self.err, "", "{self:#?}");
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }
}

impl Going {
    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// What it has printed so far.
    pub fn out(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap()
    }

    /// What it has complained of so far.
    pub fn err(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap()
    }

    /// Waits until stdout has this.
    #[track_caller]
    pub fn until_says(&mut self, wanted: &str) {
        self.until_has(wanted, Self::out);
    }

    /// Waits until stderr has this.
    #[track_caller]
    pub fn until_complains(&mut self, wanted: &str) {
        self.until_has(wanted, Self::err);
    }

    #[track_caller]
    fn until_has(&mut self, wanted: &str, of: impl Fn(&Self) -> String) {
        let end = Instant::now() + PATIENCE;
        while !of(self).contains(wanted) {
            if Instant::now() >= end || self.child.try_wait().unwrap().is_some() {
                let (out, err) = (self.out(), self.err());
                if of(self).contains(wanted) {
                    return;
                }
                panic!("{} never said {wanted:?}: {out}{err}", self.what);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    pub fn wait(mut self) -> Done {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() >= end {
                panic!("{} never ended: {}", self.what, self.out());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Done {
            code: status.code(),
            out: std::fs::read_to_string(&self.out).unwrap(),
            err: std::fs::read_to_string(&self.err).unwrap(),
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for something outside.
#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The process id that a node wrote into a file.
pub fn pid_in(path: &Path) -> rustix::process::Pid {
    let mut pid = None;
    until("a process id", || {
        pid = std::fs::read_to_string(path)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .and_then(rustix::process::Pid::from_raw);
        pid.is_some()
    });
    pid.unwrap()
}

pub fn alive(pid: rustix::process::Pid) -> bool {
    rustix::process::test_kill_process(pid).is_ok()
}
