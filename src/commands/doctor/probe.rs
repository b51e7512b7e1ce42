//! Asking the servers themselves: runs the real backends for as long as it takes them to answer once.

use std::time::Duration;

use crate::backends::Role;
use crate::commands::{notice_line, open};
use crate::config::{Backend, Config, Paths};
use crate::model::{Action, BackendId, NoticeLevel, Reach, TargetKind};
use crate::tui::widgets::format::duration_fine;
use crate::world::{BackendView, World};

use super::report::Check;

/// Longest wait for a first answer.
const WAIT: Duration = Duration::from_secs(30);
/// A clock that is off by more shifts every duration on the screen.
const SKEW_MS: u64 = 5_000;
/// Slower answers are felt.
const SLOW: Duration = Duration::from_secs(2);

/// What each backend answers, in the order of `chosen`.
pub(super) async fn all(
    config: &Config,
    chosen: &[&Backend],
    paths: &Paths,
) -> anyhow::Result<Vec<Vec<Check>>> {
    let mut session = open::backends(config, chosen, paths, Role::Observe);
    // whoever has not answered by then is reported as such
    let listed = session
        .interruptible(async |session| Ok(session.until_listed(WAIT).await))
        .await;
    if let Err(error) = listed {
        session.close().await;
        return Err(error);
    }
    let world = &session.engine.watch.world;
    let found = chosen
        .iter()
        .filter_map(|backend| world.backend(&BackendId::new(&backend.name)))
        .map(|view| answer(world, view, WAIT))
        .collect();
    session.close().await;
    Ok(found)
}

fn answer(world: &World, view: &BackendView, wait: Duration) -> Vec<Check> {
    let mut checks = Vec::new();
    match &view.status.reach {
        Reach::Connecting => {
            checks.push(Check::problem(format!(
                "no answer within {} s",
                wait.as_secs()
            )));
            return checks;
        }
        Reach::Down { reason, .. } | Reach::Refused { reason } => {
            checks.push(Check::problem(reason));
            return checks;
        }
        Reach::Up => {}
    }
    let latency = Duration::from_micros(view.status.stats.latency_us);
    let mut up = "up".to_owned();
    if !view.status.version.is_empty() {
        up.push_str(&format!(", {}", view.status.version));
    }
    if view.status.stats.requests > 0 {
        up.push_str(&format!(", last answer in {} ms", latency.as_millis()));
    }
    checks.push(if latency > SLOW {
        Check::warning(format!("{up}, which is slow"))
    } else {
        Check::ok(up)
    });
    if let Some(degraded) = &view.status.degraded {
        checks.push(Check::warning(degraded));
    }
    match view.status.clock_skew_ms {
        Some(skew) if skew.unsigned_abs() > SKEW_MS => {
            let way = if skew > 0 { "ahead of" } else { "behind" };
            let skew = chrono::TimeDelta::milliseconds(skew.saturating_abs());
            checks.push(
                Check::warning(format!(
                    "its clock is {} {way} this machine's",
                    duration_fine(skew)
                ))
                .help("durations of what is going are off by as much"),
            );
        }
        Some(_) => checks.push(Check::ok("its clock agrees with this machine's")),
        None => {}
    }
    let pipelines = world
        .pipelines()
        .filter(|p| p.pipeline.key.backend == view.info.id)
        .count();
    match (view.listed, pipelines) {
        (false, _) => checks.push(Check::problem("its pipelines were not listed in time")),
        (true, 0) => checks.push(
            Check::warning("it shows no pipeline")
                .help("is the filter too narrow, or may this user see none?"),
        ),
        (true, 1) => checks.push(Check::ok("1 pipeline")),
        (true, count) => checks.push(Check::ok(format!("{count} pipelines"))),
    }
    checks.push(rights(view));
    checks.extend(view.notices.iter().map(|notice| {
        let line = notice_line(notice);
        match notice.level {
            NoticeLevel::Error => Check::problem(format!("can't be loaded: {line}")),
            NoticeLevel::Warning => Check::warning(line),
        }
    }));
    if view.bad_records > 0 {
        let last = view
            .last_bad
            .as_ref()
            .map(|what| format!(", the last: {what}"))
            .unwrap_or_default();
        checks.push(Check::warning(format!(
            "{} records could not be read{last}",
            view.bad_records
        )));
    }
    checks
}

fn rights(view: &BackendView) -> Check {
    if view.info.read_only {
        return Check::ok("read_only: no action is possible");
    }
    let kinds = [TargetKind::Pipeline, TargetKind::Run, TargetKind::Node];
    let may = |action: &Action| {
        kinds
            .iter()
            .any(|kind| view.capabilities.allows(*action, *kind))
    };
    let (can, cannot): (Vec<Action>, Vec<Action>) = Action::ALL
        .into_iter()
        // of which the one is always there and the other is for queues
        .filter(|action| !matches!(action, Action::Stop | Action::Limit))
        .partition(may);
    let words = |actions: &[Action]| {
        actions
            .iter()
            .map(|action| action.word())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (can.is_empty(), cannot.is_empty()) {
        (true, _) => Check::warning("no action is possible with these rights"),
        (false, true) => Check::ok("every action is possible"),
        (false, false) => Check::ok(format!(
            "possible: {}; not: {}",
            words(&can),
            words(&cannot)
        )),
    }
}
