//! What the schema itself must be: no finding, no view or function around the policies.

use ::kernel::db::lint;
use testkit::run;

use super::{Records, as_tenant, records, run_without_jobs, sqlstate};

#[test]
fn t04_a_fresh_database_has_no_finding_and_its_server_no_power() {
    run(async |app| {
        let registry = reeve::registry().unwrap();
        let platform = app.platform().await;
        assert_eq!(lint(platform.client(), &registry.classes).await.unwrap(), []);
        let powers = "select rolname from pg_roles where rolname in ('reeve_app', 'reeve_search', 'reeve_deid')
            and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication or rolinherit)";
        assert_eq!(app.ask(powers).await, Vec::<String>::new());
        let owned = "select r.rolname || ' owns ' || d.classid::regclass || ' ' || d.objid
            from pg_shdepend d join pg_roles r on r.oid = d.refobjid
            where d.deptype = 'o' and r.rolname in ('reeve_app', 'reeve_search', 'reeve_deid')";
        assert_eq!(app.ask(owned).await, Vec::<String>::new());
        let memberships = "select g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid
            join pg_roles r on r.oid = m.member where r.rolname in ('reeve_app', 'reeve_search', 'reeve_deid') order by 1";
        assert_eq!(
            app.ask(memberships).await,
            ["reeve_coach", "reeve_deid", "reeve_family", "reeve_public", "reeve_search"]
        );
    });
}

/// The policy that every governed table has.
const BY_TENANT: &str = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid";

#[test]
fn t05_a_table_without_a_policy_is_named_by_the_lint() {
    run(async |app| {
        let registry = reeve::registry().unwrap();
        let platform = app.platform().await;
        let create = "create table clinic.forgotten (tenant_id uuid not null, id uuid not null,
                      primary key (tenant_id, id)); grant select, insert on clinic.forgotten to reeve_app";
        platform.client().batch_execute(create).await.unwrap();
        let findings = lint(platform.client(), &registry.classes).await.unwrap();
        platform.client().batch_execute("drop table clinic.forgotten").await.unwrap();
        for code in ["rls-not-forced", "policy-missing"] {
            let named = findings.iter().any(|f| f.code == code && f.object == "clinic.forgotten");
            assert!(named, "{code} is not among {findings:?}");
        }
        assert_eq!(lint(platform.client(), &registry.classes).await.unwrap(), []);
    });
}

/// Drift, what the lint calls it, and the object that it must name.
#[allow(clippy::too_many_lines, reason = "a table of cases")]
fn drifts() -> Vec<(String, &'static str, &'static str)> {
    let table = "create table clinic.t (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));";
    let forced = "alter table clinic.t enable row level security; alter table clinic.t force row level security;";
    let policy = |clauses: &str| {
        format!("{table}{forced} create policy p on clinic.t to reeve_app {clauses}")
    };
    let plain = |sql: &str| sql.to_owned();
    vec![
        (plain("alter table clinic.patient disable row level security"), "rls-not-forced", "clinic.patient"),
        (plain("alter table clinic.patient no force row level security"), "rls-not-forced", "clinic.patient"),
        (policy(&format!("using ({BY_TENANT})")), "policy-without-check", "clinic.t p"),
        (policy("using (true) with check (true)"), "policy-not-by-tenant", "clinic.t p"),
        (policy(&format!("using ({BY_TENANT}) with check (true)")), "policy-not-by-tenant", "clinic.t p"),
        (
            policy(&format!("using ({BY_TENANT} or true) with check ({BY_TENANT})")),
            "policy-not-by-tenant",
            "clinic.t p",
        ),
        (plain("create policy open on clinic.patient for select using (true)"), "policy-not-by-tenant", "clinic.patient open"),
        (plain("create view clinic.v as select * from clinic.patient"), "view-without-invoker", "clinic.v"),
        (
            plain("create materialized view clinic.m as select id from clinic.patient; grant select on clinic.m to reeve_app"),
            "unprotected-relation-granted",
            "clinic.m",
        ),
        (plain("grant select on clinic.patient to reeve_deid"), "slice-reads-records", "clinic.patient reeve_deid"),
        (plain("grant select (id) on kernel.account to public"), "slice-reads-records", "kernel.account reeve_deid"),
        (plain("grant references on kernel.release to reeve_deid"), "slice-reads-records", "kernel.release reeve_deid"),
        (plain("create view public.w with (security_invoker = true) as select id from clinic.patient; grant select on public.w to reeve_deid"),
         "slice-reads-records", "public.w reeve_deid"),
        (plain("create view deid.w as select id from clinic.patient; grant select, update on deid.w to reeve_deid"),
         "slice-reads-records", "deid.w reeve_deid"),
        (plain("create view deid.w as select id from clinic.patient; grant select on deid.w to reeve_app"),
         "slice-read-by-others", "deid.w reeve_app"),
        (plain("create view deid.w as select id from clinic.patient; grant select (id) on deid.w to public"),
         "slice-read-by-others", "deid.w reeve_search"),
        (plain("grant reeve_search to reeve_deid"), "slice-has-powers", "reeve_deid member of reeve_search"),
        (plain("grant execute on function kernel.sweep() to reeve_deid"), "slice-has-powers", "reeve_deid execute kernel.sweep()"),
        (plain("grant create on schema deid to reeve_deid"), "slice-has-powers", "reeve_deid create in deid"),
        (
            plain("create foreign data wrapper w; create server s foreign data wrapper w;
                   create foreign table clinic.f (id uuid) server s; grant select on clinic.f to reeve_app"),
            "unprotected-relation-granted",
            "clinic.f",
        ),
        (
            plain("create function clinic.d() returns int language sql security definer return 1"),
            "definer-function-open",
            "clinic.d()",
        ),
        (
            plain("create function clinic.d() returns int language sql security definer return 1;
                   revoke all on function clinic.d() from public"),
            "definer-function-open",
            "clinic.d()",
        ),
        (
            plain("do $$ begin execute format('grant select on audit.%I to reeve_app',
                   'entry_' || to_char(now() at time zone 'UTC', 'YYYY_MM')); end $$"),
            "partition-readable",
            "audit.entry_",
        ),
        (
            format!("{table} create unique index u on clinic.t (id);
                     create table clinic.r (tenant_id uuid not null, id uuid references clinic.t (id))"),
            "foreign-key-across-tenants",
            "clinic.r ",
        ),
        (format!("{table} create unique index u on clinic.t (id)"), "tenant-not-first", "clinic.t clinic.u"),
        (plain("grant update on audit.entry to reeve_app"), "ledger-not-insert-only", "reeve_app"),
        (plain("grant delete on audit.entry to public"), "ledger-not-insert-only", "reeve_owner"),
        (plain("grant truncate on audit.entry to reeve_owner"), "ledger-not-insert-only", "reeve_owner"),
        (plain("grant insert (actor_id) on audit.entry to reeve_app"), "ledger-not-insert-only", "reeve_app"),
        (plain("alter table clinic.patient drop constraint patient_pkey; alter table clinic.patient alter tenant_id drop not null"),
         "tenant-nullable", "clinic.patient"),
        (plain("alter table clinic.patient add column blood_type text"), "column-without-class", "clinic.patient.blood_type"),
        (plain("alter table clinic.patient drop column eps_id"), "class-without-column", "clinic.patient.eps_id"),
        (plain("alter table clinic.patient disable trigger ledger"), "ledger-trigger-missing", "clinic.patient"),
        (plain("drop trigger ledger on clinic.appointment; create trigger ledger after insert or update or delete
                on clinic.appointment for each row execute function audit.record()"),
         "ledger-mask-differs", "clinic.appointment"),
        (plain("alter table kernel.account alter preferred_language drop default,
                alter preferred_language type kernel.sealed using null"),
         "sealed-without-class", "kernel.account.preferred_language"),
        (plain("alter table kernel.account alter phone type text using null"), "personal-not-sealed", "kernel.account.phone"),
        (plain("alter table kernel.session alter user_agent drop default, alter user_agent type kernel.sealed using null"),
         "sealed-and-kept", "kernel.session.user_agent"),
        (plain("grant select (id) on vault.subject_key to reeve_app"), "vault-read-by-others", "vault.subject_key reeve_app"),
        (plain("grant update on vault.pepper to public"), "vault-read-by-others", "vault.pepper reeve_owner"),
        (plain("grant delete on clinic.patient to reeve_app"), "delete-granted", "clinic.patient"),
        (plain("alter table clinic.patient owner to reeve_app"), "server-owns", "clinic.patient"),
        (plain("alter function kernel.tenant() owner to reeve_app"), "server-owns", "kernel.tenant()"),
        (
            plain("create table public.astray (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));
                   grant select on public.astray to reeve_app"),
            "rls-not-forced",
            "astray",
        ),
    ]
}

#[test]
fn every_kind_of_drift_is_named_by_the_lint() {
    run(async |app| {
        let registry = reeve::registry().unwrap();
        let mut missed = vec![];
        for (drift, code, object) in drifts() {
            let platform = app.platform().await;
            let begin = format!("reset role; begin; {drift}");
            platform.client().batch_execute(&begin).await.expect(&drift);
            let findings = lint(platform.client(), &registry.classes).await.unwrap();
            platform.client().batch_execute("rollback").await.unwrap();
            if !findings.iter().any(|f| f.code == code && f.object.contains(object)) {
                let found: Vec<_> = findings.iter().map(|f| (f.code, &f.object)).collect();
                missed.push(format!("{drift}\n  wanted {code} {object}, found {found:?}"));
            }
        }
        assert!(missed.is_empty(), "the lint misses:\n{}", missed.join("\n"));
    });
}

#[test]
fn t06_no_view_or_function_shows_another_tenants_rows() {
    run_without_jobs(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        Records::create(&north.admin).await;
        Records::create(&south.admin).await;
        let ours = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";
        let relations = format!(
            "select c.oid::regclass::text || ' ' || c.relkind::text || ' ' ||
                    coalesce('security_invoker=true' = any(c.reloptions), false)
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where {ours} and c.relkind in ('v', 'm', 'f')
                and has_schema_privilege('reeve_app', n.oid, 'usage')
                and has_any_column_privilege('reeve_app', c.oid, 'select')"
        );
        let session = as_tenant(app, south.id).await;
        for found in app.ask(&relations).await {
            let parts: Vec<&str> = found.split(' ').collect();
            assert_eq!(parts[1..], ["v", "true"], "{found}");
            let theirs = format!("select from {} t where t::text like '%{}%'", parts[0], north.id);
            assert_eq!(sqlstate(&session, &theirs).await, "ok 0", "{found}");
        }
        // A function runs with the caller's rights, or is one of these, whose rights are the
        // function's own; a new one needs a case below.
        let definers = format!(
            "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where {ours} and p.prosecdef and has_function_privilege('reeve_app', p.oid, 'execute')
                and has_schema_privilege('reeve_app', n.oid, 'usage') order by 1"
        );
        let known = [
            "audit.make_partitions(integer)",
            // What everybody may know of every municipality.
            "civic.list_municipalities(uuid,text,bigint,boolean)",
            "clinic.plan_ehr(uuid,text,double precision,boolean)",
            "clinic.queue_push(uuid,text,uuid)",
            "clinic.take_off_push(uuid,text,uuid,bigint)",
            // What an actor of this tenant is; keys of this tenant alone (below, and in erasure.rs).
            "kernel.actor_standing(text,uuid)",
            "kernel.blind(text)",
            // Nothing but for who stands above, whom the database looks up itself (tests/civic/above.rs).
            "kernel.change_tenant(text,boolean)",
            // Ids and leases of events on their way, and what becomes of this tenant's own (tests/destinations).
            "kernel.claim_deliveries(uuid,integer,integer,boolean)",
            // Ids and leases of jobs, and the removal of old ones of this tenant (tests/kernel/jobs.rs).
            "kernel.claim_job(uuid,integer,uuid[])",
            "kernel.destroy_key(uuid)",
            "kernel.end_delivery(uuid,uuid,text,integer,text,integer,double precision)",
            "kernel.find_below(text,text)",
            "kernel.find_key(bytea)",
            // What a login and a sign-on must know before they have a tenant: ids, standing and the
            // hash to compare with; none of it leaves the server (tests/people).
            "kernel.find_login(text,text,text,text)",
            "kernel.find_organisation(text,text,text)",
            "kernel.find_provider(text,text,text,text)",
            "kernel.find_tenant(text,text,text)",
            "kernel.found_tenant(text,text,text)",
            "kernel.has_demo()",
            "kernel.hold_job(uuid)",
            "kernel.oldest_due_delivery()",
            // Where the outbox ends and what is in it: ids alone, for the hub, which gives each tenant its
            // own (tests/kernel/streams.rs).
            "kernel.open(kernel.sealed)",
            "kernel.outbox_end()",
            "kernel.read_outbox(bigint,bigint,integer)",
            // What servers say to each other of their rooms, which give each tenant its own
            // (tests/studio/canvas.rs).
            "kernel.read_signals(bigint,bigint,uuid,integer)",
            "kernel.remove_old_jobs()",
            "kernel.renew_job(uuid,uuid,integer)",
            "kernel.replay_delivery(uuid)",
            "kernel.replay_failed(uuid,timestamp with time zone,integer)",
            "kernel.seal(uuid,text)",
            "kernel.sweep()",
            "kernel.sweep_sockets()",
            "kernel.tell_event(text,uuid,text)",
            // Whose ledger has grown: ids alone (tests/kernel/checkpoints.rs).
            "kernel.tenants_to_checkpoint()",
            "kernel.tenants_with_old_jobs()",
            "kernel.test_destination(uuid)",
        ];
        assert_eq!(app.ask(&definers).await, known);
        for none in ["null", "''", "sha256('reeve_sk_')", "'\\x00'"] {
            let sql = format!("select from kernel.find_key({none}::bytea)");
            assert_eq!(sqlstate(&session, &sql).await, "ok 0", "{none}");
        }
        let before = records(app, north.id).await;
        let sweeps = ["kernel.sweep()", "kernel.sweep_sockets()", "audit.make_partitions(1)"];
        for call in sweeps.map(|sweep| format!("select {sweep}")) {
            assert_eq!(sqlstate(&session, &call).await, "ok 1");
        }
        assert_eq!(records(app, north.id).await, before);
    });
}
