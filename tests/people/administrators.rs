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
        app.without_limits().await;
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
            "set state = 'disabled'",
            "set deleted_at = now()",
            "set state = 'invited'",
            "set role = 'citizen'",
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
            let left = "select count(*) from kernel.account where state = 'active' and role = 'admin' and deleted_at is null";
            assert_eq!(one(app, left).await, "1");
            let mend = format!(
                "update kernel.account set role = 'admin', state = 'active' where id in ('{}', '{second}')",
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
        let reply = admin.delete(&user(admin.id)).await;
        let text = format!("{}, and its answer to the last of them: {}", back.text, reply.status);
        assert_eq!(back.json()["state"], "invited", "nobody has confirmed it: {text}");
        assert_eq!(reply.problem(), "409 last_administrator", "nobody else can sign in");
    });
}

#[test]
fn nobody_gives_takes_or_resets_a_role_that_holds_more_than_their_own() {
    run(async |app| {
        let studio = app.organisation("studio", "kaizen").await;
        let (admin, owner) = (studio.role("org_admin"), studio.role("org_owner"));
        let before = accounts(app, studio.id).await;
        let path = user(owner.id);
        let invitation =
            json!({"email": "x@people.example", "full_name": "Ex", "role": "org_owner"});
        let promotion = json!({"role": "org_owner"});
        let replies = [
            admin.post("/auth/users", &invitation).await,
            admin.patch(&user(admin.id), &promotion).await,
            admin.patch(&user(studio.role("viewer").id), &promotion).await,
            admin.patch(&path, &json!({"role": null})).await,
            admin.patch(&path, &json!({"is_active": false})).await,
            admin.patch(&path, &json!({"full_name": "Nobody"})).await,
            admin.delete(&path).await,
            admin.post(&format!("{path}/reset"), &json!({})).await,
        ];
        for (number, reply) in replies.iter().enumerate() {
            assert_eq!(reply.problem(), "403 role_not_covered", "{number}");
            let rows = recorded(app, reply).await;
            assert_eq!(rows, ["refused user:write role_not_covered"], "{number}");
        }
        for role in ["", "ORG_OWNER", "admin", "anonymous", "watch", "org_owner "] {
            let body = json!({"email": "x@people.example", "full_name": "Ex", "role": role});
            let reply = owner.post("/auth/users", &body).await;
            assert_eq!((reply.status, reply.fields()), (422, vec!["body.role".into()]), "{role:?}");
        }
        assert_eq!(accounts(app, studio.id).await, before);
    });
}

#[test]
fn an_account_that_is_removed_leaves_its_address_and_nothing_that_works() {
    run(async |app| {
        let civic = app.organisation("civic", "kwa").await;
        let (admin, manager) = (civic.role("admin"), civic.role("manager"));
        let reset = admin.post(&format!("{}/reset", user(manager.id)), &json!({})).await;
        assert_eq!(admin.delete(&user(manager.id)).await.status, 204);
        let again =
            json!({"email": civic.email("manager"), "full_name": "Next", "role": "citizen"});
        let next = admin.post("/auth/users", &again).await;
        assert_eq!(next.status, 201, "{}", next.text);
        let reply = use_code(app, 0, &reset.json()["code"], "seven wet otters").await;
        assert_eq!(reply.problem(), "400 invalid_code");
        assert_eq!(use_code(app, 0, &next.json()["code"], "seven wet otters").await.status, 204);
        let id = civic.id.to_string();
        let email = civic.email("manager");
        assert_eq!(admin.sign_in(&id, &email, PASSWORD).await.status, 401);
        assert_eq!(admin.sign_in(&id, &email, "seven wet otters").await.status, 200);
        assert!([401, 403].contains(&manager.get("/auth/me").await.status));
        assert_eq!(refresh(app, 0, manager.refresh.as_ref().unwrap()).await.status, 401);
        assert_eq!(admin.get(&user(manager.id)).await.problem(), "404 not_found");
        assert_eq!(admin.patch(&user(manager.id), &json!({"is_active": true})).await.status, 404);
    });
}
