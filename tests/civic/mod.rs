//! Municipalities: who registers, how often somebody may come, who stands above. What several of these files need
//! stands here.

mod above;
mod audit;
mod canaries;
mod confidential;
mod consent;
mod erased;
mod input;
mod limits;
mod open;
mod open311;
mod probe;
mod registration;
mod requests;
mod rights;
mod settings_and_models;
mod signing_in;
mod town;
mod violence;
mod withdrawal;
mod words;

use std::net::Ipv4Addr;

use ::kernel::{Clock, tenant};
use serde_json::{Value, json};
use testkit::{Options, Organisation, PASSWORD, Persona, Reply, TestApp};
use uuid::Uuid;

use crate::people::{account, one, place, recorded, signed_in};

/// What somebody sends who registers.
fn registration(email: &str, password: &str, code: &str) -> Value {
    json!({"email": email, "password": password, "full_name": "Thandi Nkosi", "municipality_code": code,
           "consent": {"purpose": "platform_registration", "language": "en", "consented": true}})
}

/// Somebody with a key of a municipality.
async fn keyed(app: &TestApp, there: &Organisation, role: &str) -> Persona {
    let mut platform = app.platform().await;
    let id = there.id.to_string();
    let key = tenant::create_key(&mut platform, &Clock::default(), &id, "n8n", role).await.unwrap();
    app.persona(Some(key.1.as_str().to_owned()), key.0.id)
}
