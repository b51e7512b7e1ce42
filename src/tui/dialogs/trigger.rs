//! The parameters of a new run, as the backend describes them.

use chrono::{DateTime, Utc};
use crossterm::event::KeyCode;
use serde_json::Value;
use tui_input::Input as TextInput;

use crate::engine::Watch;
use crate::model::{Action, ParamSpec, PipelineKey, SafeText};
use crate::tui::app::{App, Effect, Level, Subject, draft, edit, type_in};
use crate::tui::term::KeyPress;

use super::{Confirm, Dialog, Next, settled};

#[derive(Debug)]
pub struct Field {
    pub spec: ParamSpec,
    pub line: TextInput,
    /// A person wrote in it: what the backend says of its default doesn't change it any more.
    pub touched: bool,
}

#[derive(Debug)]
pub struct TriggerForm {
    pub pipeline: PipelineKey,
    pub fields: Vec<Field>,
    /// The field that has the keys; the one behind the last is "start".
    pub at: usize,
    pub since: DateTime<Utc>,
}

impl TriggerForm {
    pub(crate) fn new(watch: &Watch, pipeline: PipelineKey, now: DateTime<Utc>) -> Self {
        let mut form = Self {
            pipeline,
            fields: Vec::new(),
            at: 0,
            since: now,
        };
        form.sync(watch);
        form
    }

    /// Parameters may become known while the form is open.
    pub(crate) fn sync(&mut self, watch: &Watch) {
        let Some(view) = watch.world.pipeline(&self.pipeline) else {
            return;
        };
        let specs = &view.pipeline.params;
        if specs.len() == self.fields.len()
            && specs.iter().zip(&self.fields).all(|(s, f)| *s == f.spec)
        {
            return;
        }
        let mut old = std::mem::take(&mut self.fields);
        self.fields = specs
            .iter()
            .map(|spec| {
                let known = old
                    .iter()
                    .position(|f| f.spec.name == spec.name && f.touched);
                match known {
                    Some(at) => Field {
                        spec: spec.clone(),
                        ..old.swap_remove(at)
                    },
                    None => Field {
                        line: TextInput::new(shown(&spec.default)),
                        spec: spec.clone(),
                        touched: false,
                    },
                }
            })
            .collect();
        self.at = self.at.min(self.fields.len());
    }

    pub(crate) fn paste(&mut self, text: &str) -> bool {
        match self.fields.get_mut(self.at) {
            Some(field) => {
                type_in(&mut field.line, text);
                field.touched = true;
                true
            }
            None => false,
        }
    }

    pub(crate) fn key(
        mut self: Box<Self>,
        app: &mut App,
        watch: &Watch,
        press: KeyPress,
        effects: &mut Vec<Effect>,
    ) -> Next {
        if !settled(self.since, app.now) {
            return Next::Keep(Dialog::Trigger(self));
        }
        let last = self.fields.len();
        match press.code {
            KeyCode::Esc => {
                app.nothing_done(Action::Trigger);
                return Next::Close;
            }
            KeyCode::Up | KeyCode::BackTab => self.at = self.at.checked_sub(1).unwrap_or(last),
            KeyCode::Down | KeyCode::Tab => self.at = if self.at >= last { 0 } else { self.at + 1 },
            KeyCode::Enter if press.repeat => {}
            KeyCode::Enter if self.at < last => self.at += 1,
            KeyCode::Enter => return self.go_on(app, watch, effects),
            KeyCode::Left | KeyCode::Right if self.cycle(press.code == KeyCode::Right) => {}
            _ => {
                if let Some(field) = self.fields.get_mut(self.at) {
                    edit(&mut field.line, press);
                    field.touched = true;
                }
            }
        }
        Next::Keep(Dialog::Trigger(self))
    }

    /// The next of a closed list of values.
    fn cycle(&mut self, forward: bool) -> bool {
        let Some(field) = self.fields.get_mut(self.at) else {
            return false;
        };
        let choices = choices(&field.spec);
        if choices.is_empty() {
            return false;
        }
        let at = choices.iter().position(|c| c == field.line.value());
        let last = choices.len() - 1;
        let to = match (at, forward) {
            (None, _) => 0,
            (Some(i), true) => {
                if i == last {
                    0
                } else {
                    i + 1
                }
            }
            (Some(i), false) => i.checked_sub(1).unwrap_or(last),
        };
        if let Some(choice) = choices.get(to) {
            field.line = TextInput::new(choice.clone());
            field.touched = true;
        }
        true
    }

    fn go_on(mut self: Box<Self>, app: &mut App, watch: &Watch, effects: &mut Vec<Effect>) -> Next {
        let mut params = Vec::new();
        for (i, field) in self.fields.iter().enumerate() {
            match field.value() {
                Ok(Some(value)) => params.push((field.spec.name.as_str().to_owned(), value)),
                Ok(None) => {}
                Err(_) => {
                    self.at = i;
                    return Next::Keep(Dialog::Trigger(self));
                }
            }
        }
        let subject = Subject {
            backend: self.pipeline.backend.clone(),
            pipeline: Some(self.pipeline.clone()),
            run: None,
            node: None,
        };
        match draft(watch, Action::Trigger, &subject) {
            Ok(mut draft) => {
                draft.options.params = params;
                // sending the same request twice starts one run
                draft.options.run_id = Some(format!(
                    "dagtop__{}",
                    app.now.format("%Y-%m-%dT%H:%M:%S%.3f")
                ));
                let confirm = Confirm::ask(app, watch, vec![draft], Vec::new(), None, effects);
                Next::Keep(Dialog::Confirm(Box::new(confirm)))
            }
            Err(why) => {
                app.say(Level::Info, format!("trigger: {why}"));
                Next::Close
            }
        }
    }
}

impl Field {
    /// What is sent: `None` leaves the backend's default. `Err` says what is wrong with what was typed.
    pub fn value(&self) -> Result<Option<Value>, String> {
        let text = self.line.value().trim();
        if text.is_empty() {
            if self.spec.required && self.spec.default.is_null() {
                return Err("needed".to_owned());
            }
            return Ok(None);
        }
        let choices = choices(&self.spec);
        if !choices.is_empty() && !choices.iter().any(|c| c == text) {
            return Err(format!("one of: {}", choices.join(", ")));
        }
        let value = self.parse(text)?;
        Ok((value != self.spec.default || self.spec.required).then_some(value))
    }

    fn parse(&self, text: &str) -> Result<Value, String> {
        let kind = self.spec.kind.as_str();
        let is = |word: &str| {
            kind.split(|c: char| !c.is_ascii_alphanumeric())
                .any(|k| k == word)
        };
        if is("null") && text == "null" {
            return Ok(Value::Null);
        }
        let json = serde_json::from_str::<Value>(text);
        if is("integer")
            && let Ok(n) = text.parse::<i64>()
        {
            return Ok(n.into());
        }
        if is("number")
            && let Ok(value @ Value::Number(_)) = &json
        {
            return Ok(value.clone());
        }
        if is("boolean")
            && let Ok(b) = text.parse::<bool>()
        {
            return Ok(b.into());
        }
        if is("array")
            && let Ok(value @ Value::Array(_)) = &json
        {
            return Ok(value.clone());
        }
        if is("object")
            && let Ok(value @ Value::Object(_)) = &json
        {
            return Ok(value.clone());
        }
        if is("string") {
            return Ok(Value::String(text.to_owned()));
        }
        match kind {
            "" => Ok(json.unwrap_or_else(|_| Value::String(text.to_owned()))),
            "integer" => Err("a whole number, as 42".to_owned()),
            "number" => Err("a number, as 4.2".to_owned()),
            "boolean" => Err("true or false".to_owned()),
            "array" => Err("a JSON list, as [1, 2]".to_owned()),
            "object" => Err("a JSON object, as {\"a\": 1}".to_owned()),
            other => Err(format!("must be {other}")),
        }
    }
}

fn choices(spec: &ParamSpec) -> Vec<String> {
    if spec.choices.is_empty() && spec.kind.as_str() == "boolean" {
        return vec!["true".to_owned(), "false".to_owned()];
    }
    spec.choices.iter().map(|c| c.as_str().to_owned()).collect()
}

/// How a default stands in its field.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => SafeText::new(text).as_str().to_owned(),
        other => SafeText::new(other.to_string()).as_str().to_owned(),
    }
}
