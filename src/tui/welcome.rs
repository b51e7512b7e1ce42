//! The first start: there is no configuration yet, and that is no error.

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};

use super::term::{Application, Flow, Input};

/// What the newcomer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Demo,
    WriteConfig,
    Quit,
}

const CHOICES: [(char, Choice, &str, &str); 3] = [
    (
        'd',
        Choice::Demo,
        "Start the demo",
        "five small pipelines, run here as real processes; nothing is installed",
    ),
    (
        'c',
        Choice::WriteConfig,
        "Write a starting configuration",
        "every setting with its default, explained; fill in your Airflow and start again",
    ),
    ('q', Choice::Quit, "Quit", "nothing is written"),
];

/// A short list, its first entry selected.
#[derive(Debug)]
pub struct Welcome {
    config_file: PathBuf,
    selected: usize,
    chosen: Option<Choice>,
}

impl Welcome {
    /// `config_file` is where the configuration would be.
    pub fn new(config_file: PathBuf) -> Self {
        Self {
            config_file,
            selected: 0,
            chosen: None,
        }
    }

    pub fn chosen(&self) -> Choice {
        self.chosen.unwrap_or(Choice::Quit)
    }

    fn choose(&mut self, choice: Choice) -> Flow {
        self.chosen = Some(choice);
        Flow::Quit(0)
    }

    fn lines(&self) -> Vec<Line<'static>> {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let mut lines = vec![
            Line::styled("dagtop: top for data pipelines", bold),
            Line::raw(""),
            Line::raw("There is no configuration yet. It would be read from"),
            Line::raw(format!("  {}", self.config_file.display())),
            Line::raw(""),
        ];
        for (index, (key, _, name, what)) in CHOICES.iter().enumerate() {
            let mark = if index == self.selected { '>' } else { ' ' };
            let style = if index == self.selected {
                Style::new().add_modifier(Modifier::REVERSED)
            } else {
                Style::new()
            };
            lines.push(Line::styled(format!("{mark} {key}  {name} "), style));
            lines.push(Line::raw(format!("     {what}")));
        }
        lines.push(Line::raw(""));
        lines.push(Line::raw("up/down choose   enter do it   q quit"));
        lines
    }
}

impl Application for Welcome {
    type Event = ();

    fn handle(&mut self, input: Input) -> Flow {
        let Input::Key(key) = input else {
            return Flow::Redraw;
        };
        let last = CHOICES.len() - 1;
        match key.code {
            KeyCode::Char('c') if key.mods.contains(KeyModifiers::CONTROL) => {
                self.choose(Choice::Quit)
            }
            KeyCode::Esc => self.choose(Choice::Quit),
            KeyCode::Up | KeyCode::Char('k') => {
                self.selected = self.selected.saturating_sub(1);
                Flow::Redraw
            }
            KeyCode::Down | KeyCode::Char('j') => {
                self.selected = (self.selected + 1).min(last);
                Flow::Redraw
            }
            KeyCode::Enter => self.choose(CHOICES[self.selected].1),
            KeyCode::Char(pressed) => match CHOICES.iter().find(|(key, ..)| *key == pressed) {
                Some((_, choice, ..)) => self.choose(*choice),
                None => Flow::Idle,
            },
            _ => Flow::Idle,
        }
    }

    fn handle_event(&mut self, (): ()) -> Flow {
        Flow::Idle
    }

    fn draw(&mut self, frame: &mut Frame) {
        let area = frame.area();
        Clear.render(area, frame.buffer_mut());
        let lines = self.lines();
        // a third from the top where there is room, else from the first row
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let top = area.height.saturating_sub(height) / 3;
        let left = u16::from(area.width > 60) * 4;
        for (line, y) in lines.into_iter().zip(area.y + top..area.bottom()) {
            let row = Rect::new(
                area.x + left.min(area.width),
                y,
                area.width.saturating_sub(left),
                1,
            );
            line.render(row, frame.buffer_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::term::KeyPress;
    use super::*;

    fn press(welcome: &mut Welcome, code: KeyCode) -> Flow {
        welcome.handle(Input::Key(KeyPress {
            code,
            mods: KeyModifiers::NONE,
            repeat: false,
        }))
    }

    fn screen(welcome: &mut Welcome, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|f| welcome.draw(f)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn something_is_selected_and_enter_does_it() {
        let mut welcome = Welcome::new(PathBuf::from("/home/ann/.config/dagtop/config.toml"));
        insta::assert_snapshot!(screen(&mut welcome, 90, 16));
        assert_eq!(press(&mut welcome, KeyCode::Down), Flow::Redraw);
        assert_eq!(press(&mut welcome, KeyCode::Enter), Flow::Quit(0));
        assert_eq!(welcome.chosen(), Choice::WriteConfig);
    }

    #[test]
    fn every_choice_has_its_key() {
        for (key, choice, ..) in CHOICES {
            let mut welcome = Welcome::new(PathBuf::new());
            assert_eq!(press(&mut welcome, KeyCode::Char(key)), Flow::Quit(0));
            assert_eq!(welcome.chosen(), choice);
        }
        let mut welcome = Welcome::new(PathBuf::new());
        assert_eq!(press(&mut welcome, KeyCode::Char('z')), Flow::Idle);
    }

    #[test]
    fn no_size_is_too_small() {
        for (width, height) in [(0, 0), (1, 1), (20, 5), (300, 100)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            let mut welcome = Welcome::new(PathBuf::from("/x"));
            terminal.draw(|f| welcome.draw(f)).unwrap();
        }
    }
}
