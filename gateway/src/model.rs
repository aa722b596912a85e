//! A model behind `/chat/completions`, as OpenAI has it and others after it.

use std::fmt;

use outbound::{
    Allowed, IpNet, Limits, Method, Outbound, Request, SetupError, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde::Deserialize;
use serde_json::json;

use crate::{nodes::failure, run::Failure};

/// Where models are asked. The operator names it, so it may be anywhere.
pub struct ModelSettings {
    /// Before `/chat/completions`.
    pub url: Url,
    pub key: Option<String>,
}

impl fmt::Debug for ModelSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[model]")
    }
}

pub(crate) struct Model {
    outbound: Outbound,
    settings: ModelSettings,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

impl Model {
    pub(crate) fn new(settings: ModelSettings) -> Result<Self, SetupError> {
        let everywhere: Vec<IpNet> =
            ["0.0.0.0/0", "::/0"].iter().filter_map(|text| text.parse().ok()).collect();
        Ok(Self { outbound: Outbound::new(Allowed::new(everywhere))?, settings })
    }

    /// The text of its answer.
    pub(crate) async fn ask(
        &self,
        asked: &workflow::Model,
        system: Option<&str>,
        prompt: &str,
        limits: Limits,
    ) -> Result<String, Failure> {
        let system = system.map(|text| json!({"role": "system", "content": text}));
        let messages: Vec<_> =
            system.into_iter().chain([json!({"role": "user", "content": prompt})]).collect();
        let mut body = json!({"model": asked.model, "messages": messages});
        if let Some(body) = body.as_object_mut() {
            body.extend(asked.temperature.map(|t| ("temperature".to_owned(), t.into())));
            body.extend(asked.max_tokens.map(|n| ("max_tokens".to_owned(), n.into())));
        }
        let request = Request {
            method: Method::POST,
            url: self.address(),
            headers: self.headers()?,
            body: body.to_string().into_bytes(),
            limits,
        };
        let answer = self.outbound.send(request).await.map_err(failure)?;
        if answer.status != 200 {
            let answered = Some(answer.status);
            return Err(Failure { answered, ..Failure::call("model_status") });
        }
        let completion: Completion =
            serde_json::from_slice(&answer.body).map_err(|_| Failure::call("model_answer"))?;
        let first = completion.choices.into_iter().next();
        first.and_then(|choice| choice.message.content).ok_or(Failure::call("model_answer"))
    }

    fn address(&self) -> Url {
        let mut url = self.settings.url.clone();
        let path = format!("{}/chat/completions", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.settings.key {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| Failure::call("model_key"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }
}
