//! What is handed to the history beside the events themselves, so that they can be replayed: now and then a whole
//! world, piece by piece, and that backends answer although nothing is new.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};

use crate::history::{Keeper, Retold};
use crate::model::{BackendId, BackendStatus, Event, PipelineKey, SafeText, Stamped};
use crate::world::{ActionView, World};

use super::line::{Acted, Line, Lives};
use crate::engine::Watch;

/// After so many events there is a world again: what reaching a moment costs is reading a world and so many events.
const EVENTS: u64 = 4_000;
/// Or after so long, when there was any.
const AT_LATEST: Duration = Duration::minutes(30);
/// But never sooner than this.
const AT_SOONEST: Duration = Duration::seconds(30);
/// Runs of a pipeline that are in it, beside those that are going: what its row shows.
pub(super) const RUNS: usize = 10;
/// Runs and nodes handed over at once, and alerts: a fraction of a millisecond.
const SLICE: usize = 500;
const LIVES: usize = 50;
/// That a backend answers is told so often; its age is not shown before it is older than a minute.
const BEAT: Duration = Duration::seconds(30);

#[derive(Debug, Default)]
pub struct Keeping {
    /// Events since the last world.
    events: u64,
    last: Option<DateTime<Utc>>,
    /// A world is being handed over.
    stage: Option<Stage>,
    beats: HashMap<BackendId, DateTime<Utc>>,
}

#[derive(Debug)]
enum Stage {
    Runs(Option<PipelineKey>),
    Last,
    /// What no backend tells, the next at the end.
    Beside(Vec<Line>),
}

impl Keeping {
    pub fn event(&mut self) {
        self.events += 1;
    }

    /// The next piece of a world, if one is due, and what backends didn't tell.
    pub fn step(&mut self, keeper: &Keeper, watch: &Watch, now: DateTime<Utc>) {
        self.beat(keeper, &watch.world);
        let room = match self.stage.take() {
            Some(stage) => self.go_on(stage, keeper, watch),
            None if self.due(now) => self.begin(keeper, watch, now),
            None => true,
        };
        if !room {
            // the history is behind: it has enough to write
            self.stage = None;
        }
    }

    fn due(&self, now: DateTime<Utc>) -> bool {
        let Some(last) = self.last else { return true };
        let since = now - last;
        // a clock that was set back
        since < Duration::zero()
            || since >= AT_SOONEST && self.events >= EVENTS
            || since >= AT_LATEST && self.events > 0
    }

    fn begin(&mut self, keeper: &Keeper, watch: &Watch, now: DateTime<Utc>) -> bool {
        self.last = Some(now);
        self.events = 0;
        let Some(head) = head(&watch.world, now).text() else {
            return false;
        };
        self.stage = Some(Stage::Runs(None));
        keeper.world(Retold::Begin { at: now, head })
            && keeper.world(Retold::Events(watch.world.retell_lists()))
    }

    fn go_on(&mut self, stage: Stage, keeper: &Keeper, watch: &Watch) -> bool {
        match stage {
            Stage::Runs(after) => {
                let (events, more) = watch.world.retell_runs(after.as_ref(), SLICE, RUNS);
                self.stage = Some(match more {
                    Some(last) => Stage::Runs(Some(last)),
                    None => Stage::Last,
                });
                keeper.world(Retold::Events(events))
            }
            Stage::Last => {
                let mut beside = beside(watch, self.last.unwrap_or_default());
                beside.reverse();
                self.stage = Some(Stage::Beside(beside));
                keeper.world(Retold::Events(watch.world.retell_end()))
            }
            Stage::Beside(mut lines) => {
                let Some(line) = lines.pop() else {
                    return keeper.world(Retold::End);
                };
                self.stage = Some(Stage::Beside(lines));
                let text = line.text();
                text.is_none_or(|text| keeper.world(Retold::Line(text)))
            }
        }
    }

    fn beat(&mut self, keeper: &Keeper, world: &World) {
        for backend in world.backends().filter(|b| b.up()) {
            let Some(at) = backend.last_good else {
                continue;
            };
            let id = &backend.info.id;
            match self.beats.get(id) {
                Some(last) if at - *last < BEAT => continue,
                _ => self.beats.insert(id.clone(), at),
            };
            let mut line = Line::told(Stamped {
                backend: id.clone(),
                at,
                event: Event::Status(BackendStatus {
                    stats: Default::default(),
                    clock_skew_ms: None,
                    ..backend.status.clone()
                }),
            });
            line.heart = true;
            if let Some(body) = line.text() {
                keeper.beside(at, body);
            }
        }
    }
}

/// The first line of a whole world.
pub fn head(world: &World, at: DateTime<Utc>) -> Line {
    Line {
        world: Some(world.backends().map(|b| (&b.info).into()).collect()),
        ..Line::new(at)
    }
}

/// Its last lines: what no backend tells.
pub fn beside(watch: &Watch, at: DateTime<Utc>) -> Vec<Line> {
    let lives: Vec<_> = watch.alerts.lives().collect();
    let lives = lives.chunks(LIVES).map(|some| Lives {
        changed: some.iter().map(|life| (*life).clone()).collect(),
        gone: Vec::new(),
    });
    let mut all: Vec<Line> = lives.map(|lives| Line::alerts(at, lives)).collect();
    let actions = watch.world.actions();
    all.extend(actions.filter_map(|view| acted(&SafeText::default(), view)));
    all
}

/// What became of something that a person asked for; `None`: nobody has said yes to it yet.
pub fn acted(who: &SafeText, view: &ActionView) -> Option<Line> {
    let acted = Acted::new(who.clone(), view.asked_at, &view.request, &view.status)?;
    Some(Line::action(view.changed_at, acted))
}
