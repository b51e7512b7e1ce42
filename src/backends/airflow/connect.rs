//! Finding out what a server is and getting in: version, API, credentials.

use crate::config::{self, AirflowApi, Login};
use crate::model::SafeText;
use crate::net::http::{Auth, Call, Http, HttpError};

use super::api::Api;
use super::v2;
use super::wire::ServerVersion;

/// A server that let us in.
pub struct Connected {
    pub http: Http,
    pub api: Api,
    pub version: String,
}

/// Airflow 3 says 403 also when a token is bad or old; only the words tell it from a lack of rights.
/// Airflow 2 says 403 to whoever is nobody.
pub fn not_logged_in(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    said.contains("jwt") || said.contains("token") || said.contains("not authenticated")
}

/// Asks for the version (which needs no login on a server of its own), picks the API, and makes one
/// request that needs the credentials.
pub async fn connect(
    settings: &crate::net::http::HttpSettings,
    airflow: &config::Airflow,
) -> Result<Connected, HttpError> {
    // in front of a managed Airflow a gate may want the token for everything
    let first = match &airflow.server.login {
        Login::Token(token) => Auth::Token(token.clone()),
        _ => Auth::None,
    };
    let scout = Http::new(settings, first).await?;
    let (api, version) = version(&scout, airflow.api).await?;
    let auth = match (&airflow.server.login, api) {
        (Login::None, _) => Auth::None,
        (Login::Token(token), _) => Auth::Token(token.clone()),
        (Login::Password { user, password }, Api::V1) => Auth::Basic {
            user: user.clone(),
            password: password.clone(),
        },
        (Login::Password { user, password }, Api::V2) => Auth::Login {
            path: v2::LOGIN,
            user: user.clone(),
            password: password.clone(),
        },
    };
    let http = Http::new(settings, auth).await?;
    http.inherit(&scout);
    let probe = Call::get(api.at(["dags"])).query("limit", 1);
    match http.bytes(&probe).await {
        Ok(_) => Ok(Connected { http, api, version }),
        Err(error) => Err(explain(error, &airflow.server.login, api, &version)),
    }
}

async fn version(http: &Http, wanted: AirflowApi) -> Result<(Api, String), HttpError> {
    let ask = async |api: Api| {
        http.json::<ServerVersion>(&api.version())
            .await
            .map(|v| v.version)
    };
    let missing = |e: &HttpError| matches!(e, HttpError::NotFound { .. } | HttpError::Html { .. });
    let is = |api: Api| match api {
        Api::V1 => "Airflow 2 (API v1)",
        Api::V2 => "Airflow 3 (API v2)",
    };
    let (first, second) = match wanted {
        AirflowApi::V1 => (Api::V1, Api::V2),
        AirflowApi::Auto | AirflowApi::V2 => (Api::V2, Api::V1),
    };
    let error = match ask(first).await {
        Ok(version) => return Ok((first, version)),
        Err(error) if missing(&error) => error,
        Err(error) => return Err(error),
    };
    match ask(second).await {
        Ok(version) if wanted == AirflowApi::Auto => Ok((second, version)),
        Ok(version) => Err(HttpError::setup(format!(
            "the config says this is {}, but the server is Airflow {version}: remove `api` or set it to match",
            is(first)
        ))),
        Err(other) if missing(&other) => Err(HttpError::setup(format!(
            "{} is no Airflow: neither /api/v2/version nor /api/v1/version is there; check `url` (is a path missing?)",
            http.base()
        ))),
        Err(_) => Err(error),
    }
}

/// A refusal in the words of the config: which kind of login this server takes.
fn explain(error: HttpError, login: &Login, api: Api, version: &str) -> HttpError {
    let (place, said) = match &error {
        HttpError::Unauthorised { place, said } | HttpError::Forbidden { place, said } => {
            (place.clone(), said.clone())
        }
        // no token endpoint: the auth manager of this server is of another kind
        HttpError::NotFound { place, .. } | HttpError::Html { place, .. }
            if api == Api::V2
                && matches!(login, Login::Password { .. })
                && place.to_string().ends_with(v2::LOGIN) =>
        {
            let said = SafeText::new(format!(
                "Airflow {version} has no {} here, so its login is not by user and password: give a `token`, for example with cmd:",
                v2::LOGIN
            ));
            return HttpError::Unauthorised {
                place: place.clone(),
                said,
            };
        }
        _ => return error,
    };
    let help = match (login, api) {
        (Login::None, Api::V2) => {
            "this Airflow 3 wants a login: give `user` and `password`, or a `token`"
        }
        (Login::None, Api::V1) => "this Airflow 2 wants a login: give `user` and `password`",
        (Login::Token(_), Api::V1) => {
            "this is Airflow 2, which takes `user` and `password` unless a gate in front of it takes tokens; the `token` was refused"
        }
        (Login::Token(_), Api::V2) => {
            "the `token` was refused: it is wrong, too old, or of another server"
        }
        (Login::Password { .. }, Api::V1) => {
            "user or password was refused (or this server does not have the basic_auth backend on)"
        }
        (Login::Password { .. }, Api::V2) => "user or password was refused",
    };
    let said = match said.is_empty() {
        true => SafeText::new(help),
        false => SafeText::new(format!("{help} (Airflow {version} says: {said})")),
    };
    match (&error, login) {
        // let in, but without the right to see DAGs
        (HttpError::Forbidden { .. }, Login::Password { .. } | Login::Token(_))
            if api == Api::V2 =>
        {
            error
        }
        _ => HttpError::Unauthorised { place, said },
    }
}
