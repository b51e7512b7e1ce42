//! The whole screen over a made-up fleet, without network, tasks or a terminal.

use chrono::{DateTime, Duration, Utc};
use crossterm::event::KeyCode;
use dagtop::alerts::{Alerts, Rules};
use dagtop::engine::Watch;
use dagtop::logs::LogStore;
use dagtop::model::{
    BackendId, BackendInfo, BackendStatus, Event, Group, LogChunk, LogUpdate, Node, NodeId,
    NodeState, Pipeline, PipelineKey, Reach, Run, RunKey, RunState, SafeText, Stamped, Topology,
};
use dagtop::tui::app::{App, Effect, Msg, Settings};
use dagtop::tui::screens;
use dagtop::tui::term::{Caps, ColorDepth, Input, KeyPress, Screen};
use dagtop::tui::theme::Theme;
use dagtop::world::World;
use ratatui::layout::Size;

pub struct Stage {
    pub watch: Watch,
    pub app: App,
    pub screen: Screen<Vec<u8>>,
    pub theme: Theme,
    pub now: DateTime<Utc>,
    backend: BackendId,
}

fn id(name: &str) -> BackendId {
    BackendId::new(name)
}

impl Stage {
    /// A fleet of `pipelines`; every 50th of them fails, every 10th runs.
    pub fn new(pipelines: usize, width: u16, height: u16) -> Self {
        let backend = id("prod-airflow");
        let info = BackendInfo {
            id: backend.clone(),
            name: SafeText::new("prod-airflow"),
            kind: "airflow",
            read_only: false,
            protect: false,
            drives_runs: false,
            accent: None,
        };
        let caps = Caps {
            color: ColorDepth::Ansi16,
            unicode: true,
            sync_output: true,
            ssh: false,
            tmux: false,
            dumb: false,
        };
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let size = Size::new(width, height);
        let mut stage = Self {
            watch: Watch::new(
                World::new([info]),
                LogStore::new(16 << 20),
                Alerts::new(Rules::default()),
                Duration::minutes(5),
            ),
            app: App::new(Settings::default(), now, (width, height)),
            screen: Screen::new(Vec::new(), &caps, Box::new(move || size)).unwrap(),
            theme: Theme::terminal(ColorDepth::Ansi16, true),
            now,
            backend,
        };
        stage.fill(pipelines);
        stage.settle();
        stage
    }

    fn fill(&mut self, count: usize) {
        self.observe(Event::Status(BackendStatus {
            reach: Reach::Up,
            version: SafeText::new("Airflow 3.1.0, API v2"),
            ..BackendStatus::default()
        }));
        let keys: Vec<PipelineKey> = (0..count)
            .map(|n| PipelineKey::new(&self.backend, format!("pipeline_{n:04}_daily")))
            .collect();
        self.observe(Event::Pipelines {
            list: keys.iter().cloned().map(Pipeline::new).collect(),
            complete: true,
        });
        for (n, key) in keys.iter().enumerate() {
            self.runs(n, key);
        }
    }

    fn runs(&mut self, n: usize, key: &PipelineKey) {
        let mut list = Vec::new();
        for back in 0..10i64 {
            let start = self.now - Duration::hours(24 * back) - Duration::minutes(12);
            let mut run = Run::new(key.run(format!("scheduled__{back}")), start);
            run.started_at = Some(start);
            run.ended_at = Some(start + Duration::seconds(300 + (back * 37) % 120));
            run.state = RunState::Succeeded;
            if back == 0 && n.is_multiple_of(50) {
                run.state = RunState::Failed;
            } else if back == 0 && n.is_multiple_of(10) {
                run.state = RunState::Running;
                run.ended_at = None;
            }
            list.push(run);
        }
        let newest = list[0].clone();
        self.observe(Event::Runs { list });
        let mut nodes = Vec::new();
        for name in ["extract", "transform", "load"] {
            let mut node = Node::new(NodeId::new(name));
            node.attempt = 1;
            node.started_at = newest.started_at;
            node.ended_at = newest.ended_at;
            node.state = match (newest.state, name) {
                (RunState::Failed, "load") => NodeState::Failed,
                (RunState::Running, "load") => NodeState::Running,
                _ => NodeState::Succeeded,
            };
            nodes.push(node);
        }
        let failed =
            (newest.state == RunState::Failed).then(|| newest.key.node(&nodes[2].id).log(1));
        self.observe(Event::Nodes {
            run: newest.key,
            list: nodes,
            complete: true,
        });
        if let Some(key) = failed {
            let text = format!("starting\nERROR could not load table {n}: connection refused\n");
            let update = LogUpdate::Append(text.into_bytes());
            self.observe(Event::Log(LogChunk { key, update }));
        }
    }

    /// A fleet of one pipeline, whose run of 10 layers of `nodes / 10`, in groups of ten, is open; three edges end at
    /// each node.
    pub fn with_open_run(nodes: usize, width: u16, height: u16) -> Self {
        let mut stage = Self::new(1, width, height);
        let run = stage.big_run();
        stage.observe(Event::Topology {
            run: run.clone(),
            topology: topology(nodes),
        });
        stage.observe(Event::Nodes {
            list: (0..nodes).map(|n| stage.big_node(n)).collect(),
            run,
            complete: true,
        });
        stage.settle();
        stage.press(KeyCode::Enter);
        stage
    }

    fn big_run(&self) -> RunKey {
        PipelineKey::new(&self.backend, "pipeline_0000_daily").run("scheduled__0")
    }

    fn big_node(&self, n: usize) -> Node {
        let mut node = Node::new(big_id(n));
        node.group = Some(group_id(n));
        node.attempt = 1;
        node.state = NodeState::Succeeded;
        node.started_at = Some(self.now - Duration::minutes(5));
        node.ended_at = Some(self.now - Duration::minutes(4));
        node
    }

    /// One node of the open run has a new number of rows.
    pub fn change_node(&mut self, n: usize, rows: f64) -> Event {
        let mut node = self.big_node(n);
        node.metrics = vec![(SafeText::new("rows"), rows)];
        Event::Nodes {
            run: self.big_run(),
            list: vec![node],
            complete: false,
        }
    }

    /// One node of the open run is in another state.
    pub fn change_state(&self, n: usize, round: usize) -> Event {
        let mut node = self.big_node(n);
        node.state = [NodeState::Running, NodeState::Succeeded, NodeState::Failed][round % 3];
        Event::Nodes {
            run: self.big_run(),
            list: vec![node],
            complete: false,
        }
    }

    /// The newest run of the `n`th pipeline is running, or done.
    pub fn change_run(&self, n: usize, running: bool) -> Event {
        let key = PipelineKey::new(&self.backend, format!("pipeline_{n:04}_daily"));
        let mut run = Run::new(key.run("scheduled__0"), self.now - Duration::minutes(12));
        run.started_at = Some(run.ordered_at);
        run.state = if running {
            RunState::Running
        } else {
            RunState::Succeeded
        };
        run.ended_at = (!running).then_some(self.now);
        Event::Runs { list: vec![run] }
    }

    pub fn stamped(&self, event: Event) -> Stamped {
        Stamped {
            backend: self.backend.clone(),
            at: self.now,
            event,
        }
    }

    pub fn observe(&mut self, event: Event) {
        let stamped = self.stamped(event);
        let changes = self.watch.apply(&stamped);
        self.update(Msg::World(changes));
    }

    /// What follows from all that was observed.
    pub fn settle(&mut self) {
        self.update(Msg::Tick(self.now));
        self.watch.refresh(self.now);
        self.update(Msg::Refreshed);
    }

    pub fn key(&mut self, c: char) {
        self.update(Msg::Input(Input::Key(KeyPress::char(c))));
    }

    /// What a key costs the loop: what is made off the loop is left undone.
    pub fn key_on_loop(&mut self, c: char) -> usize {
        let key = Msg::Input(Input::Key(KeyPress::char(c)));
        self.app.update(&self.watch, key).len()
    }

    pub fn press(&mut self, code: KeyCode) {
        let press = KeyPress {
            code,
            ..KeyPress::char(' ')
        };
        self.update(Msg::Input(Input::Key(press)));
    }

    /// Tells the app; of what it asks for, layouts and lanes are computed.
    fn update(&mut self, msg: Msg) {
        for effect in self.app.update(&self.watch, msg) {
            match effect {
                Effect::ComputeLayout(wanted) => {
                    self.update(Msg::LayoutReady(wanted.compute()));
                }
                Effect::ComputeLanes(wanted) => {
                    self.update(Msg::LanesReady(wanted.compute()));
                }
                _ => {}
            }
        }
    }

    /// Draws a frame; what was sent for it.
    pub fn frame(&mut self) -> Vec<u8> {
        self.screen.get_mut().clear();
        let (app, watch, theme) = (&self.app, &self.watch, &self.theme);
        self.screen
            .draw(|frame| screens::draw(app, watch, theme, frame))
            .unwrap();
        self.screen.get_mut().clone()
    }
}

fn big_id(n: usize) -> NodeId {
    NodeId::new(format!("group_{:02}.task_{n:03}", n / 10))
}

fn group_id(n: usize) -> NodeId {
    NodeId::new(format!("group_{:02}", n / 10))
}

fn topology(nodes: usize) -> Topology {
    let layer = nodes / 10;
    let edges = (layer..nodes).flat_map(|n| {
        let above = (n / layer - 1) * layer;
        (0..3).map(move |j| (big_id(above + (n * 7 + j * 11) % layer), big_id(n)))
    });
    let groups = (0..nodes).step_by(10).map(|n| Group {
        id: group_id(n),
        name: group_id(n).safe(),
        parent: None,
        mapped: false,
    });
    Topology {
        nodes: (0..nodes).map(big_id).collect(),
        groups: groups.collect(),
        edges: edges.collect(),
    }
}
