//! Getting in: is this a Dagster, which, and what may we do there.

use crate::config::{Login, Server};
use crate::net::http::{Auth, Http, HttpError, HttpSettings};

use super::wire::Permission;
use super::{api, gql};

/// A server that let us in.
pub struct Connected {
    pub http: Http,
    /// "1.13.27"
    pub version: String,
    pub permissions: Vec<Permission>,
}

/// Dagster itself has no login: a 403 of whatever stands in front of it is about the credential.
pub fn not_logged_in(_said: &str) -> bool {
    true
}

pub async fn connect(settings: &HttpSettings, server: &Server) -> Result<Connected, HttpError> {
    let auth = match &server.login {
        Login::None => Auth::None,
        Login::Password { user, password } => Auth::Basic {
            user: user.clone(),
            password: password.clone(),
        },
        Login::Token(token) => Auth::Token(token.clone()),
    };
    let http = Http::new(settings, auth).await?;
    let call = gql::call(api::CONNECT, serde_json::Value::Null);
    let body = match http.json(&call).await {
        Ok(body) => body,
        Err(HttpError::NotFound { .. } | HttpError::Html { .. }) => {
            return Err(HttpError::setup(format!(
                "{} is no Dagster: there is no {} there; check `url` (is a path missing?)",
                http.base(),
                gql::PATH
            )));
        }
        Err(error) => return Err(error),
    };
    let mut reply = gql::Reply::of(http.place(&call), body)?;
    Ok(Connected {
        version: reply.take("version")?,
        // older versions have none: then everything may be tried
        permissions: reply
            .take::<gql::Rows<Permission>>("permissions")
            .map(|p| p.rows)
            .unwrap_or_default(),
        http,
    })
}
