//! Files and stdin: each a log of its own, filtered, merged by time, followed.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::cli::{Global, Logs};
use crate::config::Paths;
use crate::logs::{Filter, Find, Folds, Lens, LogStore, Source, Spill};
use crate::model::SafeText;

use super::super::{Exit, Usage, print};
use super::flow::{Flow, Shown};
use super::printer::Printer;

/// Bytes read between two looks at what can be printed.
const SLICE: u64 = 1 << 20;
/// How often a file that has not grown is looked at.
const PAUSE: Duration = Duration::from_millis(100);
/// Looks in vain after which the last record is taken as ended.
const PATIENCE: u32 = 3;

pub(super) fn run(global: &Global, args: &Logs, filter: Filter) -> anyhow::Result<Exit> {
    let streams = args.targets.iter().filter(|target| *target == "-").count();
    if streams > 1 {
        return Err(Usage("stdin can be read only once".to_owned()).into());
    }
    let mut store = LogStore::default();
    if let Some(paths) = Paths::discover(global.config.as_deref())
        .ok()
        .filter(|_| streams > 0)
    {
        // what comes from stdin is kept nowhere else
        store = store.with_spill(Spill::new(paths.state_dir.join("logs"), 1 << 30));
    }
    let several = args.targets.len() > 1;
    let mut inputs = Vec::new();
    for (key, target) in args.targets.iter().enumerate() {
        inputs.push(Input::open(&mut store, key, target, several)?);
    }
    store.set_focus(0..inputs.len());
    let shown = Shown {
        printer: Printer::new(global, args.raw),
        filter: Arc::new(filter),
    };
    if several {
        merged(&mut store, &mut inputs, &shown, args.follow)
    } else {
        single(&mut store, &mut inputs, &shown, args.follow)
    }
}

struct Input {
    key: usize,
    name: Option<SafeText>,
    path: String,
    stream: bool,
    ended: bool,
    flow: Flow,
}

impl Input {
    fn open(
        store: &mut LogStore<usize>,
        key: usize,
        target: &str,
        several: bool,
    ) -> anyhow::Result<Self> {
        let path = expanded(target);
        let special =
            || std::fs::metadata(&path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir());
        let stream = target == "-" || special();
        if stream {
            store.append(&key, b"");
        } else {
            store
                .open_file(&key, &path)
                .with_context(|| format!("can't read {}", SafeText::new(target)))?;
        }
        let host = rustix::system::uname();
        store.set_tags(
            &key,
            vec![("host", SafeText::from_bytes(host.nodename().to_bytes()))],
        );
        store.set_written(&key, chrono::Utc::now());
        let short = path
            .file_name()
            .map(|name| SafeText::from_bytes(name.as_encoded_bytes()));
        Ok(Self {
            key,
            name: several.then(|| short.unwrap_or_else(|| SafeText::new(target))),
            path: path.to_string_lossy().into_owned(),
            stream,
            ended: false,
            flow: Flow::default(),
        })
    }

    /// Reads on; whether there was anything.
    fn read(&mut self, store: &mut LogStore<usize>, follow: bool) -> anyhow::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let what = || format!("can't read {}", SafeText::new(&self.path));
        if self.stream {
            let mut chunk = vec![0; 64 << 10];
            let read = match self.path.as_str() {
                "-" => io::stdin().lock().read(&mut chunk),
                _ => return self.read_special(store),
            };
            let read = read.with_context(what)?;
            store.append(&self.key, &chunk[..read]);
            if read == 0 {
                self.end(store);
            }
            return Ok(read > 0);
        }
        let advance = store.advance(&self.key, SLICE).with_context(what)?;
        if advance.caught_up && !follow {
            self.end(store);
        }
        Ok(advance.read > 0 || !advance.caught_up)
    }

    /// A pipe with a name or a device: read to its end at once.
    fn read_special(&mut self, store: &mut LogStore<usize>) -> anyhow::Result<bool> {
        let what = || format!("can't read {}", SafeText::new(&self.path));
        let mut file = std::fs::File::open(&self.path).with_context(what)?;
        let mut chunk = vec![0; 64 << 10];
        loop {
            let read = file.read(&mut chunk).with_context(what)?;
            if read == 0 {
                self.end(store);
                return Ok(true);
            }
            store.append(&self.key, &chunk[..read]);
        }
    }

    fn end(&mut self, store: &mut LogStore<usize>) {
        store.finish(&self.key);
        self.ended = true;
    }
}

/// `~/x`, as a shell that quotes would not have it.
fn expanded(target: &str) -> PathBuf {
    let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    match target
        .strip_prefix("~/")
        .and_then(|rest| Some(home()?.join(rest)))
    {
        Some(path) => path,
        None => PathBuf::from(target),
    }
}

/// One log: printed as it is read, in its own order.
fn single(
    store: &mut LogStore<usize>,
    inputs: &mut [Input],
    shown: &Shown,
    follow: bool,
) -> anyhow::Result<Exit> {
    let Some(input) = inputs.first_mut() else {
        return Ok(Exit::Done);
    };
    let mut idle = 0;
    loop {
        let read = input.read(store, follow)?;
        idle = if read { 0 } else { idle + 1 };
        if let Some(log) = store.get(&input.key) {
            let flush = input.ended || idle >= PATIENCE;
            input.flow.print(log, shown, flush)?;
        }
        if input.ended {
            return Ok(Exit::Done);
        }
        if !read {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Several logs: read to where they are, then merged; what is followed is merged as it comes.
fn merged(
    store: &mut LogStore<usize>,
    inputs: &mut [Input],
    shown: &Shown,
    follow: bool,
) -> anyhow::Result<Exit> {
    let folds = Folds::default();
    // of each log the line that is next
    let mut next = vec![0; inputs.len()];
    let mut idle = 0;
    loop {
        let mut read = false;
        for input in inputs.iter_mut() {
            while input.read(store, follow)? {
                read = true;
            }
        }
        idle = if read { 0 } else { idle + 1 };
        for input in inputs.iter_mut() {
            if let Some(log) = store.get(&input.key) {
                input.flow.search(log, shown);
            }
        }
        let sources: Vec<Source<'_>> = inputs
            .iter()
            .filter_map(|input| {
                let log = store.get(&input.key)?;
                // the last record of a log may go on
                let open = !input.ended && idle < PATIENCE && !log.numbers().is_empty();
                let end = log.numbers().end;
                Some(Source {
                    log,
                    wanted: input.flow.find.as_ref().map(Find::matches),
                    since: None,
                    until: Some(match open {
                        true => log.record_numbers(end - 1).start,
                        false => end,
                    }),
                })
            })
            .collect();
        let lens = Lens::new(&sources, &folds);
        let rows: Vec<usize> = sources
            .iter()
            .zip(&next)
            .map(|(s, n)| s.log.row_of(*n))
            .collect();
        let mut out = String::new();
        for point in lens.from(&rows) {
            let log = sources[point.source].log;
            let record = log.record(point.row);
            if point.row != record.start {
                continue;
            }
            let name = inputs[point.source].name.as_ref();
            if log.is_cut() && point.row == 0 {
                shown.printer.gap(log, &mut out);
                next[point.source] = log.numbers().start;
                continue;
            }
            let lines = log.number_of(record.start)..log.number_of(record.end);
            next[point.source] = lines.end;
            shown.record(log, lines, name, &mut out)?;
        }
        print(out)?;
        if inputs.iter().all(|input| input.ended) {
            return Ok(Exit::Done);
        }
        if !read {
            std::thread::sleep(PAUSE);
        }
    }
}
