//! From the configuration to rules, escalation policies and maintenance windows. What makes no sense comes back with
//! its place in the file.

use chrono::{DateTime, Duration, NaiveTime, Weekday};
use chrono_tz::Tz;

use crate::config::{self, At, Config, Problem, Source};
use crate::model::{By, Priority, SafeText, Silence, When};

use super::matchers::Matcher;
use super::{Builtin, Cron, Expect, Glob, Hours, Policy, Rules, Silences, Step};

/// What was found wrong: where, what, and what to do.
type Wrong = (config::Span, String, String);

/// Everything about alerts that a configuration says.
#[derive(Debug, Default)]
pub struct Configured {
    pub rules: Rules,
    pub policies: Vec<Policy>,
    pub windows: Vec<Silence>,
    wrong: Vec<Wrong>,
}

impl Configured {
    /// What makes no sense, to be shown.
    pub fn problems(self, source: &Source) -> Vec<Problem> {
        let wrong = self.wrong.into_iter();
        wrong
            .map(|(span, what, help)| source.problem(span, what, help))
            .collect()
    }
}

/// Reads what a configuration says about alerts. What makes no sense is left out.
pub fn configured(config: &Config) -> Configured {
    let mut to = Configured::default();
    to.rules = rules(&config.alerts, &mut to.wrong);
    let expects = config.expects.iter().map(|e| expect(e, &mut to.wrong));
    to.rules.expects = expects.collect::<Vec<_>>().into();
    for escalation in &config.escalations {
        to.policies.push(policy(escalation, &mut to.wrong));
    }
    for (n, window) in config.silences.iter().enumerate() {
        to.windows.extend(silence(n, window, &mut to.wrong));
    }
    to
}

fn rules(alerts: &config::Alerts, wrong: &mut Vec<Wrong>) -> Rules {
    use Builtin::*;
    let switches: [(bool, &[Builtin]); 8] = [
        (alerts.failing, &[RunFailing, RunLost]),
        (alerts.blocked, &[RunBlocked]),
        (alerts.late, &[RunLate, RunMissing, NeverStarted]),
        (
            alerts.backend,
            &[BackendUnreachable, BackendUnauthorised, BackendDegraded],
        ),
        (alerts.import_error, &[ImportError]),
        (alerts.node_failed, &[NodeFailed]),
        (alerts.retries_exhausted, &[RetriesExhausted]),
        (alerts.check_failed, &[CheckFailed]),
    ];
    let off = switches.iter().filter(|(on, _)| !on);
    let off = off.flat_map(|(_, rules)| rules.iter().copied()).collect();
    let mut priorities = std::collections::HashMap::new();
    for (rule, priority) in &alerts.priority {
        let Some(builtin) = Builtin::parse(&rule.value) else {
            let names: Vec<&str> = Builtin::all().map(Builtin::word).collect();
            let help = match config::reader::nearest(&rule.value, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", names.join(", ")),
            };
            let what = format!("there is no rule `{}`", rule.value);
            wrong.push((rule.span, what, help));
            continue;
        };
        if let Some(priority) = self::priority(priority, wrong) {
            priorities.insert(builtin, priority);
        }
    }
    Rules {
        off,
        priorities,
        duration_limit: alerts.duration_limit.map(span),
        duration_high: alerts.duration_p95,
        duration_unusual: alerts.duration_usual,
        stuck: alerts.stuck.map(span),
        queue_wait: alerts.queue_wait.map(span),
        queue_depth: alerts.queue_depth,
        memory: alerts.memory,
        cpu: alerts.cpu,
        rows_zero: alerts.rows_zero,
        rows_unusual: alerts.rows_usual,
        ..Rules::default()
    }
}

fn span(duration: std::time::Duration) -> Duration {
    Duration::from_std(duration).unwrap_or(Duration::MAX)
}

fn expect(written: &config::Expect, wrong: &mut Vec<Wrong>) -> Expect {
    let zone = zone(written.zone.as_ref(), wrong);
    let default = Expect::new(Glob(written.pipelines.clone()));
    let cron = written.cron.as_ref().and_then(|line| {
        let help = "write five fields like `0 3 * * MON-FRI`: minute, hour, day, month, weekday";
        Cron::parse(&line.value, zone)
            .map_err(|e| wrong.push((line.span, e.to_string(), help.to_owned())))
            .ok()
    });
    Expect {
        zone,
        cron,
        start_within: written.start_within.map_or(default.start_within, span),
        done_by: written.done_by.as_ref().and_then(|at| time(at, wrong)),
        fresh: written.fresh.map(span),
        finished: written.finished,
        target: written.target.unwrap_or(default.target),
        duration_limit: written.duration_limit.map(span),
        after: written.after.iter().cloned().map(Glob).collect(),
        priority: written.priority.as_ref().and_then(|at| priority(at, wrong)),
        runbook: written.runbook.as_ref().map(SafeText::new),
        ..default
    }
}

fn policy(written: &config::Escalation, wrong: &mut Vec<Wrong>) -> Policy {
    let hours = written.hours.as_ref().and_then(|hours| {
        Some(Hours {
            days: days(&hours.days, wrong),
            zone: zone(hours.zone.as_ref(), wrong),
            from: time(&hours.from, wrong)?,
            to: time(&hours.to, wrong)?,
        })
    });
    Policy {
        name: written.name.clone(),
        matchers: matchers(&written.conditions, wrong),
        hours,
        steps: written
            .steps
            .iter()
            .map(|step| Step {
                after: span(step.after),
                channels: step.channels.iter().map(|at| at.value.clone()).collect(),
            })
            .collect(),
        repeat: written.repeat.map(span),
    }
}

fn silence(n: usize, written: &config::SilenceWindow, wrong: &mut Vec<Wrong>) -> Option<Silence> {
    matchers(&written.conditions, wrong);
    let zone = zone(written.zone.as_ref(), wrong);
    let silence = Silence {
        id: format!("config-{}", n + 1),
        reason: SafeText::new(&written.reason.value),
        by: By {
            who: SafeText::new("the configuration"),
            at: DateTime::UNIX_EPOCH,
        },
        matchers: written.conditions.iter().map(|c| c.value.clone()).collect(),
        when: When::Weekly {
            days: days(&written.days, wrong),
            start: time(&written.start, wrong)?,
            minutes: u32::try_from(written.lasts.as_secs().div_ceil(60)).unwrap_or(u32::MAX),
            zone: zone.name().to_owned(),
        },
    };
    match Silences::default().put(silence.clone()) {
        Ok(()) => Some(silence),
        Err(super::SilenceError::Matcher(_)) => None,
        Err(error) => {
            wrong.push((written.start.span, error.to_string(), String::new()));
            None
        }
    }
}

fn matchers(written: &[At<String>], wrong: &mut Vec<Wrong>) -> Vec<Matcher> {
    let mut all = Vec::new();
    for at in written {
        match Matcher::parse(&at.value) {
            Ok(matcher) => all.push(matcher),
            Err(error) => {
                let what = format!("not a condition: \"{}\"", at.value);
                wrong.push((at.span, what, error.to_string()));
            }
        }
    }
    all
}

fn zone(written: Option<&At<String>>, wrong: &mut Vec<Wrong>) -> Tz {
    let Some(at) = written else { return Tz::UTC };
    at.value.parse().unwrap_or_else(|_| {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let help = match config::reader::nearest(&at.value, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name like `Europe/Berlin` or `UTC`".to_owned(),
        };
        wrong.push((
            at.span,
            format!("there is no time zone \"{}\"", at.value),
            help,
        ));
        Tz::UTC
    })
}

fn time(at: &At<String>, wrong: &mut Vec<Wrong>) -> Option<NaiveTime> {
    let time = NaiveTime::parse_from_str(&at.value, "%H:%M").ok();
    if time.is_none() {
        let what = format!("\"{}\" is no time of day", at.value);
        wrong.push((at.span, what, "write it like \"04:30\"".to_owned()));
    }
    time
}

fn days(written: &[At<String>], wrong: &mut Vec<Wrong>) -> Vec<Weekday> {
    let mut all = Vec::new();
    for at in written {
        match at.value.parse() {
            Ok(day) => all.push(day),
            Err(_) => {
                let what = format!("\"{}\" is no day of the week", at.value);
                wrong.push((
                    at.span,
                    what,
                    "write mon, tue, wed, thu, fri, sat, sun".to_owned(),
                ));
            }
        }
    }
    all
}

fn priority(at: &At<String>, wrong: &mut Vec<Wrong>) -> Option<Priority> {
    let priority = Priority::parse(&at.value);
    if priority.is_none() {
        let what = format!("\"{}\" is no priority", at.value);
        wrong.push((
            at.span,
            what,
            "there are P1 to P5, P1 the highest".to_owned(),
        ));
    }
    priority
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::path::Path;

    use super::*;

    fn loaded(text: &str) -> config::Loaded {
        config::load::parse(Path::new("/x/config.toml"), text).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_place_and_the_rest_works() {
        let expect = |more: &str| format!("[[expect]]\npipelines = \"a\"\n{more}\n");
        let silence = |more: &str| {
            format!("[[silence]]\nreason = \"r\"\nmatch = [\"a=b\"]\nlasts = \"1h\"\n{more}\n")
        };
        for (text, line, column, part) in [
            (expect("cron = \"often\""), 3, 8, "no cron line"),
            (expect("cron = \"0 0 31 2 *\""), 3, 8, "never comes"),
            (expect("zone = \"Europe/Belin\""), 3, 8, "Europe/Berlin"),
            (expect("done_by = \"25:00\""), 3, 11, "no time of day"),
            (expect("priority = \"P9\""), 3, 12, "P1 to P5"),
            ("[alerts.priority]\nrun-lat = \"P1\"\n".to_owned(), 2, 1, "run-late"),
            (silence("start = \"2am\""), 5, 9, "no time of day"),
            (silence("start = \"02:00\"\ndays = [\"sun\", \"someday\"]"), 6, 16, "no day"),
            (
                "[[escalation]]\nname = \"n\"\nmatch = [\"priority<=high\"]\n[[escalation.step]]\nchannels = []\n"
                    .to_owned(),
                3,
                10,
                "P1 to P5",
            ),
        ] {
            let loaded = loaded(&text);
            let found = configured(&loaded.config).problems(&loaded.source);
            let [problem] = &found[..] else {
                panic!("{text}: {found:?}")
            };
            assert_eq!((problem.line, problem.column), (line, column), "{text}");
            assert!(problem.to_string().contains(part), "{part}: {problem}");
        }
    }

    #[test]
    fn limits_that_are_none_are_refused_by_the_file() {
        for text in [
            "[alerts]\nstuck = \"0s\"\n",
            "[alerts]\nduration_usual = 0.5\n",
            "[alerts]\nqueue_depth = 0\n",
            "[[expect]]\ncron = \"* * * * *\"\n",
            "[[escalation]]\nname = \"n\"\n",
            "[[silence]]\nreason = \"r\"\nstart = \"02:00\"\nlasts = \"1h\"\n",
            "[[escalation]]\nname = \"n\"\n[[escalation.step]]\nafter = \"5m\"\nchannels = []\n[[escalation.step]]\nafter = \"1m\"\nchannels = []\n",
            "[[escalation]]\nname = \"n\"\n[[escalation.step]]\nchannels = [\"nobody\"]\n",
        ] {
            let loaded = config::load::parse(Path::new("/x/config.toml"), text);
            assert!(loaded.is_err(), "{text} was taken");
        }
    }

    #[test]
    fn a_configuration_becomes_rules() {
        let text = r#"
            [alerts]
            late = false
            stuck = "30m"
            priority = { run-failing = "P2" }
            [[expect]]
            pipelines = "prod/orders_*"
            zone = "Europe/Berlin"
            cron = "0 3 * * *"
            done_by = "04:00"
            after = ["prod/ingest"]
            [[silence]]
            reason = "upgrade"
            match = ["backend=prod"]
            days = ["sun"]
            start = "02:00"
            lasts = "90m"
        "#;
        let configured = configured(&loaded(text).config);
        assert!(configured.wrong.is_empty(), "{:?}", configured.wrong);
        let rules = configured.rules;
        assert!(!rules.has_limit(Builtin::RunLate));
        assert!(rules.has_limit(Builtin::Stuck) && rules.has_limit(Builtin::SlaRisk));
        assert!(!rules.has_limit(Builtin::Finished) && !rules.has_limit(Builtin::QueueDepth));
        assert_eq!(rules.priorities[&Builtin::RunFailing], Priority::P2);
        let [window] = &configured.windows[..] else {
            panic!("{:?}", configured.windows)
        };
        assert!(matches!(&window.when, When::Weekly { minutes: 90, zone, .. } if zone == "UTC"));
    }
}
