//! A municipality with its people, as a client meets them.

use std::collections::BTreeSet;

use ::kernel::{Hand, jiff::Timestamp};
use aws_lc_rs::digest;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use testkit::Options;

use super::*;

pub const REQUESTS: &str = "/api/v1/service-requests";
pub const CONSENT: &str = "/api/v1/consent";
pub const RIGHTS: &str = "/api/v1/data-rights/requests";
pub const VIOLENCE: &str = "/api/v1/gbv-reports";

/// The phone of every citizen of a [`Town`].
pub const PHONE: &str = "+27825550101";

/// A server whose time a test moves.
pub fn at(begin: &str) -> (Options, Hand) {
    let (clock, hand) = Clock::movable(begin.parse().unwrap());
    (Options { clock, ..Options::default() }, hand)
}

/// A municipality with somebody of each role; everybody comes as often as they like.
pub struct Town {
    pub people: Organisation,
    pub name: String,
}

impl Town {
    pub async fn new(app: &TestApp, name: &str) -> Self {
        app.without_limits().await;
        Self { people: app.organisation("civic", name).await, name: name.into() }
    }

    pub fn id(&self) -> Uuid {
        self.people.id
    }

    pub fn role(&self, role: &str) -> &Persona {
        self.people.role(role)
    }

    /// What a citizen sends who registers here.
    pub fn form(&self, name: &str) -> Value {
        json!({"email": format!("{name}@citizens.example"), "password": PASSWORD, "phone": PHONE,
               "full_name": format!("{name} Nkosi"), "municipality_code": self.name,
               "consent": {"consented": true}})
    }

    /// A citizen who registered with this form and signed in.
    pub async fn registered(&self, app: &TestApp, form: &Value) -> Persona {
        let reply = app.anonymous().post("/auth/register", form).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let id = reply.id().parse().unwrap();
        self.signed_in(&app.persona(None, id), form["email"].as_str().unwrap()).await
    }

    pub async fn citizen(&self, app: &TestApp, name: &str) -> Persona {
        self.registered(app, &self.form(name)).await
    }

    /// The same person with new tokens: those of before last half an hour.
    pub async fn signed_in(&self, who: &Persona, email: &str) -> Persona {
        let nobody = who.with_token(None);
        let reply = nobody.sign_in(&self.id().to_string(), email, PASSWORD).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        nobody.with_tokens(&reply)
    }

    /// The person of this role with new tokens.
    pub async fn again(&self, role: &str) -> Persona {
        self.signed_in(self.role(role), &self.people.email(role)).await
    }

    /// One more account of a role, signed in.
    pub async fn another(&self, app: &TestApp, role: &str, name: &str) -> Persona {
        let email = format!("{name}@staff.example");
        let id = account(app, &self.people, role, &email).await;
        self.signed_in(&app.persona(None, id), &email).await
    }

    /// A report of water by somebody; it.
    pub async fn report(&self, who: &Persona) -> Value {
        created(who, REQUESTS, &leak()).await
    }

    /// The request as somebody sees it.
    pub async fn seen(&self, who: &Persona, request: &Value) -> Value {
        got(who, &format!("{REQUESTS}/{}", text(&request["id"]))).await
    }

    /// Changes the status of a request, which must be possible.
    pub async fn moved(&self, request: &Value, status: &str) -> Value {
        let body = json!({"status": status, "note": "seen to"});
        let path = format!("{REQUESTS}/{}/status", text(&request["id"]));
        let reply = self.role("manager").patch(&path, &body).await;
        assert_eq!(reply.status, 200, "{status}: {}", reply.text);
        reply.json()
    }
}

/// A report of water.
pub fn leak() -> Value {
    json!({"category": "water", "description": "Water runs over the pavement.",
           "address": "12 Long Street", "latitude": -33.9221, "longitude": 18.4231})
}

/// `body` with these fields too.
pub fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

/// Creates a record, which must be possible; what came back.
pub async fn created(who: &Persona, path: &str, body: &Value) -> Value {
    let reply = who.post(path, body).await;
    assert_eq!(reply.status, 201, "{path}: {}", reply.text);
    reply.json()
}

/// What is at `path`, which must be there.
pub async fn got(who: &Persona, path: &str) -> Value {
    let reply = who.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    reply.json()
}

/// All of a list, page after page.
pub async fn list(who: &Persona, path: &str) -> Vec<Value> {
    let (mut all, mut next) = (vec![], Some(path.to_owned()));
    while let Some(page) = next {
        let reply = who.get(&page).await;
        assert_eq!(reply.status, 200, "{page}: {}", reply.text);
        all.extend(
            reply.json().as_array().unwrap_or_else(|| panic!("{page}: {}", reply.text)).clone(),
        );
        let link = reply.header("link").and_then(|link| link.split(['<', '>']).nth(1));
        next = link.map(str::to_owned);
    }
    all
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

pub fn time(value: &Value) -> Timestamp {
    text(value).parse().expect("a time")
}

/// The values of a field, in order.
pub fn each(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| text(&item[field])).collect()
}

pub fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The fields that an answer has not, of those that it should have.
pub fn lacking<'f>(object: &Value, fields: &'f str) -> Vec<&'f str> {
    let there = keys(object);
    fields.split_whitespace().filter(|field| !there.contains(field)).collect()
}

/// SHA-256, hex.
pub fn sha256(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a receipt says, by the published keys alone.
pub async fn verified(app: &TestApp, receipt: &str, typ: &str) -> Option<Value> {
    let keys: JwkSet =
        serde_json::from_str(&app.anonymous().get("/.well-known/jwks.json").await.text).unwrap();
    let header = decode_header(receipt).ok()?;
    assert_eq!(header.typ.as_deref(), Some(typ));
    let key = keys.find(&header.kid?)?;
    let mut rules = Validation::new(header.alg);
    (rules.validate_exp, rules.validate_aud) = (false, false);
    rules.required_spec_claims.clear();
    decode::<Value>(receipt, &DecodingKey::from_jwk(key).ok()?, &rules)
        .ok()
        .map(|token| token.claims)
}

/// The rows of a question of one number.
pub async fn count(app: &TestApp, what: &str) -> u64 {
    one(app, &format!("select count(*) from {what}")).await.parse().expect("a number")
}

/// All tables that hold rows, partitions left to their parents.
pub async fn tables(app: &TestApp) -> Vec<String> {
    app.ask(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p', 'm') and not c.relispartition
            and n.nspname !~ '^(pg_|information_schema)' order by 1",
    )
    .await
}
