//! The SDK's way out: through [`Outbound`], and no other.

use std::{fmt, time::Duration};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
            http_client_fn,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use outbound::{Answer, Limits, Outbound, Request, Url};

const LIMITS: Limits = Limits { total: Duration::from_secs(15), bytes: 64 * 1024 };

#[derive(Clone)]
struct Connector(Outbound);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

pub(crate) fn client(outbound: &Outbound) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(outbound.clone()));
    http_client_fn(move |_, _| connector.clone())
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let outbound = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = outgoing(request)?;
            let answer =
                outbound.send(request).await.map_err(|e| ConnectorError::other(e.into(), None))?;
            incoming(answer)
        })
    }
}

fn outgoing(request: HttpRequest) -> Result<Request, ConnectorError> {
    let misfit = |error| ConnectorError::user(error);
    let request = request.try_into_http1x().map_err(|e| misfit(e.into()))?;
    let (head, body) = request.into_parts();
    let url = Url::parse(&head.uri.to_string()).map_err(|e| misfit(e.into()))?;
    let body = body.bytes().ok_or_else(|| misfit("a body that is not in memory".into()))?.to_vec();
    Ok(Request { method: head.method, url, headers: head.headers, body, limits: LIMITS })
}

fn incoming(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let misfit = |error| ConnectorError::other(error, None);
    let status = StatusCode::try_from(answer.status).map_err(|e| misfit(e.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    for (name, value) in &answer.headers {
        // What is no text is none that the SDK reads.
        if let Ok(value) = value.to_str() {
            response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(response)
}
