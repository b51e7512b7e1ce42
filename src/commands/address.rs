//! `BACKEND/PIPELINE/RUN/NODE`, as typed on a command line.

use crate::engine::Watch;
use crate::model::{
    BackendId, NodeId, NodeKey, PipelineKey, QueueId, QueueKey, RunKey, SafeText, Target,
};
use crate::world::{BackendView, RunView};

/// Stands for the newest run of a pipeline.
const LATEST: &str = "latest";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error(
        "{0:?} is not an address: write BACKEND, BACKEND/PIPELINE, BACKEND/PIPELINE/RUN or BACKEND/PIPELINE/RUN/NODE (a slash inside a name is %2F, a percent sign %25, the newest run is `latest`)"
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
    #[error("{pipeline} has no run {name:?}; {hint}")]
    Run {
        pipeline: SafeText,
        name: String,
        hint: String,
    },
    #[error("the run {run} has no node {name:?}{hint}")]
    Node {
        run: SafeText,
        name: String,
        hint: String,
    },
    #[error("{node} has had {last} attempts, not {wanted}")]
    Attempt {
        node: SafeText,
        wanted: u32,
        last: u32,
    },
    #[error("{0} has not run yet")]
    NoRun(SafeText),
    #[error("{backend} can't be asked: {why}")]
    Silent { backend: SafeText, why: String },
}

impl AddressError {
    /// The address itself is wrong; else it may be right another time.
    pub fn is_wrong(&self) -> bool {
        !matches!(self, Self::NoRun(_) | Self::Silent { .. })
    }
}

/// Whether it can be an address at all, before anything is asked.
pub fn check(address: &str) -> Result<(), AddressError> {
    parts(address).map(|_| ())
}

fn parts(address: &str) -> Result<Vec<String>, AddressError> {
    let parts: Option<Vec<String>> = address.split('/').map(decode).collect();
    parts
        .filter(|parts| parts.len() <= 4 && !parts.iter().any(String::is_empty))
        .ok_or_else(|| AddressError::Form(address.to_owned()))
}

/// What an address means, whatever there is: its backend will say.
pub fn place(address: &str) -> Result<Target, AddressError> {
    let mut parts = parts(address)?.into_iter();
    let backend = BackendId::new(parts.next().unwrap_or_default());
    let Some(pipeline) = parts.next() else {
        return Ok(Target::Backend(backend));
    };
    let key = PipelineKey::new(&backend, pipeline);
    let Some(run) = parts.next().filter(|run| run != LATEST) else {
        return Ok(Target::Pipeline(key));
    };
    let run = key.run(run);
    Ok(match parts.next() {
        Some(node) => Target::Node(run.node(&NodeId::new(node))),
        None => Target::Run(run),
    })
}

/// Finds what an address means in the world as it is known. A run or node that is not known yet
/// is taken as written: its backend will say whether it exists.
pub fn resolve(watch: &Watch, address: &str) -> Result<Target, AddressError> {
    let world = &watch.world;
    let mut parts = parts(address)?.into_iter();
    let backend = BackendId::new(parts.next().unwrap_or_default());
    let Some(view) = world.backend(&backend) else {
        let known: Vec<String> = world.backends().map(|b| b.info.name.to_string()).collect();
        return Err(AddressError::Backend {
            name: backend.raw().to_owned(),
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        });
    };
    let Some(pipeline) = parts.next() else {
        return Ok(Target::Backend(backend));
    };
    let key = PipelineKey::new(&backend, &pipeline);
    let queue = |view: &BackendView| view.queues.iter().any(|q| q.name == pipeline.as_str());
    if world.pipeline(&key).is_none() && parts.len() == 0 && queue(view) {
        return Ok(Target::Queue(QueueKey {
            queue: QueueId::new(&pipeline),
            backend,
        }));
    }
    if world.pipeline(&key).is_none() {
        if !view.listed {
            let why = view.trouble().map_or_else(
                || {
                    "it has not listed its pipelines in time; --wait SECONDS gives it longer"
                        .to_owned()
                },
                SafeText::to_string,
            );
            let backend = backend.safe();
            return Err(AddressError::Silent { backend, why });
        }
        return Err(AddressError::Pipeline {
            backend: backend.safe(),
            hint: near(watch, &key),
            name: pipeline,
        });
    }
    let Some(run) = parts.next() else {
        return Ok(Target::Pipeline(key));
    };
    let run: RunKey = if run == LATEST {
        let newest = world.runs_of(&key).next();
        newest
            .ok_or_else(|| AddressError::NoRun(key.pipeline.safe()))?
            .run
            .key
            .clone()
    } else {
        key.run(run)
    };
    // a backend that drives its runs itself has told all that there are
    if view.info.drives_runs && world.run(&run).is_none() {
        return Err(no_run(watch, &run));
    }
    Ok(match parts.next() {
        None => Target::Run(run),
        Some(node) => Target::Node(NodeKey {
            run,
            node: NodeId::new(node),
        }),
    })
}

/// There is no such run: which there are.
pub fn no_run(watch: &Watch, run: &RunKey) -> AddressError {
    let newest: Vec<String> = watch
        .world
        .runs_of(&run.pipeline)
        .take(3)
        .map(|r| encode(r.run.key.run.raw()))
        .collect();
    AddressError::Run {
        pipeline: run.pipeline.pipeline.safe(),
        name: run.run.raw().to_owned(),
        hint: match newest.len() {
            0 => "it has not run yet".to_owned(),
            _ => format!("the newest are: {}", newest.join(", ")),
        },
    }
}

/// There is no such node: what it could have been.
pub fn no_node(run: &RunView, node: &NodeId) -> AddressError {
    let group = run
        .topology
        .as_ref()
        .is_some_and(|t| t.groups.iter().any(|g| &g.id == node));
    let members: Vec<String> = run
        .nodes
        .values()
        .filter(|n| n.group.as_ref() == Some(node))
        .take(4)
        .map(|n| encode(n.id.raw()))
        .collect();
    let hint = if group {
        format!(", it is a group; in it: {}", members.join(", "))
    } else {
        nearest(node.raw(), run.nodes.keys().map(NodeId::raw))
    };
    AddressError::Node {
        run: run.run.key.run.safe(),
        name: node.raw().to_owned(),
        hint,
    }
}

fn near(watch: &Watch, wanted: &PipelineKey) -> String {
    let names = watch
        .world
        .pipelines()
        .map(|p| &p.pipeline.key)
        .filter(|k| k.backend == wanted.backend)
        .map(|k| k.pipeline.raw());
    nearest(wanted.pipeline.raw(), names)
}

fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| (strsim::damerau_levenshtein(name, wanted), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= name.chars().count() / 2)
        .map(|(_, name)| format!("; did you mean {name:?}?"))
        .unwrap_or_default()
}

/// What would mean something else in an address, escaped.
fn encode(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F")
}

/// Percent-decoding; `None` when the result is not UTF-8 or an escape is cut.
fn decode(part: &str) -> Option<String> {
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex = [bytes.next()?, bytes.next()?];
            // a sign would be taken as part of the number
            let hex = std::str::from_utf8(&hex)
                .ok()
                .filter(|_| hex.iter().all(u8::is_ascii_hexdigit))?;
            out.push(u8::from_str_radix(hex, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(decode("a%2Fb"), Some("a/b".to_owned()));
        assert_eq!(decode("a%2"), None);
        assert_eq!(decode("a%ff"), None);
        assert_eq!(decode("a%+1"), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let pipeline = PipelineKey::new(&BackendId::new("b"), "team/100%");
        let node = pipeline.run("r").node(&NodeId::new("n"));
        let text = Target::Node(node).address();
        assert_eq!(text, "b/team%2F100%25/r/n");
        assert_eq!(parts(&text).unwrap(), ["b", "team/100%", "r", "n"]);
    }

    #[test]
    fn what_can_be_no_address_is_refused_before_anything_is_asked() {
        for text in ["", "/", "a//b", "a/", "a/b/c/d/e", "a%"] {
            assert!(check(text).is_err(), "{text} was taken");
        }
    }
}
