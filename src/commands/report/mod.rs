//! `dagtop report`: what happened, to be read afterwards.
//! Must not know how the past is kept.

mod incident;
mod period;

use crate::cli::{Global, Report};

use super::Exit;

pub(super) fn run(global: &Global, args: &Report) -> anyhow::Result<Exit> {
    if let Some(period) = args.period {
        let wanted = period::Wanted {
            period,
            format: args.format,
            output: args.output.clone(),
        };
        return period::run(global, &wanted);
    }
    let wanted = incident::Wanted {
        since: args.since.as_deref(),
        until: args.until.as_deref(),
        pipeline: args.pipeline.as_deref(),
        file: args.file.as_deref(),
    };
    incident::run(global, &wanted)
}
