//! `dagtop report --incident`: what happened, in order, for whoever reads about it afterwards: Markdown.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, Duration, Utc};

use crate::cli::Global;
use crate::commands::watch::Screen;
use crate::commands::{Exit, Usage, address, diagnosis, moment, open, print, record};
use crate::config::{Config, Paths};
use crate::engine::replay::{Answer, Ask, Moved, Reel, Story};
use crate::engine::{Engine, Settings, Watch};
use crate::model::{PipelineKey, SafeText, Target};
use crate::tui::widgets::format::{self, Zone};

/// What it is about when nothing is said.
const LAST: Duration = Duration::hours(24);
/// Lines of a log that are quoted.
const QUOTED: usize = 12;

/// What is asked for.
pub(super) struct Wanted<'a> {
    pub since: Option<&'a str>,
    pub until: Option<&'a str>,
    pub pipeline: Option<&'a str>,
    /// A recording; else the history.
    pub file: Option<&'a Path>,
}

pub(super) fn run(global: &Global, wanted: &Wanted<'_>) -> anyhow::Result<Exit> {
    let paths = Paths::discover(global.config.as_deref())?;
    let config = match open::load(global, &paths) {
        Ok(config) => config,
        Err(error) if wanted.file.is_none() => return Err(error.into()),
        Err(_) => Config::default(),
    };
    let zone = Screen::new(&config, &paths).settings.zone;
    let only = wanted.pipeline.map(pipeline).transpose()?;
    let mut opened = record::reel(&config, &paths, wanted.file, || {
        moment::span(wanted.since, wanted.until, zone, Utc::now(), LAST)
    })?;
    let span = opened.reel.span();
    let mut from = span.from;
    let mut to = span.to;
    if wanted.file.is_some() {
        // a recording may hold more than the incident
        if let Some(text) = wanted.until {
            to = moment::before(text, zone, span.to)?;
        }
        if let Some(text) = wanted.since {
            from = moment::before(text, zone, to)?;
        }
    }
    let settings = Settings {
        patterns: diagnosis::of(&config),
        ..Settings::from(&config)
    };
    let text = report(&mut opened.reel, &settings, (from, to), only, zone)?;
    print(text)?;
    Ok(Exit::Done)
}

fn pipeline(text: &str) -> anyhow::Result<PipelineKey> {
    match address::place(text)? {
        Target::Pipeline(key) => Ok(key),
        _ => Err(Usage("--pipeline is written BACKEND/PIPELINE".to_owned()).into()),
    }
}

fn report(
    reel: &mut Reel,
    settings: &Settings,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    only: Option<PipelineKey>,
    zone: Zone,
) -> anyhow::Result<String> {
    let mut watch = Engine::still(settings, from).watch;
    watch.patterns.wait();
    if let Moved::Scene(scene) = reel.go(from)? {
        watch.shows(*scene);
    }
    let title = only.as_ref().map(|key| key.pipeline.safe());
    let mut story = Story::new(only);
    let begin = reel.at().unwrap_or(from);
    reel.run(to, &mut |line| {
        story.line(&watch, &line);
        watch.goes_on(line);
    })?;
    // an alert may be told a moment after what is told of it
    story.entries.sort_by_key(|entry| entry.at);
    let mut text = String::new();
    // writing to a string can't fail
    let _ = writeln!(
        text,
        "# Incident{}\n\n{} to {} {}, {} events.\n",
        title.map(|t| format!(": {}", md(&t))).unwrap_or_default(),
        format::date_time(begin, zone),
        format::date_time(to, zone),
        format::zone_word(to, zone),
        story.events
    );
    let _ = writeln!(text, "## Timeline\n");
    if story.entries.is_empty() {
        let _ = writeln!(
            text,
            "Nothing failed, nobody was told anything and nobody did anything.\n"
        );
    } else {
        let _ = writeln!(text, "| time | what | about | |\n| --- | --- | --- | --- |");
    }
    for entry in &story.entries {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            format::date_time(entry.at, zone),
            entry.what.word(),
            md(&entry.subject),
            md(&entry.text)
        );
    }
    if story.more > 0 {
        let _ = writeln!(text, "\n{} more are left out.", story.more);
    }
    why(&mut text, reel, &mut watch, &story)?;
    if reel.unreadable() > 0 {
        let _ = writeln!(
            text,
            "\n{} lines of what was kept could not be read and are left out.",
            reel.unreadable()
        );
    }
    Ok(text)
}

/// Why each node failed, as far as its log says.
fn why(text: &mut String, reel: &mut Reel, watch: &mut Watch, story: &Story) -> anyhow::Result<()> {
    if story.failures.is_empty() {
        return Ok(());
    }
    let _ = writeln!(text, "\n## Why\n");
    for (run, node) in &story.failures {
        let key = run.node(&node.id).log(node.attempt);
        let name = Target::Node(key.node.clone()).label();
        let _ = writeln!(text, "### {}, attempt {}\n", md(&name), node.attempt);
        let answer = reel.answer(&Ask::Tails(vec![key.clone()]))?;
        let tail = match answer {
            Answer::Tails(tails) => tails.into_iter().find_map(|(_, tail)| tail),
            _ => None,
        };
        if tail.is_some() {
            watch.shows_log(&key, tail, node.ended_at.unwrap_or_default());
        }
        let diagnosis = watch
            .world
            .run(run)
            .and_then(|view| watch.diagnosis(view, node));
        match &diagnosis {
            Some(why) => {
                let _ = writeln!(text, "{}. Try: {}.\n", md(&why.summary), md(&why.advice));
            }
            None => {
                let _ = writeln!(text, "What is kept of it does not say why.\n");
            }
        }
        let Some(log) = watch.logs.get(&key) else {
            continue;
        };
        let from = log.len().saturating_sub(QUOTED);
        let lines: Vec<SafeText> = log.lines(from..log.len()).map(|l| l.text.text).collect();
        if !lines.is_empty() {
            let _ = writeln!(text, "```text");
            for line in lines {
                // a fence within would end this one
                let _ = writeln!(text, "{}", line.replace("```", "'''"));
            }
            let _ = writeln!(text, "```\n");
        }
    }
    Ok(())
}

/// Text from outside as text, whatever it looks like.
fn md(text: &SafeText) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '#'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
