//! The whole screen over a made-up fleet, without network, tasks or a terminal.

use chrono::{DateTime, Duration, Utc};
use dagtop::alerts::{Alerts, Rules};
use dagtop::engine::Watch;
use dagtop::logs::LogStore;
use dagtop::model::{
    BackendId, BackendInfo, BackendStatus, Event, LogChunk, LogUpdate, Node, NodeId, NodeState,
    Pipeline, PipelineKey, Reach, Run, RunState, SafeText, Stamped,
};
use dagtop::tui::app::{App, Msg, Settings};
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

    pub fn observe(&mut self, event: Event) {
        let stamped = Stamped {
            backend: self.backend.clone(),
            at: self.now,
            event,
        };
        let changes = self.watch.apply(&stamped);
        self.app.update(&self.watch, Msg::World(changes));
    }

    /// What follows from all that was observed.
    pub fn settle(&mut self) {
        self.app.update(&self.watch, Msg::Tick(self.now));
        self.watch.refresh(self.now);
        self.app.update(&self.watch, Msg::Refreshed);
    }

    pub fn key(&mut self, c: char) {
        self.app
            .update(&self.watch, Msg::Input(Input::Key(KeyPress::char(c))));
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
