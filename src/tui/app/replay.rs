//! The player of a replay: where it stands, how fast it goes, and what it asks of the reel. The clock of the screen is
//! its clock.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};

use crate::config::parse_duration;
use crate::engine::replay::{Ask, Sought, Span};
use crate::model::SafeText;
use crate::tui::command::Command;
use crate::tui::dialogs::{Dialog, Jump};
use crate::tui::widgets::format::{self, Zone};

use super::{App, Effect, Level};

/// Seconds of the past in a second.
pub const SPEEDS: [u32; 5] = [1, 10, 60, 600, 3600];
/// Between two steps while it plays.
const FRAME: Duration = Duration::milliseconds(100);
/// However long nobody looked, a step is no longer than that.
const LONGEST: Duration = Duration::seconds(1);
/// Failures that are remembered for the bar.
const MARKS: usize = 20_000;

/// How a replay stands.
#[derive(Clone, Debug)]
pub struct Replay {
    pub span: Span,
    pub at: DateTime<Utc>,
    /// Index in [`SPEEDS`].
    speed: usize,
    pub playing: bool,
    /// When something failed, as far as it has been looked through.
    pub marks: Vec<DateTime<Utc>>,
    pub marked: bool,
    /// The reel is on its way.
    waiting: bool,
    /// When (by the clock on the wall) the last step of playing was asked for.
    stepped: DateTime<Utc>,
}

/// What came of going somewhere.
#[derive(Clone, Debug, PartialEq)]
pub enum Went {
    /// The world is that of this moment now.
    To(DateTime<Utc>),
    /// There is no such event or failure.
    Nowhere(Sought, bool),
    /// Times at which something failed; whether these were all.
    Marks(Vec<DateTime<Utc>>, bool),
    Failed(SafeText),
}

impl Replay {
    pub fn new(span: Span, at: DateTime<Utc>) -> Self {
        Self {
            span,
            at: at.clamp(span.from, span.to),
            speed: 0,
            playing: false,
            marks: Vec::new(),
            marked: false,
            waiting: false,
            stepped: DateTime::UNIX_EPOCH,
        }
    }

    pub fn speed(&self) -> u32 {
        SPEEDS.get(self.speed).copied().unwrap_or(1)
    }

    /// `REPLAY 03:05:12 x10 >`
    pub fn word(&self, zone: Zone, ascii: bool) -> String {
        let times = if ascii { "x" } else { "×" };
        let sign = match (self.playing, ascii) {
            (true, false) => "▶",
            (true, true) => ">",
            (false, false) => "‖",
            (false, true) => "||",
        };
        let clock = format::clock(self.at, zone);
        format!(" REPLAY {clock} {times}{} {sign} ", self.speed())
    }

    /// Where a time lies in the span, 0.0 to 1.0.
    pub fn place(&self, at: DateTime<Utc>) -> f64 {
        let all = (self.span.to - self.span.from).num_milliseconds().max(1) as f64;
        let part = (at - self.span.from).num_milliseconds() as f64;
        (part / all).clamp(0.0, 1.0)
    }
}

/// A time as a person writes it: `03:05`, `03:05:12` (the last such time before the end of the span),
/// `2026-11-26 03:05`, with a zone as in RFC 3339; `+10m` and `-10m` from what is shown.
pub fn moment(text: &str, zone: Zone, span: Span, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.trim();
    for (sign, factor) in [('+', 1), ('-', -1)] {
        if let Some(rest) = text.strip_prefix(sign) {
            let ahead = Duration::from_std(parse_duration(rest).ok()?).ok()?;
            return at.checked_add_signed(ahead * factor);
        }
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let utc = |naive: NaiveDateTime| match zone {
        Zone::Utc => Some(naive.and_utc()),
        Zone::Local => Some(
            chrono::Local
                .from_local_datetime(&naive)
                .earliest()?
                .to_utc(),
        ),
    };
    let clocks = ["%H:%M", "%H:%M:%S"];
    let clock = clocks.iter();
    if let Some(time) = clock
        .clone()
        .find_map(|f| NaiveTime::parse_from_str(text, f).ok())
    {
        let end = span.to + format::offset(span.to, zone);
        return (0..=1).find_map(|back| {
            let day: NaiveDate = end.date_naive().checked_sub_days(chrono::Days::new(back))?;
            utc(day.and_time(time)).filter(|at| *at <= span.to)
        });
    }
    [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
    ]
    .iter()
    .find_map(|f| NaiveDateTime::parse_from_str(text, f).ok())
    .and_then(utc)
}

impl App {
    /// From now on this is a replay.
    pub fn start_replay(&mut self, replay: Replay) {
        self.now = replay.at;
        self.settings.looks = None;
        self.replay = Some(replay);
    }

    /// Whether a command is one of the player.
    pub(super) fn in_replay(&mut self, command: Command, effects: &mut Vec<Effect>) -> bool {
        let Some(replay) = &mut self.replay else {
            return false;
        };
        let step = |sought, forward| Ask::Next { sought, forward };
        let ask = match command {
            Command::ReplayPlay => {
                replay.playing = !replay.playing && replay.at < replay.span.to;
                replay.stepped = self.wall;
                return true;
            }
            Command::ReplayFaster => {
                replay.speed = (replay.speed + 1).min(SPEEDS.len() - 1);
                return true;
            }
            Command::ReplaySlower => {
                replay.speed = replay.speed.saturating_sub(1);
                return true;
            }
            Command::ReplayJump => {
                self.dialog = Some(Dialog::Jump(Box::new(Jump::new(self.wall))));
                return true;
            }
            Command::ReplayNext => step(Sought::Event, true),
            Command::ReplayPrev => step(Sought::Event, false),
            Command::ReplayNextFailure => step(Sought::Failure, true),
            Command::ReplayPrevFailure => step(Sought::Failure, false),
            Command::ReplayStart => Ask::To(replay.span.from),
            Command::ReplayEnd => Ask::To(replay.span.to),
            _ => return false,
        };
        // who goes somewhere wants to look around there
        replay.playing = false;
        replay.waiting = true;
        effects.push(Effect::Replay(ask));
        true
    }

    /// Goes to a time that a person wrote; `false`: it is none.
    pub(crate) fn jump(&mut self, text: &str, effects: &mut Vec<Effect>) -> bool {
        let zone = self.settings.zone;
        let Some(replay) = &mut self.replay else {
            return false;
        };
        let Some(at) = moment(text, zone, replay.span, replay.at) else {
            return false;
        };
        replay.playing = false;
        replay.waiting = true;
        effects.push(Effect::Replay(Ask::To(at)));
        true
    }

    /// Time passes on the wall: the next step of playing.
    pub(super) fn play(&mut self, effects: &mut Vec<Effect>) {
        let Some(replay) = &mut self.replay else {
            return;
        };
        if !replay.playing || replay.waiting {
            return;
        }
        let passed = (self.wall - replay.stepped).clamp(Duration::zero(), LONGEST);
        if passed < FRAME {
            return;
        }
        replay.stepped = self.wall;
        replay.waiting = true;
        let speed = i32::try_from(replay.speed()).unwrap_or(i32::MAX);
        let to = (replay.at + passed * speed).min(replay.span.to);
        effects.push(Effect::Replay(Ask::To(to)));
    }

    /// When the next step is due.
    pub(super) fn play_wake(&self) -> Option<DateTime<Utc>> {
        let replay = self.replay.as_ref()?;
        (replay.playing && !replay.waiting).then(|| replay.stepped + FRAME)
    }

    pub(super) fn went(&mut self, went: Went) {
        let Some(replay) = &mut self.replay else {
            return;
        };
        match went {
            Went::To(at) => {
                replay.at = at;
                replay.waiting = false;
                if replay.playing && at >= replay.span.to {
                    replay.playing = false;
                    self.say(Level::Info, "this is the end of what was recorded");
                }
                self.now = at;
                self.dirty = true;
            }
            Went::Nowhere(sought, forward) => {
                replay.waiting = false;
                let (what, key) = match sought {
                    Sought::Event => ("event", Command::ReplayJump),
                    Sought::Failure => ("failure", Command::ReplayNext),
                };
                let place = if forward { "later" } else { "earlier" };
                let key = self.settings.keymap.label(key);
                let word = match sought {
                    Sought::Event => "goes to a time",
                    Sought::Failure => "goes to the next event",
                };
                self.say(
                    Level::Info,
                    format!("there is no {place} {what} in this replay; {key} {word}"),
                );
            }
            Went::Marks(more, all) => {
                let room = MARKS.saturating_sub(replay.marks.len());
                replay.marks.extend(more.into_iter().take(room));
                replay.marked = all;
            }
            Went::Failed(why) => {
                replay.waiting = false;
                replay.playing = false;
                self.say(Level::Bad, why);
            }
        }
    }
}
