//! What a gateway must be. Pure.

use kernel::{
    http::{Fault, Fields, Patch, Problem, Purpose, one_of, or, text},
    privacy::Pii,
};
use outbound::Outbound;
use serde_json::Value;

use super::http::GatewayBody;

const ENVIRONMENTS: &[&str] = &["development", "staging", "production"];
/// Bytes of an address, as it is kept.
const LONGEST: usize = 500;
pub const STATUSES: &[&str] = &["active", "disabled"];
/// Bytes of a secret: as many as a key of HMAC-SHA256 has, and what a header still carries well.
const SECRET: std::ops::RangeInclusive<usize> = 32..=256;

/// Checks a body; its columns, the secret among them.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(
    body: GatewayBody,
    purpose: Purpose,
    outbound: &Outbound,
) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(purpose);
    // A secret is for one address: it does not go to another by itself.
    let moved = matches!((&body.url, &body.secret), (Patch::Value(_), Patch::Absent));
    if moved && purpose == Purpose::Change {
        fields
            .fault("secret", ("missing", "give the secret of the gateway at this address".into()));
    }
    fields.required("name", "name", body.name, text(120));
    fields.optional("description", "description", body.description, text(2000));
    fields.required("url", "url", body.url, |given| url(&given, outbound));
    fields.required("environment", "environment", body.environment, one_of(ENVIRONMENTS));
    match purpose {
        Purpose::Create => {
            let status = or(body.status, "active");
            fields.required("status", "status", status, one_of(&["active"]));
        }
        Purpose::Change => fields.required("status", "status", body.status, one_of(STATUSES)),
    }
    fields.required("secret", "secret", body.secret, secret);
    fields.finish().map(Pii::new)
}

/// Where a gateway is, without a slash at the end.
fn url(given: &str, outbound: &Outbound) -> Result<String, Fault> {
    let fault = |unfit: outbound::Unfit| (unfit.code(), unfit.to_string());
    let long = || ("length", format!("give an address of {LONGEST} characters at the most"));
    let url = outbound.check(given.trim()).map_err(fault)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(("url_malformed", "give the gateway's address without `?` and `#`".into()));
    }
    let url = url.as_str().trim_end_matches('/');
    if url.len() <= LONGEST { Ok(url.to_owned()) } else { Err(long()) }
}

/// What a header can carry.
fn secret(given: String) -> Result<String, Fault> {
    let fits = SECRET.contains(&given.len()) && given.bytes().all(|byte| byte.is_ascii_graphic());
    let fault = || ("secret", "give 32 to 256 characters of ASCII, without blanks".to_owned());
    if fits { Ok(given) } else { Err(fault()) }
}

/// 409: a gateway goes when nothing runs on it.
///
/// # Errors
/// As said.
pub fn require_empty(running: i64) -> Result<(), Problem> {
    match running {
        0 => Ok(()),
        _ => {
            let detail = "an agent is deployed to this gateway: stop the deployment first";
            Err(Problem::conflict("gateway_in_use", detail))
        }
    }
}
