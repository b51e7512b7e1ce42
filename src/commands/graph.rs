//! `dagtop graph FILE`: lays out and draws any DAG.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style as CellStyle;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::cli::{Color, Flow, Global, Graph, GraphFormat};
use crate::graph::read::{NamedNode, Style};
use crate::graph::{self, Direction, Layout, Named, Options, What};
use crate::model::SafeText;
use crate::tui::svg::{buffer_to_ansi, buffer_to_svg};
use crate::tui::term::{Caps, ColorDepth, Overrides};
use crate::tui::theme::{Theme, Token};

use super::{Exit, print};

/// Bytes of input; a graph of a million edges fits.
const LIMIT: u64 = 64 * 1024 * 1024;
/// Cells of a coloured drawing: each takes tens of bytes while it is made.
const CELLS: u64 = 4_000_000;

pub(super) fn run(global: &Global, args: &Graph) -> anyhow::Result<Exit> {
    let (name, bytes) = input(&args.file)?;
    let mut named = graph::read(&bytes).with_context(|| name.clone())?;
    collapse(&mut named, &args.collapse)?;
    let style = if args.compact {
        Style::Compact
    } else {
        Style::Boxes
    };
    let direction = match args.direction {
        Flow::Lr => Direction::LeftRight,
        Flow::Tb => Direction::TopBottom,
    };
    let options = Options {
        direction,
        ..Options::default()
    };
    if let Some(node) = &args.focus {
        named = focus(&named, style, node, args.depth)?;
    }
    let started = Instant::now();
    let layout = graph::layout(&named.graph(style), &options);
    let took = started.elapsed();
    let format = if global.json {
        GraphFormat::Json
    } else {
        args.format
    };
    match format {
        GraphFormat::Text => {
            let text = graph::to_text(&layout, &named, global.ascii);
            print(cut(text, width(args.width), global.ascii))?;
        }
        GraphFormat::Json => {
            let ms = took.as_secs_f64() * 1000.0;
            print(graph::to_json(&layout, ms).context("can't write as JSON")? + "\n")?;
        }
        GraphFormat::Ansi => {
            let depth = depth(global);
            print(buffer_to_ansi(
                &paint(&layout, &named, depth, global.ascii)?,
                depth,
            ))?;
        }
        GraphFormat::Svg => print(buffer_to_svg(
            &paint(&layout, &named, depth(global), global.ascii)?,
            &name,
        ))?,
    }
    Ok(Exit::Done)
}

/// Collapses the groups of these ids or labels; an empty one means all.
fn collapse(named: &mut Named, groups: &[String]) -> anyhow::Result<()> {
    for wanted in groups {
        let mut found = wanted.is_empty();
        for group in &mut named.groups {
            if wanted.is_empty() || group.id == *wanted || group.label.as_ref() == Some(wanted) {
                group.collapsed = true;
                found = true;
            }
        }
        ensure!(found, "no group is called {}", SafeText::new(wanted));
    }
    Ok(())
}

/// The part of the graph around one node or collapsed group, named by id or else by what is shown for it.
fn focus(named: &Named, style: Style, wanted: &str, depth: Option<u32>) -> anyhow::Result<Named> {
    let graph = named.graph(style);
    let by_label = || {
        let nodes = (0..named.nodes.len()).filter(|&i| named.node_text(i) == wanted);
        let groups = (0..named.groups.len()).filter(|&g| named.group_text(g) == wanted);
        nodes
            .map(|i| named.nodes[i].id.as_str())
            .chain(groups.map(|g| named.groups[g].id.as_str()))
            .next()
    };
    let reach = graph::Reach::within(depth);
    let part = graph::around(&graph, wanted, reach)
        .or_else(|| graph::around(&graph, by_label()?, reach))
        .with_context(|| format!("nothing drawn is called {}", SafeText::new(wanted)))?;
    let labels: HashMap<&str, &str> = (0..named.groups.len())
        .map(|g| (named.groups[g].id.as_str(), named.group_text(g)))
        .chain((0..named.nodes.len()).map(|i| (named.nodes[i].id.as_str(), named.node_text(i))))
        .collect();
    Ok(Named {
        nodes: (part.nodes.into_iter())
            .map(|n| NamedNode {
                label: labels.get(n.id.as_str()).map(|&l| l.to_owned()),
                id: n.id,
                group: None,
            })
            .collect(),
        edges: part.edges,
        groups: Vec::new(),
    })
}

/// Columns of a line of text: what was asked for, else those of the terminal, if it is one.
fn width(asked: Option<usize>) -> Option<usize> {
    let seen = || {
        let tty = std::io::stdout().is_terminal();
        tty.then(|| crossterm::terminal::size().ok()).flatten()
    };
    match asked {
        Some(0) => None,
        Some(columns) => Some(columns),
        None => seen().map(|size| usize::from(size.0)),
    }
}

/// Lines that are too long for a terminal would wrap and tear the drawing: they end with a mark instead.
fn cut(text: String, width: Option<usize>, ascii: bool) -> String {
    let Some(width) = width else { return text };
    let mark = if ascii { '>' } else { '…' };
    let mut out = String::with_capacity(text.len().min(1 << 20));
    for line in text.lines() {
        if line.width() <= width {
            out.push_str(line);
        } else {
            let mut used = 0;
            out.extend(line.chars().take_while(|c| {
                used += c.width().unwrap_or(0);
                used < width
            }));
            out.push(mark);
        }
        out.push('\n');
    }
    out
}

/// A coloured form was asked for, so it has colours in a pipe too, unless `--color never` takes them away.
fn depth(global: &Global) -> ColorDepth {
    let color = match global.color {
        None | Some(Color::Auto) => None,
        Some(Color::Never) => return ColorDepth::None,
        Some(Color::Ansi16) => Some(ColorDepth::Ansi16),
        Some(Color::Ansi256) => Some(ColorDepth::Indexed256),
        Some(Color::Rgb) => Some(ColorDepth::Rgb),
    };
    Caps::from_env(Overrides {
        color,
        ..Overrides::default()
    })
    .color
    .max(ColorDepth::Ansi16)
}

/// The bytes, and a name for them.
fn input(file: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let name = if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(LIMIT + 1)
            .read_to_end(&mut bytes)
            .context("can't read stdin")?;
        "stdin".to_owned()
    } else {
        let name = SafeText::new(file.to_string_lossy()).to_string();
        let opened = std::fs::File::open(file).with_context(|| format!("can't open {name}"))?;
        opened
            .take(LIMIT + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("can't read {name}"))?;
        name
    };
    ensure!(
        bytes.len() as u64 <= LIMIT,
        "{name} is larger than {LIMIT} bytes"
    );
    Ok((name, bytes))
}

/// The drawing with colours: names stand out, lines stay back.
fn paint(layout: &Layout, named: &Named, depth: ColorDepth, ascii: bool) -> anyhow::Result<Buffer> {
    let theme = Theme::terminal(depth, !ascii);
    let (width, height) = (u16::try_from(layout.width), u16::try_from(layout.height));
    let (Ok(width), Ok(height)) = (width, height) else {
        return too_large(layout);
    };
    if u64::from(width) * u64::from(height) > CELLS {
        return too_large(layout);
    }
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    for (y, line) in (0..height).zip(graph::to_text(layout, named, ascii).lines()) {
        buffer.set_string(0, y, line, theme[Token::Muted]);
    }
    for placed in &layout.boxes {
        let cell = |n: i32| u16::try_from(n).unwrap_or(0);
        let area = Rect::new(
            cell(placed.x),
            cell(placed.y),
            cell(placed.w),
            cell(placed.h),
        );
        let name = match placed.what {
            What::Node(_) => Token::Title,
            What::Group(_) => Token::Accent,
        };
        // what lay below must not shine through: a style adds to what is there
        let mut set = |area, token| buffer.set_style(area, CellStyle::reset().patch(theme[token]));
        if area.height < 3 {
            set(area, name);
        } else {
            set(area, Token::Border);
            set(area.inner(Margin::new(1, 1)), name);
        }
    }
    Ok(buffer)
}

fn too_large(layout: &Layout) -> anyhow::Result<Buffer> {
    anyhow::bail!(
        "{}x{} cells are too many for a picture; use --format text or json",
        layout.width,
        layout.height
    )
}
