//! `policy`: questions to an organization's attribute policies. Nothing is done and nothing stored.

use std::{fs, io::Read};

use kernel::{
    Clock,
    db::Platform,
    policies::{Case, PolicyFault, Questions, Verdict},
    tenant,
};
use serde::Deserialize;
use serde_json::json;

use super::{Failure, PolicyCommand, operate::Work, show};

/// A question with the answer that is expected.
#[derive(Deserialize)]
struct Expected {
    expect: bool,
    #[serde(flatten)]
    case: serde_json::Map<String, serde_json::Value>,
}

pub async fn policy(work: Work<'_>, command: PolicyCommand) -> Result<(), Failure> {
    let clock = Clock::default();
    let mut platform = Platform::connect(&work.database.owner, clock.new_id()).await?;
    let (PolicyCommand::Explain { tenant, .. } | PolicyCommand::Test { tenant, .. }) = &command;
    let tenant = tenant::find(&mut platform, tenant).await?;
    let realm = work.registry.realms.iter().find(|realm| realm.name == tenant.realm);
    if !realm.is_some_and(|realm| realm.attribute_policies) {
        return Err(PolicyFault::None.into());
    }
    let judges = (&work.registry.matrix, &*work.registry.vocabulary);
    let questions = Questions::of(&mut platform, judges, (tenant.id, tenant.realm)).await?;
    match command {
        PolicyCommand::Explain { question, .. } => {
            let case: Case = serde_json::from_str(&question).map_err(|e| usage(&e))?;
            explain(work.json, &questions.ask(&case, clock.now())?);
            Ok(())
        }
        PolicyCommand::Test { file, .. } => {
            let mut text = String::new();
            if file.as_os_str() == "-" {
                std::io::stdin().read_to_string(&mut text)?;
            } else {
                text = fs::read_to_string(file)?;
            }
            test(work.json, &questions, &text, &clock)
        }
    }
}

fn usage(error: &serde_json::Error) -> Failure {
    let shape = r#"{"role":…,"action":…,"resource":…,"attributes":{…}}"#;
    Failure::Usage(format!("a question is a JSON object such as {shape}: {error}"))
}

fn explain(json: bool, verdict: &Verdict) {
    if json {
        show::line(&json!(verdict).to_string());
        return;
    }
    show::line(if verdict.allowed { "allowed" } else { "refused" });
    show::line(&verdict.explanation);
}

fn test(json: bool, questions: &Questions<'_>, text: &str, clock: &Clock) -> Result<(), Failure> {
    let (mut asked, mut wrong) = (0, 0);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Expected { expect, case } = serde_json::from_str(line).map_err(|e| usage(&e))?;
        let case: Case = serde_json::from_value(case.into()).map_err(|e| usage(&e))?;
        let verdict = questions.ask(&case, clock.now())?;
        asked += 1;
        if verdict.allowed == expect {
            continue;
        }
        wrong += 1;
        let said = if verdict.allowed { "allowed" } else { "refused" };
        match json {
            true => show::line(&json!({"line": number + 1, "verdict": verdict}).to_string()),
            false => show::line(&format!("line {}: {said}: {}", number + 1, verdict.explanation)),
        }
    }
    eprintln!("{asked} questions, {wrong} answered otherwise than expected");
    if wrong == 0 { Ok(()) } else { Err(Failure::Findings(wrong)) }
}
