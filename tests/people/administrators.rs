//! Somebody of an organisation manages its people, always: whoever writes, and however.

use ::kernel::tokio_postgres::Client;
use futures::future::join;
use testkit::run;

use super::*;

/// A session of the server's own role that speaks for a tenant.
async fn as_server(app: &TestApp, tenant: Uuid) -> Client {
    let session = app.database.session("reeve_app").await;
    session.batch_execute(&context(tenant)).await.expect("the context");
    session
}

#[test]
fn z09_the_last_administrator_stays_one_whoever_asks() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let civic = app.organisation("civic", "kwa").await;
        let admin = civic.role("admin");
        let before = accounts(app, civic.id).await;
        for body in [
            json!({"role": "citizen"}),
            json!({"role": null}),
            json!({"is_active": false}),
            json!({"role": "manager", "full_name": "x"}),
        ] {
            let reply = admin.patch(&user(admin.id), &body).await;
            assert_eq!(reply.problem(), "409 last_administrator", "{body}");
        }
        assert_eq!(admin.delete(&user(admin.id)).await.problem(), "409 last_administrator");
        // Somebody who is only invited, or disabled, does not count.
        let invited =
            json!({"email": "second@people.example", "full_name": "Se Cond", "role": "admin"});
        let invited = admin.post("/auth/users", &invited).await;
        assert_eq!(admin.delete(&user(admin.id)).await.problem(), "409 last_administrator");
        assert_eq!(admin.delete(&user(invited.id().parse().unwrap())).await.status, 204);
        let server = as_server(app, civic.id).await;
        for sql in [
            "set administers = false",
            "set state = 'disabled'",
            "set deleted_at = now()",
            "set state = 'invited'",
            "set role = 'citizen', administers = false",
        ] {
            let error =
                server.batch_execute(&format!("update kernel.account {sql}")).await.expect_err(sql);
            assert_eq!(error.code().map(|code| code.code()), Some("RV509"), "{sql}");
        }
        assert!(server.batch_execute("delete from kernel.account").await.is_err());
        assert!(server.batch_execute("truncate kernel.account").await.is_err());
        let now = accounts(app, civic.id).await;
        assert_eq!(now[..before.len()], before[..], "nothing has changed");

        // Two who take the right from each other, at the same time, on two replicas.
        let second = account(app, &civic, "admin", "second@people.example").await;
        for round in 0..6 {
            let a = signed_in(app, &civic, &civic.email("admin")).await;
            let b = signed_in(app, &civic, "second@people.example").await.at(app.url(1));
            let body =
                [json!({"role": null}), json!({"is_active": false}), json!({"role": "citizen"})]
                    [round % 3]
                    .clone();
            let (path_a, path_b) = (user(admin.id), user(second));
            let (x, y) = join(a.patch(&path_b, &body), b.patch(&path_a, &body)).await;
            let won = [x.status, y.status].iter().filter(|status| **status == 200).count();
            assert_eq!(won, 1, "round {round}: {} / {}", x.text, y.text);
            assert!(
                [x.status, y.status].iter().all(|status| [200, 401, 403, 409].contains(status)),
                "{} / {}",
                x.text,
                y.text
            );
            let left = "select count(*) from kernel.account where administers and state = 'active' and role = 'admin' and deleted_at is null";
            assert_eq!(one(app, left).await, "1");
            let mend = format!(
                "update kernel.account set role = 'admin', administers = true, state = 'active' where id in ('{}', '{second}')",
                admin.id
            );
            execute(app, civic.id, &mend).await;
        }
    });
}

#[test]
fn the_database_keeps_a_last_administrator_whose_role_alone_is_changed() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let server = as_server(app, civic.id).await;
        for sql in ["set role = 'citizen'", "set role = null"] {
            let done = server
                .batch_execute(&format!("update kernel.account {sql} where role = 'admin'"))
                .await;
            let code = done.err().and_then(|error| error.code().map(|code| code.code().to_owned()));
            assert_eq!(code.as_deref(), Some("RV509"), "{sql}");
        }
    });
}

#[test]
fn an_invitation_that_was_stopped_and_let_go_on_is_still_one() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let admin = civic.role("admin");
        let invited = admin
            .post(
                "/auth/users",
                &json!({"email": "in@people.example", "full_name": "In Vited", "role": "admin"}),
            )
            .await;
        let path = user(invited.id().parse().unwrap());
        let direct = admin.patch(&path, &json!({"is_active": true})).await;
        assert_eq!(direct.json()["state"], "invited", "{}", direct.text);
        assert_eq!(admin.patch(&path, &json!({"is_active": false})).await.status, 200);
        let back = admin.patch(&path, &json!({"is_active": true})).await;
        assert_eq!(back.json()["state"], "invited", "nobody has confirmed it: {}", back.text);
        let reply = admin.delete(&user(admin.id)).await;
        assert_eq!(reply.problem(), "409 last_administrator", "nobody else can sign in");
    });
}
