//! The details of one node: its attempts, its run, and what its process wrote where that is not in its log.

use std::sync::Arc;
use std::time::Duration;

use crate::backends::client::Trouble;
use crate::model::{Detail, Event, NodeKey, SafeText};

use super::feed::Feed;
use super::shared::Shared;
use super::{logs, side};

/// Between two looks while the node is open and its run goes.
const AGAIN: Duration = Duration::from_secs(15);
/// Lines of output that are shown.
const LINES: usize = 40;

type Section = (SafeText, Vec<(SafeText, SafeText)>);

/// Keeps the details of one node current for as long as they are open.
pub async fn follow(shared: Arc<Shared>, key: NodeKey) {
    if side::Side::of(&key.run.pipeline).is_some() {
        return;
    }
    let mut told = None;
    loop {
        match look(&shared, &key).await {
            Ok((detail, over)) => {
                if told.as_ref() != Some(&detail) {
                    told = Some(detail.clone());
                    let node = key.clone();
                    if shared.emit(Event::Detail { node, detail }).await.is_err() {
                        return;
                    }
                }
                if over {
                    return;
                }
            }
            Err(Trouble::Gone(_)) => return,
            Err(Trouble::Http(error)) => {
                let what = format!("details of {}: {error}", key.node.raw());
                if shared.complain(what).await.is_err() {
                    return;
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The details, and whether nothing more will come.
async fn look(shared: &Arc<Shared>, key: &NodeKey) -> Result<(Detail, bool), Trouble> {
    let mut detail = Detail::default();
    let mut rows: Vec<(SafeText, SafeText)> = Vec::new();
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            rows.push((SafeText::new(name), SafeText::new(value)));
        }
    };
    let last = {
        let memory = shared.memory();
        let Some(family) = memory.families.get(key.run.run.raw()) else {
            return Ok((detail, true));
        };
        let tries = family
            .attempts
            .get(&key.node)
            .map(Vec::as_slice)
            .unwrap_or_default();
        detail.attempts = tries.iter().map(|(_, attempt)| attempt.clone()).collect();
        for known in &family.members {
            row(
                "run",
                &format!("{} {}", known.run.run_id, known.run.status.word()),
            );
        }
        if let Some(known) = family.last() {
            row("job", &known.run.job_name);
            for tag in known
                .run
                .tags
                .iter()
                .filter(|t| !t.key.starts_with("dagster/") && !t.key.starts_with(".dagster/"))
            {
                row(&tag.key, &tag.value);
            }
        }
        let over = family.ended();
        tries.last().map(|(place, _)| (place.clone(), over))
    };
    detail.sections.push((SafeText::new("Step"), rows));
    let Some((place, over)) = last else {
        return Ok((detail, false));
    };
    // a process that does many steps writes them all into one output
    let feed = Feed::of(shared, &place.run);
    let mut news = feed.news();
    let whole = async {
        while !feed.piece(None, 1, usize::MAX).caught_up {
            if news.changed().await.is_err() {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(10), whole).await;
    if let Some(capture) = feed
        .captures(key.node.raw())
        .into_iter()
        .rfind(|c| c.steps.len() > 1)
    {
        let logs = logs::captured(shared, &place.run, &capture.key, None).await?;
        let of = format!("of the process of {} steps", capture.steps.len());
        detail
            .sections
            .extend(output(&format!("Standard output {of}"), logs.stdout));
        detail
            .sections
            .extend(output(&format!("Standard error {of}"), logs.stderr));
    }
    Ok((detail, over))
}

fn output(title: &str, text: Option<String>) -> Option<Section> {
    let text = text?;
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(LINES);
    let rows: Vec<(SafeText, SafeText)> = lines
        .iter()
        .enumerate()
        .skip(first)
        .map(|(number, line)| (SafeText::new((number + 1).to_string()), SafeText::new(line)))
        .collect();
    (!rows.is_empty()).then(|| (SafeText::new(title), rows))
}
