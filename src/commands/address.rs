//! `BACKEND/PIPELINE/RUN/NODE`, as typed on a command line.

use crate::engine::Watch;
use crate::model::{BackendId, NodeId, NodeKey, PipelineKey, RunKey, SafeText, Target};

/// Stands for the newest run of a pipeline.
const LATEST: &str = "latest";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error(
        "{0:?} is not an address: write BACKEND, BACKEND/PIPELINE, BACKEND/PIPELINE/RUN or BACKEND/PIPELINE/RUN/NODE (a slash inside a name is %2F, the newest run is `latest`)"
    )]
    Form(String),
    #[error("there is no backend {name:?}; there are: {known}")]
    Backend { name: String, known: String },
    #[error("{backend} has no pipeline {name:?}{hint}")]
    Pipeline {
        backend: SafeText,
        name: String,
        hint: String,
    },
    #[error("{0} has not run yet")]
    NoRun(SafeText),
}

/// Finds what an address means in the world as it is known. A run or node that is not known yet
/// is taken as written: its backend will say whether it exists.
pub fn resolve(watch: &Watch, address: &str) -> Result<Target, AddressError> {
    let form = || AddressError::Form(address.to_owned());
    let parts: Vec<String> = address
        .split('/')
        .map(decode)
        .collect::<Option<_>>()
        .ok_or_else(form)?;
    if parts.iter().any(String::is_empty) {
        return Err(form());
    }
    let mut parts = parts.into_iter();
    let backend = BackendId::new(parts.next().ok_or_else(form)?);
    if watch.world.backend(&backend).is_none() {
        let known: Vec<String> = watch
            .world
            .backends()
            .map(|b| b.info.name.to_string())
            .collect();
        return Err(AddressError::Backend {
            name: backend.raw().to_owned(),
            known: known.join(", "),
        });
    }
    let Some(pipeline) = parts.next() else {
        return Ok(Target::Backend(backend));
    };
    let key = PipelineKey::new(&backend, &pipeline);
    if watch.world.pipeline(&key).is_none() {
        return Err(AddressError::Pipeline {
            backend: backend.safe(),
            hint: nearest(watch, &key),
            name: pipeline,
        });
    }
    let Some(run) = parts.next() else {
        return Ok(Target::Pipeline(key));
    };
    let run: RunKey = if run == LATEST {
        let newest = watch.world.runs_of(&key).next();
        newest
            .ok_or_else(|| AddressError::NoRun(key.pipeline.safe()))?
            .run
            .key
            .clone()
    } else {
        key.run(run)
    };
    let target = match parts.next() {
        None => Target::Run(run),
        Some(node) => Target::Node(NodeKey {
            run,
            node: NodeId::new(node),
        }),
    };
    if parts.next().is_some() {
        return Err(form());
    }
    Ok(target)
}

fn nearest(watch: &Watch, wanted: &PipelineKey) -> String {
    watch
        .world
        .pipelines()
        .map(|p| &p.pipeline.key)
        .filter(|k| k.backend == wanted.backend)
        .map(|k| {
            (
                strsim::damerau_levenshtein(k.pipeline.raw(), wanted.pipeline.raw()),
                k,
            )
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, k)| *distance <= k.pipeline.raw().len() / 2)
        .map(|(_, k)| format!("; did you mean {:?}?", k.pipeline.raw()))
        .unwrap_or_default()
}

/// Percent-decoding; `None` when the result is not UTF-8 or an escape is cut.
fn decode(part: &str) -> Option<String> {
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex = [bytes.next()?, bytes.next()?];
            let hex = std::str::from_utf8(&hex).ok()?;
            out.push(u8::from_str_radix(hex, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(decode("a%2Fb"), Some("a/b".to_owned()));
        assert_eq!(decode("a%2"), None);
        assert_eq!(decode("a%ff"), None);
    }
}
