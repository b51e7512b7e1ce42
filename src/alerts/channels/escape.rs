//! Text from outside as each target takes it literally. What comes in is `SafeText`: one line without controls.
//!
//! Where a target has a form that is not interpreted at all, that is used instead and nothing needs escaping: JSON strings,
//! `TextRun` of Adaptive Cards, `plain_text` of Slack.

use crate::net::http::encode;

/// Slack's mrkdwn: three characters, <https://docs.slack.dev/messaging/formatting-message-text#escaping>. That keeps
/// mentions and links out; the marks of bold and the like only change how it looks.
pub fn slack(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// The same between backticks, which nothing inside may end.
pub fn slack_code(text: &str) -> String {
    format!("`{}`", slack(&text.replace('`', "'")))
}

/// HTML, in text and in quoted attributes.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A value of syslog's structured data: quote, backslash and closing bracket (RFC 5424 section 6.3.3).
pub fn sd_param(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace(']', "\\]")
}

/// What stands between the quotes of a JSON string.
pub fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_default()
        .to_owned()
}

/// A value in `application/x-www-form-urlencoded` or in a query.
pub fn form(text: &str) -> String {
    encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_for_more_than_text() {
        assert_eq!(
            slack("<!channel> & <http://x|y>"),
            "&lt;!channel&gt; &amp; &lt;http://x|y&gt;"
        );
        assert_eq!(slack_code("a`b`<c>"), "`a'b'&lt;c&gt;`");
        assert_eq!(
            html("<a href='x' b=\"y\">&"),
            "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;"
        );
        assert_eq!(sd_param("a\"b]c\\d[e"), "a\\\"b\\]c\\\\d[e");
        assert_eq!(json("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
        assert_eq!(form("a b&c=d/é"), "a%20b%26c%3Dd%2F%C3%A9");
    }
}
