//! The report as one page that needs nothing else.

use std::fmt::Write as _;

use crate::alerts::channels::escape::html as plain;

use super::figures::Figures;
use super::sections::{Cell, Section};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .3rem}\
p{margin:.3rem 0}.missing{border-left:.3rem solid #b80;padding-left:.7rem}\
.wide{overflow-x:auto}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{border-bottom:1px solid #8884;padding:.25rem .6rem;text-align:left;overflow-wrap:anywhere}\
th{position:sticky;top:0}td.n,th.n{text-align:right;white-space:nowrap}";

pub(super) fn text(figures: &Figures, sections: &[Section]) -> String {
    let day = |at: &chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M");
    let title = format!(
        "Pipelines from {} to {} UTC",
        day(&figures.from),
        day(&figures.to)
    );
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    // writing to a string can't fail
    for missing in &figures.missing {
        let _ = writeln!(out, "<p class=\"missing\">{}</p>", plain(missing));
    }
    for section in sections {
        let _ = writeln!(out, "<h2>{}</h2>", plain(section.title));
        if !section.note.is_empty() {
            let _ = writeln!(out, "<p>{}</p>", plain(&section.note));
        }
        if section.rows.is_empty() {
            out.push_str("<p>Nothing.</p>\n");
            continue;
        }
        out.push_str("<div class=\"wide\"><table>\n<tr>");
        for (at, header) in section.headers.iter().enumerate() {
            let number = section
                .rows
                .iter()
                .filter_map(|row| row.get(at))
                .all(Cell::is_number);
            let class = if number { " class=\"n\"" } else { "" };
            let _ = write!(out, "<th{class}>{}</th>", plain(header));
        }
        out.push_str("</tr>\n");
        for row in &section.rows {
            out.push_str("<tr>");
            for cell in row {
                let class = if cell.is_number() { " class=\"n\"" } else { "" };
                let _ = write!(out, "<td{class}>{}</td>", plain(&cell.shown()));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</table></div>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}
