//! A pool of one connection: everything still works, nothing waits for itself.

use std::time::Duration;

use futures::future::join_all;
use testkit::{Options, run_with};

use crate::conformance::routes::{Ids, call, of_keys};

#[test]
fn x05_with_one_connection_every_route_answers_alone_and_twenty_at_a_time() {
    let options = Options { pool: 1, wait: Duration::from_secs(20), ..Options::default() };
    run_with(options, async |app| {
        let north = app.tenant("north").await;
        let ids = Ids::new(&north).await;
        for route in &of_keys() {
            let path = ids.path(route.path);
            let alone = call(&north.admin, route, &path).await;
            assert!(alone.status < 500, "{}: {}", route.name, alone.text);
            let together = join_all((0..20).map(|_| call(&north.admin, route, &path))).await;
            for reply in together {
                assert!(reply.status < 500, "{}: {}", route.name, reply.text);
            }
        }
    });
}

#[test]
fn who_waits_too_long_for_a_connection_gets_503_with_retry_after() {
    let options = Options { pool: 1, wait: Duration::from_millis(200), ..Options::default() };
    run_with(options, async |app| {
        let north = app.tenant("north").await;
        north.integration.new_patient("1").await;
        // Somebody holds the row's table while the one connection waits for it.
        let mut session = app.database.session("reeve_admin").await;
        let holding = session.transaction().await.unwrap();
        holding.batch_execute("lock table clinic.patient in access exclusive mode").await.unwrap();
        let replies = join_all((0..5).map(|_| north.reader.get("/v1/patients"))).await;
        assert!(replies.iter().all(|reply| reply.status == 503), "{replies:?}");
        assert!(replies.iter().all(|reply| reply.header("retry-after").is_some()));
        holding.rollback().await.unwrap();
        assert_eq!(north.reader.get("/v1/patients").await.status, 200);
    });
}
