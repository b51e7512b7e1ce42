//! Getting in: address, credentials, version, and what the server streams.

use reqwest::Url;
use serde_json::Value;

use crate::config::{Login, Server};
use crate::model::SafeText;
use crate::net::http::{Auth, Http, HttpError, HttpSettings};

use super::api;

/// A server that let us in.
pub struct Connected {
    pub http: Http,
    /// As it is shown: "Prefect 3.8.8".
    pub version: String,
    /// Whether `/logs/out` says anything: a server of one's own has to be told to.
    pub logs: bool,
}

/// Where the API is: a server's own address lacks the `/api`, that of a workspace in the cloud has it.
pub fn base(url: &Url) -> Url {
    let mut base = url.clone();
    let has = url
        .path_segments()
        .is_some_and(|mut parts| parts.any(|part| part == "api"));
    if !has {
        base.set_path(&format!("{}/api", url.path().trim_end_matches('/')));
    }
    base
}

/// Prefect refuses a credential with 401 only.
pub fn not_logged_in(_said: &str) -> bool {
    false
}

/// Makes one request that needs the credentials: the health of a server needs none, so it proves nothing.
pub async fn connect(settings: &HttpSettings, server: &Server) -> Result<Connected, HttpError> {
    let auth = match &server.login {
        Login::None => Auth::None,
        Login::Token(token) => Auth::Token(token.clone()),
        Login::Password { user, password } => Auth::Basic {
            user: user.clone(),
            password: password.clone(),
        },
    };
    let http = Http::new(settings, auth).await?;
    let version = match http.json::<String>(&api::version()).await {
        Ok(version) => version,
        // the cloud has no version; whether this is it, its deployments tell
        Err(HttpError::NotFound { .. }) => {
            let probe = http.bytes(&api::deployments(0)).await;
            probe.map_err(|error| explain(error, &http, &server.login))?;
            return Ok(Connected {
                http,
                version: "Prefect Cloud".to_owned(),
                logs: false,
            });
        }
        Err(error) => return Err(explain(error, &http, &server.login)),
    };
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < 3) {
        return Err(HttpError::setup(format!(
            "this is Prefect {}, and dagtop knows Prefect 3: update the server",
            SafeText::new(version)
        )));
    }
    // a user who may not see the settings is told nothing by the stream that polling does not tell as well
    let logs = http
        .json::<Value>(&api::settings())
        .await
        .is_ok_and(|settings| {
            let logs = &settings["server"]["logs"];
            logs["stream_out_enabled"] == true && logs["stream_publishing_enabled"] == true
        });
    Ok(Connected {
        http,
        version: format!("Prefect {version}"),
        logs,
    })
}

/// A refusal in the words of the config.
fn explain(error: HttpError, http: &Http, login: &Login) -> HttpError {
    match error {
        HttpError::Unauthorised { place, said } => {
            let help = match login {
                Login::None => {
                    "this Prefect wants a login: give `user` and `password` (its auth string is USER:PASSWORD), or a `token` for Prefect Cloud"
                }
                Login::Password { .. } => "user or password was refused",
                Login::Token(_) => {
                    "the `token` was refused; a server of your own takes `user` and `password`, only Prefect Cloud takes an API key"
                }
            };
            let said = match said.is_empty() {
                true => SafeText::new(help),
                false => SafeText::new(format!("{help} (Prefect says: {said})")),
            };
            HttpError::Unauthorised { place, said }
        }
        HttpError::NotFound { .. } | HttpError::Html { .. } => HttpError::setup(format!(
            "{} is no Prefect API: neither its version nor its deployments are there; check `url`",
            http.base()
        )),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_api_is_found_from_any_address() {
        for (given, want) in [
            ("http://h:4200", "http://h:4200/api"),
            ("http://h:4200/", "http://h:4200/api"),
            ("http://h:4200/api", "http://h:4200/api"),
            ("http://h/prefect/", "http://h/prefect/api"),
            (
                "https://api.prefect.cloud/api/accounts/a/workspaces/w",
                "https://api.prefect.cloud/api/accounts/a/workspaces/w",
            ),
        ] {
            assert_eq!(base(&given.parse().unwrap()).as_str(), want);
        }
    }
}
