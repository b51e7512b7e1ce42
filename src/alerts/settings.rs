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
