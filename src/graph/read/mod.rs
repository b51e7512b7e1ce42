//! Reads graphs from text: an edge list, a plain DOT digraph or JSON, told apart by their content.

mod dot;
mod json;
mod list;
mod named;

pub use named::{Named, NamedGroup, NamedNode, Style};

/// Why a text is not a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", .line.map(|l| format!("line {l}: ")).unwrap_or_default())]
pub struct ReadError {
    /// From 1, where it is known.
    pub line: Option<usize>,
    pub reason: String,
}

impl ReadError {
    fn at(line: usize, reason: impl Into<String>) -> Self {
        Self {
            line: Some(line),
            reason: reason.into(),
        }
    }
}

/// Reads a graph. Bytes that are not UTF-8 become `U+FFFD`.
pub fn read(bytes: &[u8]) -> Result<Named, ReadError> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim_start().starts_with(['{', '[']) {
        json::read(text)
    } else if dot::looks_like(text) {
        dot::read(text)
    } else {
        list::read(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn names(n: &Named) -> Vec<&str> {
        n.nodes.iter().map(|n| n.id.as_str()).collect()
    }

    fn pairs(n: &Named) -> Vec<(String, String)> {
        n.edges
            .iter()
            .map(|&(a, b)| (n.name(a).to_owned(), n.name(b).to_owned()))
            .collect()
    }

    fn pair(a: &str, b: &str) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn edge_list() {
        let n = read(b"# comment\na\tb\r\n\nlone\nb\tc with space\na\tb\n").unwrap();
        assert_eq!(names(&n), ["a", "b", "lone", "c with space"]);
        assert_eq!(
            pairs(&n),
            [pair("a", "b"), pair("b", "c with space"), pair("a", "b")]
        );
    }

    #[test]
    fn edge_list_says_where_it_is_wrong() {
        assert_eq!(read(b"a\tb\nx\ty\tz\n").unwrap_err().line, Some(2));
        assert_eq!(read(b"a\tb\n\n\tz\n").unwrap_err().line, Some(3));
    }

    #[test]
    fn nothing_is_an_empty_graph() {
        for text in ["", "\n\n", "# only words\n", "\u{feff}", "{}", "digraph {}"] {
            assert_eq!(read(text.as_bytes()).unwrap().nodes.len(), 0, "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8() {
        let n = read(b"a\xff\tb\n").unwrap();
        assert_eq!(names(&n), ["a\u{fffd}", "b"]);
    }

    #[test]
    fn dot() {
        let n = read(
            br#"// a comment
            strict digraph "my graph" {
              rankdir = LR; node [shape=box]
              a [label="The \"first\" one"]; /* more */
              a -> b -> c:port:n [style=dotted]
              "with space" -> {d e};
              subgraph cluster_x { label = "X y"; b; subgraph cluster_inner { f -> g } }
              subgraph { c; 1.5 }
              # hash comment
              <html<b>x</b>> -> a
            }"#,
        )
        .unwrap();
        assert_eq!(
            pairs(&n),
            [
                pair("a", "b"),
                pair("b", "c"),
                pair("with space", "d"),
                pair("with space", "e"),
                pair("f", "g"),
                pair("html<b>x</b>", "a"),
            ]
        );
        assert_eq!(n.nodes[0].label.as_deref(), Some("The \"first\" one"));
        assert_eq!(n.groups.len(), 2);
        assert_eq!(n.groups[0].label.as_deref(), Some("X y"));
        assert_eq!(n.groups[1].parent, Some(0));
        let group = |id: &str| n.nodes.iter().find(|x| x.id == id).unwrap().group;
        assert_eq!(
            (group("b"), group("f"), group("a")),
            (Some(0), Some(1), None)
        );
    }

    #[test]
    fn dot_says_where_it_is_wrong() {
        for (text, line) in [
            ("digraph {\n a -> ;\n}", 2),
            ("digraph {\n a -> b\n", 2),
            ("digraph {\n a \n \"open", 3),
            ("digraph {\n a [label=x\n", 2),
            ("digraph {}\nmore", 2),
            ("graph {\n a -- b }", 2),
        ] {
            let e = read(text.as_bytes()).unwrap_err();
            assert_eq!(e.line, Some(line), "{text:?} {e}");
        }
        let deep = "subgraph {".repeat(100_000);
        assert!(read(format!("digraph {{ {deep}").as_bytes()).is_err());
    }

    #[test]
    fn json() {
        let n = read(
            br#"{"nodes": ["a", {"id": "b", "group": "g", "label": "B"}, {"id": "c", "group": "h"}],
                "groups": [{"id": "h", "parent": "g"}],
                "edges": [["a", "b"], {"from": "b", "to": "z"}, ["a", "g"]]}"#,
        )
        .unwrap();
        assert_eq!(names(&n), ["a", "b", "c", "z"]);
        assert_eq!(pairs(&n), [pair("a", "b"), pair("b", "z"), pair("a", "g")]);
        assert_eq!(n.groups.len(), 2);
        assert_eq!(
            n.graph(Style::Boxes).edges[2],
            (0, 4 + n.nodes[1].group.unwrap())
        );
    }

    #[test]
    fn json_says_where_it_is_wrong() {
        assert_eq!(read(b"{\"nodes\": [\n1,]}").unwrap_err().line, Some(2));
        let e = read(br#"{"edges": [["a", "b"], ["c"]]}"#).unwrap_err();
        assert!(e.reason.starts_with("edges[1]"), "{e}");
        assert!(read(b"[1]").is_err());
    }
}
