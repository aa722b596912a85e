//! Calls to a provider: no redirects, ten seconds, a mebibyte.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode, redirect};
use serde::de::DeserializeOwned;

use crate::{Fault, SetupError};

const TIMEOUT: Duration = Duration::from_secs(10);
const LIMIT: usize = 1 << 20;

pub(crate) fn client() -> Result<reqwest::Client, SetupError> {
    reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(SetupError::Tls)
}

/// The JSON of a good answer.
pub(crate) async fn get<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, Fault> {
    let (status, body) = send(request).await?;
    if status != StatusCode::OK {
        return Err(Fault::Status(status.as_u16()));
    }
    serde_json::from_slice(&body).map_err(|_| Fault::Answer)
}

/// Any answer, read to its limit.
pub(crate) async fn send(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), Fault> {
    let mut response = request.header("accept", "application/json").send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LIMIT {
            return Err(Fault::Answer);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status(), body))
}
