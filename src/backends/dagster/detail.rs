//! The details of one node: its attempts, its run, and what its process wrote where that is not in its log.

use std::sync::Arc;
use std::time::Duration;

use crate::backends::client::Trouble;
use crate::model::{Detail, Event, NodeKey, SafeText};

use super::ends::Ends;
use super::feed::Feed;
use super::shared::Shared;
use super::side;

/// Between two looks while the node is open and its run goes.
const AGAIN: Duration = Duration::from_secs(15);

/// Keeps the details of one node current for as long as they are open.
pub async fn follow(shared: Arc<Shared>, key: NodeKey) {
    if side::Side::of(&key.run.pipeline).is_some() {
        return;
    }
    let mut told = None;
    let mut ends = Ends::default();
    loop {
        match look(&shared, &key, &mut ends).await {
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
async fn look(
    shared: &Arc<Shared>,
    key: &NodeKey,
    ends: &mut Ends,
) -> Result<(Detail, bool), Trouble> {
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
        ends.read(shared, &place.run, &capture.key).await?;
        let of = format!("of the process of {} steps", capture.steps.len());
        for (stream, end) in [("output", &ends.stdout), ("error", &ends.stderr)] {
            let rows = end.rows();
            if !rows.is_empty() {
                let title = SafeText::new(format!("Standard {stream} {of}"));
                detail.sections.push((title, rows));
            }
        }
    }
    Ok((detail, over))
}
