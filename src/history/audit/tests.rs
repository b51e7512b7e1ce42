#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod copies;

use std::path::Path;

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::chain::{Link, seal};
use super::verify::Check;
use super::*;
use crate::model::{
    Action, ActionId, ActionOptions, ActionRequest, BackendId, Hit, PipelineKey, Plan, SafeText,
    Target,
};

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn did(text: &str) -> What {
    What::done(Kind::Alert, "ack", text)
}

fn write(audit: &mut Audit, text: &str) -> Link {
    audit.write(at(), did(text)).unwrap()
}

fn verify(dir: &Path) -> Verdict {
    Verdict::of(Trail::of(dir).unwrap(), Vec::new()).unwrap()
}

fn targets(dir: &Path) -> Vec<(Option<u64>, String)> {
    let mut all = Vec::new();
    let trail = Trail::of(dir).unwrap();
    let each = |found: Found, _: &[u8]| {
        all.push((found.n, found.entry.what.target.to_string()));
        Ok(true)
    };
    trail.entries(each).unwrap();
    all
}

fn texts(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn several_programs_write_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = [
        Audit::open(dir.path()).unwrap(),
        Audit::open(dir.path()).unwrap(),
    ];
    for n in 0..6 {
        write(&mut all[n % 2], &format!("t{n}"));
    }
    write(&mut all[1], "t6");
    let head = write(&mut all[1], "t7");
    let verdict = verify(dir.path());
    assert!(verdict.holds(), "{:?}", verdict.broken);
    assert_eq!(
        (verdict.lines, verdict.files, verdict.head),
        (8, 1, Some(head))
    );
    let listed: Vec<_> = (0..8).map(|n| (Some(n + 1), format!("t{n}"))).collect();
    assert_eq!(targets(dir.path()), listed);
}

#[test]
fn what_an_older_version_wrote_is_bound_by_the_first_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    let old = "{\"at\":\"2026-11-20T03:00:00Z\",\"user\":\"ann\",\"action\":\"pause\",\"target\":\"orders\",\"backend\":\"prod\",\"step\":\"approved\",\"summary\":\"Pauses it\",\"hits\":1}\n";
    std::fs::write(&file, old.repeat(3)).unwrap();
    let none = verify(dir.path());
    assert!(none.holds() && none.head.is_none());
    assert!(
        texts(&none.notes)[0].contains("3 lines without hashes"),
        "{:?}",
        none.notes
    );
    write(&mut Audit::open(dir.path()).unwrap(), "new");
    let verdict = verify(dir.path());
    assert!(verdict.holds(), "{:?}", verdict.broken);
    assert!(texts(&verdict.notes)[0].starts_with("audit.jsonl:1: 3 lines without hashes"));
    let orders = (None, "orders".to_owned());
    let listed = [
        orders.clone(),
        orders.clone(),
        orders,
        (Some(1), "new".to_owned()),
    ];
    assert_eq!(targets(dir.path()), listed);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("ann", "bob", 1)).unwrap();
    let verdict = verify(dir.path());
    assert!(texts(&verdict.broken)[0].contains("is not what it was written after"));
}

#[test]
fn a_write_that_was_cut_off_is_told_and_the_chain_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    let mut audit = Audit::open(dir.path()).unwrap();
    for n in 0..3 {
        write(&mut audit, &format!("t{n}"));
    }
    let whole = std::fs::read(&file).unwrap();
    // cut at every byte of the last line, and a block of zeros that never was written
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|b| *b == b'\n')
        .unwrap()
        + 1;
    let cuts = (last + 1..=whole.len()).map(|at| whole[..at].to_vec());
    let zeros = [&whole[..last], &[0; 5000][..]].concat();
    for bytes in cuts.chain([zeros]) {
        std::fs::write(&file, &bytes).unwrap();
        let before = verify(dir.path());
        assert!(before.holds(), "{:?}", before.broken);
        write(&mut Audit::open(dir.path()).unwrap(), "after");
        write(&mut Audit::open(dir.path()).unwrap(), "more");
        let verdict = verify(dir.path());
        assert!(verdict.holds(), "{}: {:?}", bytes.len(), verdict.broken);
        // without its end of line only, it is whole
        let kept = bytes.len() >= whole.len() - 1 && bytes[last] != 0;
        assert_eq!(verdict.notes.is_empty(), kept, "{}", bytes.len());
        assert_eq!(verdict.lines, if kept { 5 } else { 4 });
    }
}

#[test]
fn a_full_file_is_put_aside_and_the_next_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Audit::open(dir.path()).unwrap().rotated_at(1500);
    let mut all = [open(), open()];
    for n in 0..20 {
        write(&mut all[n % 2], &format!("t{n}"));
    }
    let verdict = verify(dir.path());
    assert!(verdict.holds(), "{:?}", verdict.broken);
    assert_eq!(verdict.lines, 20);
    assert!(verdict.files > 3, "{}", verdict.files);
    assert!(dir.path().join("audit-0001.jsonl").exists());
    let listed: Vec<_> = (0..20).map(|n| (Some(n + 1), format!("t{n}"))).collect();
    assert_eq!(targets(dir.path()), listed);
    // a file that is gone
    std::fs::remove_file(dir.path().join("audit-0002.jsonl")).unwrap();
    let told = texts(&verify(dir.path()).broken);
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("audit-0003.jsonl:1: lines ")
            && told[0].contains(" are missing before line "),
        "{told:?}"
    );
    std::fs::remove_file(dir.path().join("audit-0001.jsonl")).unwrap();
    assert!(texts(&verify(dir.path()).broken)[0].contains("lines 1 to "));
}

#[test]
fn a_line_that_says_something_and_is_not_of_the_chain_is_no_cut_off_write() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    write(&mut Audit::open(dir.path()).unwrap(), "first");
    let mut text = std::fs::read(&file).unwrap();
    text.extend(b"{\"at\":\"2026-11-20T03:00:00Z\",\"user\":\"eve\",\"action\":\"ack\",\"target\":\"x\",\"step\":\"done\"}\n");
    std::fs::write(&file, text).unwrap();
    assert!(!verify(dir.path()).holds());
    write(&mut Audit::open(dir.path()).unwrap(), "second");
    let told = texts(&verify(dir.path()).broken);
    assert!(
        told[0].starts_with("audit.jsonl:2: 1 line without hashes between line 1 and line 2"),
        "{told:?}"
    );
}

#[test]
fn a_noted_hash_shows_an_end_that_was_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("audit.jsonl");
    let mut audit = Audit::open(dir.path()).unwrap();
    let first = write(&mut audit, "a");
    let one = std::fs::read(&file).unwrap();
    let second = write(&mut audit, "b");
    let wanted = |link: Link, n| Wanted {
        hash: link.hash,
        n,
        by: "a note".to_owned(),
    };
    let ask = |wanted| Verdict::of(Trail::of(dir.path()).unwrap(), wanted).unwrap();
    let good = ask(vec![wanted(first, None), wanted(second, Some(2))]);
    assert!(good.holds());
    assert_eq!(good.met.iter().map(|m| m.1).collect::<Vec<_>>(), [1, 2]);
    assert!(!ask(vec![wanted(first, Some(2))]).holds());
    std::fs::write(&file, one).unwrap();
    assert!(ask(Vec::new()).holds(), "nothing else shows it");
    assert!(!ask(vec![wanted(second, None)]).holds());
    // and one that was written anew as a whole
    std::fs::remove_file(&file).unwrap();
    let mut audit = Audit::open(dir.path()).unwrap();
    write(&mut audit, "a");
    write(&mut audit, "another");
    assert!(ask(Vec::new()).holds());
    assert!(!ask(vec![wanted(second, Some(2))]).holds());
}

#[test]
fn no_value_of_a_parameter_gets_into_a_line() {
    let request = ActionRequest {
        id: ActionId(7),
        action: Action::Trigger,
        target: Target::Pipeline(PipelineKey::new(&BackendId::new("prod"), "orders")),
        options: ActionOptions {
            params: vec![
                (
                    "token".to_owned(),
                    serde_json::json!({"deep": ["hunter22", 12345678]}),
                ),
                ("who".to_owned(), serde_json::json!("me")),
            ],
            ..ActionOptions::default()
        },
    };
    let hit = |name: &str, then: &str| Hit {
        name: SafeText::new(name),
        now: SafeText::new("not there"),
        then: SafeText::new(then),
    };
    let mut hits = vec![
        hit("param token", "{\"deep\":[\"hunter22\"]}"),
        hit("run", "hunter22"),
    ];
    hits.extend((0..200).map(|n| hit(&format!("node {n}"), "queued")));
    let plan = Plan {
        request: request.clone(),
        summary: SafeText::new("Starts a run with who=me, token=hunter22 and 12345678"),
        hits,
        warnings: Vec::new(),
        server_preview: false,
    };
    let what = What::approved(&request, &plan);
    let said = serde_json::to_string(&what).unwrap();
    assert!(
        said.contains("with who=…, ") && !said.contains("hunter22") && !said.contains("12345678"),
        "{said}"
    );
    assert_eq!(what.params, ["token", "who"].map(SafeText::new));
    assert_eq!((what.hits, what.hit.len()), (Some(202), 50));
    assert_eq!(what.hit[0].as_str(), "param token");
}

#[test]
fn cef_takes_nothing_for_more_than_text() {
    let mut what = did("a=b|c\\d");
    what.why = SafeText::new("x=1 y=2");
    let entry = Entry {
        at: at(),
        who: Who {
            user: SafeText::new("eve|CEF:0"),
            from: Some(SafeText::new("::1")),
            ..Who::default()
        },
        what,
    };
    let line = cef(Some(3), &entry);
    assert!(line.starts_with("CEF:0|dagtop|dagtop|"), "{line}");
    assert!(line.contains("|audit-alert|ack done|3|externalId=3 rt=1790000000000 cat=audit act=ack outcome=success suser=eve|CEF:0 c6a2=::1"), "{line}");
    assert!(line.contains("cs1Label=target cs1=a\\=b|c\\\\d"), "{line}");
    assert!(line.ends_with("reason=x\\=1 y\\=2"), "{line}");
}

/// A line as a SIEM reads it, written from the format's description ("Character encoding"): the fields of the header,
/// and the pairs. liblognorm and pycef read the same in what `dagtop audit export` writes, except that liblognorm takes
/// the first character of the first pair away, also in the description's own example.
fn read_cef(line: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut header, mut field, mut rest) = (Vec::new(), String::new(), line.chars());
    while header.len() < 7 {
        match rest.next().expect("seven fields") {
            '\\' => field.push(rest.next().unwrap()),
            '|' => header.push(std::mem::take(&mut field)),
            other => field.push(other),
        }
    }
    // a name begins the line or follows a space, and ends at an equals sign that nothing escapes
    let (mut pairs, mut name): (Vec<(String, String)>, String) = Default::default();
    let mut value = String::new();
    let mut rest = rest.peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => value.push(match rest.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                other => other,
            }),
            '=' => {
                let (before, next) = value.rsplit_once(' ').unwrap_or(("", &value));
                let (before, next) = (before.to_owned(), next.to_owned());
                if !name.is_empty() {
                    pairs.push((name, before));
                }
                name = next;
                value.clear();
            }
            other => value.push(other),
        }
    }
    pairs.push((name, value));
    (header, pairs)
}

#[test]
fn what_is_long_in_cef_takes_no_room_from_the_rest() {
    let mut what = did("x");
    what.keys = vec![SafeText::new("=".repeat(400)); 100];
    what.why = SafeText::new("w".repeat(500));
    let entry = Entry {
        at: at(),
        who: Who::default(),
        what,
    };
    let line = cef(None, &entry);
    assert!(line.len() <= 7 * 1024);
    let (_, pairs) = read_cef(&line);
    let of = |name: &str| &pairs.iter().find(|(n, _)| n == name).unwrap().1;
    assert_eq!(of("reason").len(), 500);
    assert!(of("cs6").starts_with("===") && of("cs6").ends_with('…'));
    assert_eq!(of("cs6").chars().count(), 1_001);
}

/// Lines of a chain, and its last.
fn chain(lines: usize) -> (Vec<Vec<u8>>, Link) {
    let mut last = Link::ROOT;
    let mut all = Vec::new();
    for n in 0..lines {
        let entry = Entry {
            at: at(),
            who: Who::default(),
            what: did(&format!("target {n}")),
        };
        let (line, link) = seal(last, None, &entry).unwrap();
        all.push(line);
        last = link;
    }
    (all, last)
}

fn check(bytes: &[u8], head: Link) -> Verdict {
    let wanted = Wanted {
        hash: head.hash,
        n: Some(head.n),
        by: "the test".to_owned(),
    };
    let mut check = Check::new(vec![wanted]);
    check.file("f".into(), &mut &bytes[..]).unwrap();
    check.finish()
}

proptest! {
    #[test]
    fn any_text_in_cef_is_read_as_it_was(text in "[a-z=|\\\\ :;é\"]{1,40}", user in "[a-z=|\\\\]{1,10}") {
        let mut what = did(&text);
        what.why = SafeText::new(&text);
        what.backend = SafeText::new(&user);
        let who = Who {
            user: SafeText::new(&user),
            ..Who::default()
        };
        let entry = Entry { at: at(), who, what };
        let (header, pairs) = read_cef(&cef(Some(7), &entry));
        prop_assert_eq!(&header[..3], ["CEF:0", "dagtop", "dagtop"]);
        prop_assert_eq!(&header[4..], ["audit-alert", "ack done", "3"]);
        let named = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        prop_assert_eq!(named("externalId"), Some("7"));
        prop_assert_eq!(named("suser"), Some(entry.who.user.as_str()));
        prop_assert_eq!(named("cs2"), Some(entry.what.backend.as_str()));
        prop_assert_eq!(named("cs1"), Some(entry.what.target.as_str()));
        prop_assert_eq!(named("reason"), Some(entry.what.why.as_str()));
        prop_assert_eq!(pairs.len(), 11);
    }

    #[test]
    fn any_single_change_of_a_byte_is_found(lines in 1_usize..8, at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let (all, head) = chain(lines);
        let mut bytes = all.concat();
        prop_assert!(check(&bytes, head).holds());
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to);
        bytes[at] = to;
        prop_assert!(!check(&bytes, head).holds(), "byte {} to {}", at, to);
    }

    #[test]
    fn any_removal_swap_or_insertion_of_a_line_is_found(lines in 2_usize..9, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(), how in 0..4) {
        let (mut all, head) = chain(lines);
        let (a, b) = (a.index(lines), b.index(lines));
        match how {
            0 => { all.remove(a); }
            1 => {
                prop_assume!(a != b);
                all.swap(a, b);
            }
            2 => all.insert(a, all[b].clone()),
            _ => all.insert(a, b"{\"user\":\"eve\"}\n".to_vec()),
        }
        let verdict = check(&all.concat(), head);
        prop_assert!(!verdict.holds());
        prop_assert!(verdict.broken.iter().all(|f| f.line > 0) || how == 0, "{:?}", verdict.broken);
    }

    #[test]
    fn any_end_that_is_cut_off_is_found(lines in 1_usize..8, at in any::<prop::sample::Index>()) {
        let (all, head) = chain(lines);
        let bytes = all.concat();
        // without the last end of line, all of it is there
        let at = at.index(bytes.len() - 1);
        prop_assert!(!check(&bytes[..at], head).holds());
    }
}
