//! An answer whose body is still on the way: decompressed as it comes, counted, and stopped at the cap.

use std::io::Write as _;
use std::time::Duration;

use chrono::Utc;
use flate2::write::GzDecoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};

use super::Http;
use super::error::{self, HttpError, Place};

/// As much of an error's body as is read for its sentence.
const ERROR_BODY: usize = 64 << 10;
/// So much is decompressed at a time: bounds what a bomb can take (gzip expands up to 1032 times).
const SLICE: usize = 4 << 10;
/// The same for what is read piece by piece, and how much is given out at once.
const PIECE_IN: usize = 256;
const PIECE_OUT: usize = 64 << 10;

/// A good answer.
pub struct Answer<'a> {
    http: &'a Http,
    place: Place,
    response: reqwest::Response,
    decoder: Option<GzDecoder<Vec<u8>>>,
    /// Compressed bytes that have come and are not yet given out.
    waiting: Vec<u8>,
}

/// Sorts an answer by its status.
pub(super) async fn open(
    http: &Http,
    place: Place,
    response: reqwest::Response,
) -> Result<Answer<'_>, HttpError> {
    let status = response.status();
    let headers = response.headers();
    http.count_bytes(head_size(headers));
    let text = |name| {
        headers
            .get(name)
            .and_then(|v: &reqwest::header::HeaderValue| v.to_str().ok())
    };
    let html = text(CONTENT_TYPE).is_some_and(|t| t.starts_with("text/html"));
    let retry_after = text(RETRY_AFTER).and_then(wait_time);
    let to = text(LOCATION).map(|to| error::quote(to.split(['?', '#']).next().unwrap_or_default()));
    let gzip = text(CONTENT_ENCODING).is_some_and(|e| e.eq_ignore_ascii_case("gzip"));
    let answer = Answer {
        http,
        place: place.clone(),
        response,
        decoder: gzip.then(|| GzDecoder::new(Vec::new())),
        waiting: Vec::new(),
    };
    let code = status.as_u16();
    if status.is_success() {
        return match html {
            true => Err(HttpError::Html {
                place,
                status: code,
            }),
            false => Ok(answer),
        };
    }
    if status.is_redirection() {
        let to = to.unwrap_or_default();
        return Err(HttpError::Redirected { place, to });
    }
    // what a server says with its refusal is a help, not a need: its absence is no other error
    let said = match html {
        true => error::quote("(a web page)"),
        false => error::words(&answer.beginning(ERROR_BODY).await),
    };
    Err(match code {
        401 => HttpError::Unauthorised { place, said },
        403 if (http.settings.not_logged_in)(&said) => HttpError::Unauthorised { place, said },
        403 => HttpError::Forbidden { place, said },
        404 if html => HttpError::Html {
            place,
            status: code,
        },
        404 => HttpError::NotFound { place, said },
        429 => HttpError::RateLimited { place, retry_after },
        503 if retry_after.is_some() => HttpError::RateLimited { place, retry_after },
        500.. => HttpError::Server {
            place,
            status: code,
            said,
        },
        _ => HttpError::Refused {
            place,
            status: code,
            reason: said,
        },
    })
}

impl Answer<'_> {
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The next piece, decompressed, of at most some hundred KB; `None` at the end. The sum is not
    /// capped: for what is read piece by piece.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        loop {
            if self.waiting.is_empty() {
                let Some(raw) = self.raw().await? else {
                    return self.rest();
                };
                if self.decoder.is_none() {
                    return Ok(Some(raw.to_vec()));
                }
                self.waiting = raw.to_vec();
            }
            let Some(decoder) = &mut self.decoder else {
                return Ok(Some(std::mem::take(&mut self.waiting)));
            };
            let mut piece = Vec::new();
            let mut used = 0;
            for slice in self.waiting.chunks(PIECE_IN) {
                decoder.write_all(slice).map_err(|_| broken(&self.place))?;
                piece.append(decoder.get_mut());
                used += slice.len();
                if piece.len() >= PIECE_OUT {
                    break;
                }
            }
            self.waiting.drain(..used);
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    /// The whole body, if it is not larger than the client's cap.
    pub async fn bytes(self) -> Result<Vec<u8>, HttpError> {
        let limit = self.http.settings.max_body;
        self.capped(limit).await
    }

    /// The whole body, if it is not larger than `limit` bytes.
    pub async fn capped(mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let too_large = HttpError::TooLarge {
            place: self.place.clone(),
            limit,
        };
        let announced = self.response.content_length().unwrap_or(0);
        if announced > limit as u64 {
            return Err(too_large);
        }
        let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0).min(1 << 20));
        while let Some(raw) = self.raw().await? {
            match &mut self.decoder {
                None => body.extend_from_slice(&raw),
                Some(decoder) => {
                    for slice in raw.chunks(SLICE) {
                        decoder.write_all(slice).map_err(|_| broken(&self.place))?;
                        body.append(decoder.get_mut());
                        if body.len() > limit {
                            return Err(too_large);
                        }
                    }
                }
            }
            if body.len() > limit {
                return Err(too_large);
            }
        }
        if let Some(rest) = self.rest()? {
            body.extend(rest);
        }
        if body.len() > limit {
            return Err(too_large);
        }
        Ok(body)
    }

    async fn raw(
        &mut self,
    ) -> Result<Option<impl std::ops::Deref<Target = [u8]> + use<>>, HttpError> {
        let piece = self.response.chunk().await;
        let piece = piece
            .map_err(|e| error::transport(self.place.clone(), &e, self.http.read_timeout()))?;
        if let Some(piece) = &piece {
            self.http.count_bytes(piece.len());
        }
        Ok(piece)
    }

    /// What the decompressor still held at the end; an error when the end came too early.
    fn rest(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let Some(decoder) = self.decoder.take() else {
            return Ok(None);
        };
        let rest = decoder.finish().map_err(|_| broken(&self.place))?;
        Ok((!rest.is_empty()).then_some(rest))
    }

    /// As much of the body as comes, up to `limit`.
    async fn beginning(mut self, limit: usize) -> Vec<u8> {
        let mut body = Vec::new();
        let read = async {
            while body.len() < limit {
                match self.chunk().await {
                    Ok(Some(piece)) => body.extend(piece),
                    Ok(None) | Err(_) => break,
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(5), read).await;
        body.truncate(limit);
        body
    }
}

fn broken(place: &Place) -> HttpError {
    HttpError::Unreachable {
        place: place.clone(),
        why: error::quote("the compressed answer broke off or is damaged"),
    }
}

/// Status line and headers as they came over HTTP/1.1; an estimate for HTTP/2.
fn head_size(headers: &HeaderMap) -> usize {
    let lines: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    lines + 17
}

/// `Retry-After`: seconds or a date.
fn wait_time(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = chrono::DateTime::parse_from_rfc2822(value.trim()).ok()?;
    Some((at.to_utc() - Utc::now()).to_std().unwrap_or_default())
}
