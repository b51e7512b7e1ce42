//! From a request to the raw connection below it, for WebSockets (RFC 6455 section 4.1).

use reqwest::header::{AUTHORIZATION, CONNECTION, HeaderName, UPGRADE};
use reqwest::{Method, StatusCode, Upgraded, Version};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Http, HttpError, Place, answer, client, error};
use crate::model::SafeText;

const KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");
const PROTOCOL: HeaderName = HeaderName::from_static("sec-websocket-protocol");
const VERSION: HeaderName = HeaderName::from_static("sec-websocket-version");

impl Http {
    /// The connection after the handshake, with credentials, and where it goes.
    pub(crate) async fn upgrade(
        &self,
        path: &str,
        protocol: &'static str,
    ) -> Result<(Upgraded, Place), HttpError> {
        let make = || client(&self.settings, &self.base, Version::HTTP_11);
        let client = self.sockets.get_or_try_init(make).await?;
        let place = Place::new(&Method::GET, &self.base, path);
        let key = generate_key();
        let mut request = client
            .get(self.url(path))
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(VERSION, "13")
            .header(PROTOCOL, protocol)
            .header(KEY, &key);
        if let Some(header) = self.keyring.key(self).await?.header {
            request = request.header(AUTHORIZATION, header);
        }
        self.count_request();
        let response = request.send().await;
        let response = response
            .map_err(|e| error::transport(place.clone(), &e, self.read_timeout()))
            .inspect_err(|_| self.count_failure())?;
        let status = response.status();
        let is = |name, value: &str| response.headers().get(name).is_some_and(|v| v == value);
        let why = if status != StatusCode::SWITCHING_PROTOCOLS {
            "there is no WebSocket here"
        } else if !is(ACCEPT, &derive_accept_key(key.as_bytes())) {
            "the WebSocket handshake was answered wrongly"
        } else if !is(PROTOCOL, protocol) {
            "the server does not speak this protocol over a WebSocket"
        } else {
            let upgraded = response.upgrade().await;
            let upgraded =
                upgraded.map_err(|e| error::transport(place.clone(), &e, self.read_timeout()))?;
            return Ok((upgraded, place));
        };
        self.count_failure();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            answer::open(self, place.clone(), response).await?;
        }
        Err(HttpError::Refused {
            place,
            status: status.as_u16(),
            reason: SafeText::new(why),
        })
    }
}
