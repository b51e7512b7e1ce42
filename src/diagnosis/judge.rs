//! Owns which of several lines tells the cause, and how sure that is.
//!
//! A line has points for how much its words prove (proof 6, strong 5, weak 3, an exception without known words 1) and
//! for where it stands: the root of a chain of exceptions 4, another one of a chain 2, an error 2, a line of
//! its own 0 (−2 where the words need an error told), a warning −3, a quiet line −5. What only passes on that something
//! failed loses 4 (2 when it says why), what was survived or came of cleaning up 4. The most points win, of equal ones the earliest.
//!
//! Confidence: 0.95 from 9 points, then 0.9, 0.8, 0.7, 0.6, 0.5 for each less, 0.4 at [`ENOUGH`] and below 7; 0.2 less
//! when a line of another class, in no chain with it, comes within one point; 0.35 at most for an exception whose
//! words are not known.

use super::Class;
use super::patterns::{Meaning, Strength};
use super::read::{Line, Report};
use super::trace::Link;
use crate::model::SafeText;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    Chain(Link),
    Error,
    Plain,
    Warning,
    Quiet,
}

/// A line that may tell the cause.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// Of the log, from 1.
    pub(super) line: u64,
    /// How many records that tell of no trouble were read before it.
    pub(super) at: u64,
    pub(super) text: SafeText,
    /// Without time, level and logger.
    pub(super) said: SafeText,
    pub(super) found: Option<(Meaning, Strength)>,
    pub(super) place: Where,
    pub(super) chain: Option<u32>,
    pub(super) wrapper: bool,
    pub(super) handled: bool,
    /// A line right behind it says that it was survived, or will be tried again.
    pub(super) handled_behind: bool,
    pub(super) cleanup: bool,
    pub(super) header: Header,
}

/// What the first line of its record says of an exception.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Header {
    pub(super) handled: bool,
    pub(super) cleanup: bool,
    /// The record is a warning.
    pub(super) warned: bool,
}

/// Points from which a class is told.
const ENOUGH: i32 = 4;
/// Points from which an exception whose words are not known is told: neither survived nor of cleaning up.
const THROWN: i32 = 3;
/// Lines that go on as if nothing had happened, after which an error counts less than a later one.
const WENT_ON: u64 = 12;
/// Lines after which "retrying" behind an error was no mere ending.
const ENDING: u64 = 6;

/// The report over all candidates, in order of their lines. `records`: how many there were without trouble; `success`: at which of them
/// the log said last that all went well.
pub(super) fn judge(
    all: Vec<Candidate>,
    records: u64,
    success: Option<u64>,
    most: usize,
) -> Report {
    let mut points: Vec<i32> = all.iter().map(|one| of(one, &all, records)).collect();
    // an error after which much went on, before another one that counts as much
    let went_on: Vec<bool> = all
        .iter()
        .enumerate()
        .map(|(at, one)| points[at] >= 7 && went_on(at, one, &all, &points))
        .collect();
    for (points, _) in points
        .iter_mut()
        .zip(went_on)
        .filter(|(_, went_on)| *went_on)
    {
        *points -= 2;
    }
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(points[*i]), *i));
    let well = success.is_some_and(|at| {
        at + 10 >= records
            && all
                .iter()
                .zip(&points)
                .all(|(c, p)| c.at <= at || *p < ENOUGH)
    });
    let best = order
        .iter()
        .copied()
        .find(|i| all[*i].found.is_some() && points[*i] >= ENOUGH && !well);
    let unnamed = order.iter().copied().find(|i| {
        let one = &all[*i];
        let thrown = matches!(one.place, Where::Chain(_)) && points[*i] >= THROWN;
        one.found.is_none() && thrown && !one.wrapper && !well
    });
    let Some(best) = best.or(unnamed) else {
        return unknown(&all, &order, &points, well, most);
    };
    let (class, cause, advice) = match &all[best].found {
        Some((meaning, _)) => (
            meaning.class,
            SafeText::new(&meaning.cause),
            texts(&meaning.advice),
        ),
        None => (
            Class::Code,
            all[best].said.clone(),
            vec!["read where it was thrown; see what was deployed last".into()],
        ),
    };
    Report {
        class,
        confidence: confidence(&all, &points, best),
        evidence: evidence(&all, &order, &points, best, class, most),
        cause,
        advice,
        skipped: 0,
    }
}

/// The points of one.
fn of(one: &Candidate, all: &[Candidate], records: u64) -> i32 {
    let words = match &one.found {
        Some((_, Strength::Proof)) => 6,
        Some((_, Strength::Strong)) => 5,
        Some((_, Strength::Weak)) => 3,
        None => 1,
    };
    let needs_error = !matches!(&one.found, Some((_, Strength::Proof)));
    let place = match one.place {
        Where::Chain(Link::Detail) => 2,
        Where::Chain(_) if is_root(one, all) => 4,
        Where::Chain(_) => 2,
        Where::Error => 2,
        Where::Plain if needs_error => -2,
        Where::Plain => 0,
        Where::Warning => -3,
        Where::Quiet => -5,
    };
    let off = |yes: bool, points: i32| if yes { points } else { 0 };
    let knows = matches!(&one.found, Some((_, Strength::Proof | Strength::Strong)));
    // a log that ends with an exception ends because of it, whatever was told right before
    let header = match one.at >= records {
        true => Header::default(),
        false => one.header,
    };
    let behind = one.handled_behind && records > one.at + ENDING;
    words + place
        - off(one.wrapper, if knows { 2 } else { 4 })
        - off(one.handled || header.handled || behind, 4)
        - off(one.cleanup || header.cleanup, 4)
        - off(header.warned, 3)
}

/// Of a chain the last `Caused by`, else the first told.
fn is_root(one: &Candidate, all: &[Candidate]) -> bool {
    let mine = |c: &&Candidate| c.chain == one.chain && c.chain.is_some();
    let cause = all
        .iter()
        .filter(mine)
        .rfind(|c| c.place == Where::Chain(Link::Cause));
    let root = cause.or_else(|| all.iter().find(mine));
    root.is_some_and(|root| root.line == one.line)
}

fn confidence(all: &[Candidate], points: &[i32], best: usize) -> f64 {
    let one = &all[best];
    let Some((meaning, _)) = &one.found else {
        return 0.35;
    };
    let own = match points[best] {
        9.. => 0.95,
        8 => 0.9,
        7 => 0.8,
        6 => 0.7,
        5 => 0.6,
        _ => 0.4,
    };
    let rival = all.iter().zip(points).any(|(c, p)| {
        let other = c
            .found
            .as_ref()
            .is_some_and(|(m, _)| m.class != meaning.class);
        other && *p + 1 >= points[best] && (c.chain != one.chain || one.chain.is_none())
    });
    own - if rival { 0.2 } else { 0.0 }
}

/// The cause first, then what else speaks for its class, with its chain before others, then what speaks of something else.
fn evidence(
    all: &[Candidate],
    order: &[usize],
    points: &[i32],
    best: usize,
    class: Class,
    most: usize,
) -> Vec<Line> {
    let mut chosen = vec![best];
    let chain = all[best].chain;
    let same = |i: &usize| {
        all[*i]
            .found
            .as_ref()
            .is_some_and(|(m, _)| m.class == class)
    };
    let ranks: [&dyn Fn(&usize) -> bool; 3] = [
        &|i| chain.is_some() && all[*i].chain == chain,
        &|i| same(i) && !all[*i].handled,
        &|i| points[*i] > 0,
    ];
    for rank in ranks {
        for i in order.iter().filter(|i| rank(i)) {
            if chosen.len() >= most {
                break;
            }
            let told = chosen.iter().any(|c| all[*c].said == all[*i].said);
            if !told && !chosen.contains(i) {
                chosen.push(*i);
            }
        }
    }
    chosen.iter().map(|i| line(&all[*i])).collect()
}

fn unknown(all: &[Candidate], order: &[usize], points: &[i32], well: bool, most: usize) -> Report {
    let errors = order.iter().filter(|i| {
        let one = &all[**i];
        let told = matches!(one.place, Where::Chain(_) | Where::Error);
        told && points[**i] > 0 && !one.handled && !well
    });
    let evidence: Vec<Line> = errors.take(most).map(|i| line(&all[*i])).collect();
    let first = evidence.first();
    let cause = all.iter().find(|c| first.is_some_and(|f| f.line == c.line));
    Report {
        class: Class::Unknown,
        confidence: 0.0,
        cause: cause.map(|c| c.said.clone()).unwrap_or_default(),
        advice: if evidence.is_empty() {
            Vec::new()
        } else {
            vec!["read the log".into()]
        },
        evidence,
        skipped: 0,
    }
}

fn line(one: &Candidate) -> Line {
    Line {
        line: one.line,
        text: one.text.clone(),
    }
}

fn texts(all: &[String]) -> Vec<SafeText> {
    all.iter().map(SafeText::new).collect()
}

/// Much goes on behind it as if nothing had happened, then comes another one that counts as much; not when the same
/// is said again: then it began here.
fn went_on(at: usize, one: &Candidate, all: &[Candidate], points: &[i32]) -> bool {
    let mut later = all.iter().zip(points).skip(at + 1);
    let mut again = all.iter().skip(at + 1);
    later.any(|(c, p)| *p >= points[at] && c.at > one.at + WENT_ON && c.chain != one.chain)
        && !again.any(|c| c.said == one.said)
}
