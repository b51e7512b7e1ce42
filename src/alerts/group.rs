//! Root causes: which alerts follow from which, so that one thing that breaks is one alert.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use crate::model::{AlertId, BackendId, PipelineKey, SafeText, Target};

use super::Builtin;
use super::life::Life;

/// What needs what, over all backends.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    upstream: HashMap<PipelineKey, Vec<PipelineKey>>,
    downstream: HashMap<PipelineKey, Vec<PipelineKey>>,
}

impl Needs {
    /// `pipeline` needs what `upstream` makes.
    pub fn add(&mut self, pipeline: &PipelineKey, upstream: &PipelineKey) {
        if pipeline == upstream {
            return;
        }
        let put = |map: &mut HashMap<PipelineKey, Vec<PipelineKey>>, from: &_, to: &PipelineKey| {
            let list = map.entry(PipelineKey::clone(from)).or_default();
            if !list.contains(to) {
                list.push(to.clone());
            }
        };
        put(&mut self.upstream, pipeline, upstream);
        put(&mut self.downstream, upstream, pipeline);
    }

    /// Everything that this needs, the nearest first.
    pub fn before(&self, pipeline: &PipelineKey) -> Vec<PipelineKey> {
        reach(&self.upstream, pipeline)
    }

    /// Everything that needs this, the nearest first: what a failure of it reaches.
    pub fn behind(&self, pipeline: &PipelineKey) -> Vec<PipelineKey> {
        reach(&self.downstream, pipeline)
    }
}

fn reach(map: &HashMap<PipelineKey, Vec<PipelineKey>>, from: &PipelineKey) -> Vec<PipelineKey> {
    let mut seen = HashSet::from([from]);
    let mut queue = VecDeque::from([from]);
    let mut found = Vec::new();
    while let Some(at) = queue.pop_front() {
        for next in map.get(at).into_iter().flatten() {
            if seen.insert(next) {
                found.push(next.clone());
                queue.push_back(next);
            }
        }
    }
    found
}

/// How far a rule is from a cause: 0 a backend, 1 something that broke, 2 what is seen of it, 3 what comes of it.
/// `None`: a rule of the user's own, which asks for a word of its own.
fn depth(rule: &str) -> Option<u8> {
    use Builtin::*;
    Some(match Builtin::parse(rule)? {
        BackendUnreachable | BackendUnauthorised => 0,
        RunFailing | RunLost => 1,
        BackendDegraded | ImportError | NodeFailed | RetriesExhausted | CheckFailed | RowsZero
        | RowsUnusual | Resources => 2,
        RunBlocked | RunLate | RunMissing | NeverStarted | DurationLimit | DurationHigh
        | DurationUnusual | Stuck | QueueWait | QueueDepth | Stale | SlaRisk | SlaMissed => 3,
        // good news follows from nothing; a mute channel is the channels' own trouble
        Finished | ChannelFailing => return None,
    })
}

/// The alert that each one follows from; who isn't in it stands for itself.
pub fn roots(lives: &BTreeMap<AlertId, Life>, needs: &Needs) -> HashMap<AlertId, AlertId> {
    let mut backends: HashMap<&BackendId, &AlertId> = HashMap::new();
    let mut pipelines: HashMap<&PipelineKey, Vec<(u8, &AlertId)>> = HashMap::new();
    for (id, life) in lives {
        // what nobody wants to hear of explains nothing
        if life.alert.resolved.is_some() {
            continue;
        }
        match (depth(&id.rule), &life.alert.target) {
            (Some(0), Some(Target::Backend(backend))) => {
                backends.insert(backend, id);
            }
            (Some(depth), _) if life.alert.fired.is_some() => {
                if let Some(key) = life.alert.pipeline() {
                    pipelines.entry(key).or_default().push((depth, id));
                }
            }
            _ => {}
        }
    }
    for list in pipelines.values_mut() {
        list.sort();
    }
    let mut roots = HashMap::new();
    for (id, life) in lives {
        let depth = depth(&id.rule);
        let own_backend = life.alert.target.as_ref().map(Target::backend);
        if let Some(root) = own_backend.and_then(|b| backends.get(b).copied())
            && root != id
            && (depth == Some(3) || depth.is_none() && life.alert.pipeline().is_some())
        {
            roots.insert(id.clone(), root.clone());
            continue;
        }
        let (Some(depth), Some(pipeline)) = (depth, life.alert.pipeline()) else {
            continue;
        };
        // the same pipeline first, then what it needs, the nearest first
        let own = pipelines.get(pipeline).and_then(|l| l.first());
        let own = own.filter(|(d, other)| *d < depth && *other != id);
        let broke_before = |(d, other): &&(u8, &AlertId)| {
            *d <= 1
                && lives
                    .get(*other)
                    .is_some_and(|o| o.alert.since <= life.alert.since)
        };
        let root = own.map(|(_, id)| (*id).clone()).or_else(|| {
            needs
                .before(pipeline)
                .iter()
                .filter_map(|up| pipelines.get(up)?.first())
                .find(broke_before)
                .map(|(_, id)| (*id).clone())
        });
        if let Some(root) = root {
            roots.insert(id.clone(), root);
        }
    }
    // straight to the end of each chain
    let ends: Vec<(AlertId, AlertId)> = roots
        .keys()
        .map(|id| {
            let mut at = id;
            let mut steps = 0;
            while let Some(next) = roots.get(at).filter(|_| steps < roots.len()) {
                at = next;
                steps += 1;
            }
            (id.clone(), at.clone())
        })
        .filter(|(id, end)| id != end)
        .collect();
    ends.into_iter().collect()
}

/// What hangs behind each root: the alerts that follow from it, and the pipelines that need its own.
pub fn behind(
    lives: &BTreeMap<AlertId, Life>,
    roots: &HashMap<AlertId, AlertId>,
    needs: &Needs,
    name: impl Fn(&PipelineKey) -> SafeText,
) -> HashMap<AlertId, Vec<SafeText>> {
    let mut found: HashMap<AlertId, Vec<SafeText>> = HashMap::new();
    let mut add = |root: &AlertId, title: SafeText| {
        let list = found.entry(root.clone()).or_default();
        if !list.contains(&title) {
            list.push(title);
        }
    };
    for (id, life) in lives.iter().filter(|(_, l)| l.alert.resolved.is_none()) {
        match roots.get(id) {
            Some(root) => {
                let own = lives
                    .get(root)
                    .is_some_and(|r| r.alert.title == life.alert.title);
                if !own {
                    add(root, life.alert.title.clone());
                }
            }
            None if depth(&id.rule).is_some_and(|d| d <= 1) => {
                for key in life
                    .alert
                    .pipeline()
                    .map(|p| needs.behind(p))
                    .into_iter()
                    .flatten()
                {
                    add(id, name(&key));
                }
            }
            None => {}
        }
    }
    found
}
