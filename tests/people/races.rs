//! A login that is being looked at while its ground is taken away.

use testkit::run;

use super::*;

/// What becomes of a login when this happens after its password was found right, and before its
/// session is opened: the answer, and the caller that it would make.
async fn beside(
    app: &TestApp,
    there: &Organisation,
    role: &str,
    happens: &str,
) -> (Reply, Persona) {
    let holds = app.database.session("reeve_admin").await;
    holds.batch_execute(&context(there.id)).await.unwrap();
    holds.batch_execute("begin; lock table kernel.session in share mode").await.unwrap();
    let (nobody, id, email) = (app.anonymous(), there.id.to_string(), there.email(role));
    let meanwhile = async {
        let waits = "select count(*) from pg_stat_activity where datname = current_database()
                      and usename = 'reeve_app' and wait_event_type = 'Lock'";
        let patience = Duration::from_secs(5);
        until(patience, "a login that waits", async || one(app, waits).await == "1").await;
        holds.batch_execute(happens).await.unwrap();
        holds.batch_execute("commit").await.unwrap();
    };
    let (reply, ()) = futures::future::join(nobody.sign_in(&id, &email, PASSWORD), meanwhile).await;
    let caller = nobody.with_tokens(&reply);
    (reply, caller)
}

#[test]
fn a_login_with_a_password_that_is_changed_meanwhile_opens_nothing() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let manager = civic.role("manager").id;
        // As a reset does it.
        let reset = format!(
            "update kernel.account set password_hash = 'another', password_changed_at = now() where id = '{manager}';
             select kernel.end_sessions('{manager}', 'password_changed', null)"
        );
        let (reply, caller) = beside(app, &civic, "manager", &reset).await;
        if reply.status == 200 {
            let served = caller.get("/auth/me").await;
            assert_eq!(served.status, 401, "who knew the former password is in: {}", served.text);
        }
    });
}

#[test]
fn a_login_to_an_account_that_is_disabled_meanwhile_opens_nothing_for_later() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let path = user(civic.role("manager").id);
        let disabled = format!(
            "update kernel.account set state = 'disabled' where id = '{}'",
            civic.role("manager").id
        );
        let (reply, caller) = beside(app, &civic, "manager", &disabled).await;
        if reply.status == 200 {
            assert_eq!(caller.get("/auth/me").await.status, 403);
            let back = civic.role("admin").patch(&path, &json!({"is_active": true})).await;
            assert_eq!(back.status, 200, "{}", back.text);
            let served = caller.get("/auth/me").await;
            assert_eq!(served.status, 401, "disabling had ended every session: {}", served.text);
        }
    });
}

#[test]
fn a_better_hash_of_the_former_password_does_not_replace_the_new_one() {
    run(async |app| {
        let (civic, programs) =
            (app.organisation("civic", "kwa").await, app.organisation("programs", "kata").await);
        // The usual password under a hash that gives way at the next login.
        let hash = format!(
            "select password_hash from kernel.account where email_index = kernel.blind('{}')",
            programs.email("analyst")
        );
        let (former, manager) = (one(app, &hash).await, civic.role("manager").id);
        assert!(former.starts_with("$pbkdf2"), "{former}");
        let old =
            format!("update kernel.account set password_hash = '{former}' where id = '{manager}'");
        execute(app, civic.id, &old).await;
        let reset = format!(
            "update kernel.account set password_hash = 'the new one' where id = '{manager}'"
        );
        beside(app, &civic, "manager", &reset).await;
        let kept = format!("select password_hash from kernel.account where id = '{manager}'");
        assert_eq!(one(app, &kept).await, "the new one", "the former password works again");
    });
}
