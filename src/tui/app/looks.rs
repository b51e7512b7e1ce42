//! How the runs of a pipeline were last looked at, for the next time, also after a restart.

use crate::history;
use crate::model::PipelineKey;
use crate::tui::widgets::graph::Zoom;

use super::views::{Sort, View};
use super::{App, Effect, RunScreen, Screen};

/// What a person chose for one pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub view: View,
    pub sort: Sort,
    /// `None`: as near as there is room for.
    pub zoom: Option<Zoom>,
}

impl From<Look> for history::Look {
    fn from(look: Look) -> Self {
        Self {
            view: look.view.word().to_owned(),
            sort: look.sort.word().to_owned(),
            zoom: look.zoom.map(|z| z.word().to_owned()),
        }
    }
}

impl Look {
    /// From the words in a file; `None` where one means nothing.
    fn read(words: &history::Look) -> Option<Self> {
        let zoom = match &words.zoom {
            None => None,
            Some(word) => Some(*Zoom::ALL.iter().find(|z| z.word() == word)?),
        };
        Some(Self {
            view: *View::ALL.iter().find(|v| v.word() == words.view)?,
            sort: *Sort::ALL.iter().find(|s| s.word() == words.sort)?,
            zoom,
        })
    }
}

impl RunScreen {
    pub fn look(&self) -> Look {
        Look {
            view: self.view,
            sort: self.sort,
            zoom: self.look.zoom,
        }
    }
}

impl App {
    /// Takes in what was remembered when this program last ran. What means nothing is left out.
    pub fn recall(&mut self, kept: &[(PipelineKey, history::Look)]) {
        let read = |(pipeline, words): &(PipelineKey, history::Look)| {
            Some((pipeline.clone(), Look::read(words)?))
        };
        self.looks.extend(kept.iter().filter_map(read));
    }

    /// How a run of a pipeline is shown when it is opened.
    pub(super) fn look_of(&self, pipeline: &PipelineKey) -> Look {
        let known = self.looks.get(pipeline).copied();
        known.unwrap_or(Look {
            view: self.settings.view,
            ..Look::default()
        })
    }

    /// A person has changed how the run on the screen is shown.
    pub(super) fn remember(&mut self) {
        let Some(Screen::Run(run)) = self.stack.last() else {
            return;
        };
        let (pipeline, look) = (run.run.pipeline.clone(), run.look());
        if self.looks.insert(pipeline.clone(), look) != Some(look) {
            self.unkept.retain(|p| *p != pipeline);
            self.unkept.push(pipeline);
        }
    }

    /// What is to be written down.
    pub(super) fn keep_looks(&mut self, effects: &mut Vec<Effect>) {
        for pipeline in std::mem::take(&mut self.unkept) {
            if let Some(look) = self.looks.get(&pipeline) {
                effects.push(Effect::KeepLook(pipeline, *look));
            }
        }
    }
}
