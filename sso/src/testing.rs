//! A real provider, and a person without a browser who signs in there. See `tests/providers`.
#![allow(clippy::expect_used, clippy::panic, reason = "a fixture that fails must fail the test")]

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

use reqwest::{Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use url::Url;

use crate::{Provider, Secret};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/providers");
const MISSING: &str = "tests sign in at a real provider: install Node.js 20 or later, with npm";

/// Somebody who can sign in.
#[derive(Clone, Serialize)]
pub struct Account {
    pub sub: String,
    pub email: String,
    pub email_verified: bool,
    pub name: String,
}

impl Account {
    /// Somebody with a verified address at `clinic.example`.
    pub fn new(sub: &str) -> Self {
        Self {
            sub: sub.to_owned(),
            email: format!("{sub}@clinic.example"),
            email_verified: true,
            name: format!("The person {sub}"),
        }
    }
}

/// How a provider is started.
pub struct Options {
    /// What we, and its own page, call it.
    pub name: String,
    pub client_id: String,
    /// Without one, we are a public client.
    pub client_secret: Option<String>,
    pub redirect_uris: Vec<String>,
    pub accounts: Vec<Account>,
    /// Whether email and name stand in the ID token; otherwise only the user information has them.
    pub claims_in_id_token: bool,
}

impl Options {
    /// A provider with these people, which sends them back to that address.
    pub fn new(name: &str, redirect_uri: &str, subjects: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            client_id: format!("reeve-{name}"),
            client_secret: Some(format!("a secret/of+{name}, 100%")),
            redirect_uris: vec![redirect_uri.to_owned()],
            accounts: subjects.iter().map(|sub| Account::new(sub)).collect(),
            claims_in_id_token: false,
        }
    }
}

/// A provider that runs until it is dropped.
pub struct TestProvider {
    pub issuer: String,
    options: Options,
    // Its standard input is in here: closed, it ends the program, however we end.
    _process: tokio::process::Child,
}

#[derive(Deserialize)]
struct Ready {
    issuer: String,
}

impl TestProvider {
    /// Starts a provider on a free port.
    ///
    /// # Panics
    /// Node.js is missing, its packages cannot be installed, or the provider does not start; each
    /// says what to do.
    pub async fn start(options: Options) -> Self {
        static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
        if let Err(why) = INSTALLED.get_or_init(install) {
            panic!("{why}");
        }
        let mut command = tokio::process::Command::new("node");
        command
            .current_dir(FOLDER)
            .args(["provider.mjs", "--port", "0", "--issuer-name", &options.name])
            .args(["--client-id", &options.client_id])
            .args(options.client_secret.iter().flat_map(|secret| ["--client-secret", secret]))
            .args(options.redirect_uris.iter().flat_map(|url| ["--redirect-uri", url]))
            .arg("--accounts")
            .arg(serde_json::to_string(&options.accounts).expect("accounts are JSON"))
            .args(options.claims_in_id_token.then_some("--claims-in-id-token"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let Ok(mut process) = command.spawn() else { panic!("{MISSING}") };
        let mut line = String::new();
        let output = process.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).await.expect("readable");
        let Ok(Ready { issuer }) = serde_json::from_str(&line) else {
            panic!("the provider did not start; run `node provider.mjs` in tests/providers");
        };
        Self { issuer, options, _process: process }
    }

    /// What it was started with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The provider as settings would name it.
    ///
    /// # Panics
    /// Its options are none that settings allow.
    pub fn provider(&self) -> Provider {
        let Options { name, client_id, client_secret, .. } = &self.options;
        let secret = client_secret.clone().map(Secret::from);
        Provider::new(name, &self.issuer, client_id, secret).expect("a provider")
    }

    /// Signs in as one of the accounts, from the address of [`crate::Begun`], in a browser of its
    /// own. Returns where the provider sends the person back to.
    ///
    /// # Panics
    /// The provider does not go along; the text has its answer.
    pub async fn sign_in(&self, url: &str, sub: &str) -> Url {
        self.answer(url, ("login", sub)).await
    }

    /// Leaves the page without signing in. Returns where the provider sends the person back to.
    ///
    /// # Panics
    /// As [`TestProvider::sign_in`].
    pub async fn decline(&self, url: &str) -> Url {
        self.answer(url, ("cancel", "yes")).await
    }

    async fn answer(&self, url: &str, choice: (&str, &str)) -> Url {
        let mut browser = Browser::new();
        let mut url = Url::parse(url).expect("an address");
        let mut reply = browser.send(|http| http.get(url.clone())).await;
        for _ in 0..10 {
            if reply.status() == StatusCode::OK {
                reply = browser.send(|http| http.post(url.clone()).form(&[choice])).await;
                continue;
            }
            let Some(next) = reply.headers().get(header::LOCATION) else {
                panic!("{}: {}", reply.status(), reply.text().await.unwrap_or_default());
            };
            url = url.join(next.to_str().expect("ASCII")).expect("an address");
            if !url.as_str().starts_with(&self.issuer) {
                return url;
            }
            reply = browser.send(|http| http.get(url.clone())).await;
        }
        panic!("the provider sends the person around in circles");
    }
}

/// As much of a browser as it takes: it keeps cookies, whatever their path.
struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new() -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            // The provider speaks plain http: reading the system's certificates would be in vain.
            .tls_certs_only([]);
        Self { http: http.build().expect("a client"), cookies: BTreeMap::new() }
    }

    async fn send(
        &mut self,
        request: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder,
    ) -> Response {
        let cookies: Vec<_> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let request = request(&self.http).header(header::COOKIE, cookies.join("; "));
        let reply = request.send().await.expect("the provider answers");
        for cookie in reply.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("ASCII");
            let pair = cookie.split(';').next().unwrap_or_default();
            match pair.split_once('=') {
                Some((name, "")) => self.cookies.remove(name),
                Some((name, value)) => self.cookies.insert(name.to_owned(), value.to_owned()),
                None => None,
            };
        }
        reply
    }
}

/// Installs the provider's packages as its lock file names them, unless they are there.
fn install() -> Result<(), String> {
    let folder = Path::new(FOLDER);
    // Other processes of tests may be about to do the same.
    let lock = File::create(folder.join(".npm-ci.lock")).map_err(|e| e.to_string())?;
    lock.lock().map_err(|e| e.to_string())?;
    let changed = |name: &str| folder.join(name).metadata().and_then(|m| m.modified()).ok();
    // npm writes this one last.
    let installed = changed("node_modules/.package-lock.json");
    if installed.is_some() && installed >= changed("package-lock.json") {
        return Ok(());
    }
    let npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .output()
        .map_err(|_| MISSING.to_owned())?;
    if npm.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&npm.stderr);
    Err(format!("`npm ci` failed; run it in tests/providers:\n{said}"))
}
