//! The catalogue lint: what must hold of the schema for the promises to hold, read from
//! PostgreSQL's own catalogue. The same code is `reeve doctor`, a test, and a start-up check.

use std::collections::{BTreeMap, BTreeSet};

use policy::{Classes, Ledger, Person, Table};
use tokio_postgres::Client;

/// Something that breaks a promise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Finding {
    /// Stable, for scripts: `rls-not-forced`.
    pub code: &'static str,
    /// The table, function, role or column.
    pub object: String,
    /// What to do.
    pub fix: &'static str,
}

/// One question to the catalogue, whose rows are the faulty objects.
struct Rule {
    code: &'static str,
    fix: &'static str,
    sql: &'static str,
}

/// The schemas of Reeve. Tables of tenants are those with a `tenant_id`, but for partitions, which
/// nobody is granted.
macro_rules! ours {
    ($rest:expr) => {
        concat!(
            "with ours as (select c.oid, c.relname, n.nspname, n.nspname || '.' || c.relname as name,
                   c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.reloptions, c.relacl,
                   exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') as tenanted
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
               and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')) ",
            $rest
        )
    };
}

const RULES: &[Rule] = &[
    Rule {
        code: "rls-not-forced",
        fix: "call kernel.govern for the table in a migration",
        sql: ours!("select name from ours where tenanted and relkind in ('r', 'p') and not relispartition
             and not (relrowsecurity and relforcerowsecurity)"),
    },
    Rule {
        code: "policy-missing",
        fix: "call kernel.govern for the table in a migration",
        sql: ours!("select name from ours o where tenanted and relkind in ('r', 'p') and not relispartition
             and not exists (select from pg_policy p where p.polrelid = o.oid)"),
    },
    Rule {
        code: "policy-not-by-tenant",
        fix: "compare tenant_id with the setting app.tenant_id in the policy of those who serve, and widen it by nothing",
        sql: ours!(
            ", expected as (select '(tenant_id = (NULLIF(current_setting(''app.tenant_id''::text, true), ''''::text))::uuid)' as tenant)
             select o.name || ' ' || p.polname from ours o join pg_policy p on p.polrelid = o.oid, expected,
                    lateral (values (pg_get_expr(p.polqual, p.polrelid)), (pg_get_expr(p.polwithcheck, p.polrelid))) e (condition)
             where o.tenanted and p.polroles && (select array_agg(oid) || 0::oid from pg_roles where rolname in (select kernel.serving_role()))
               and condition <> tenant and not starts_with(condition, '(' || tenant || ' AND ')"
        ),
    },
    Rule {
        code: "policy-without-check",
        fix: "give the policy a WITH CHECK clause",
        sql: ours!("select o.name || ' ' || p.polname from ours o join pg_policy p on p.polrelid = o.oid
             where o.tenanted and p.polcmd in ('*', 'a', 'w') and p.polwithcheck is null
               and p.polroles && (select array_agg(oid) || 0::oid from pg_roles where rolname in (select kernel.serving_role()))"),
    },
    Rule {
        code: "tenant-nullable",
        fix: "declare tenant_id not null",
        sql: ours!("select o.name from ours o join pg_attribute a on a.attrelid = o.oid
             where a.attname = 'tenant_id' and not a.attnotnull and o.relkind in ('r', 'p')"),
    },
    Rule {
        code: "tenant-not-first",
        fix: "put tenant_id first in the key, or name the index in the lint with its reason",
        sql: ours!("select o.name || ' ' || i.indexrelid::regclass from ours o join pg_index i on i.indrelid = o.oid
             where o.tenanted and not o.relispartition and i.indisunique
               and (select a.attname from pg_attribute a where a.attrelid = o.oid and a.attnum = i.indkey[0]) is distinct from 'tenant_id'
               and i.indexrelid::regclass::text not in ('kernel.tenant_name_taken', 'kernel.tenant_code_taken',
                   'kernel.tenant_host_taken', 'kernel.api_key_by_hash')"),
    },
    Rule {
        code: "foreign-key-across-tenants",
        fix: "put tenant_id into the foreign key",
        sql: ours!("select o.name || ' ' || c.conname from ours o join pg_constraint c on c.conrelid = o.oid
             where o.tenanted and not o.relispartition and c.contype = 'f' and not exists (
                   select from pg_attribute a where a.attrelid = o.oid and a.attname = 'tenant_id' and a.attnum = any(c.conkey))"),
    },
    Rule {
        code: "foreign-key-without-index",
        fix: "create an index that begins with the foreign key's columns",
        sql: ours!("select o.name || ' ' || c.conname from ours o join pg_constraint c on c.conrelid = o.oid
             where c.contype = 'f' and not o.relispartition and not exists (
                   select from pg_index i where i.indrelid = o.oid
                      and (i.indkey::int2[])[0:0] <@ c.conkey)"),
    },
    Rule {
        code: "partition-readable",
        fix: "revoke all on the partition; it is reached through its parent",
        sql: ours!("select o.name || ' ' || r.rolname from ours o, pg_roles r
             where o.relispartition and r.rolname in (select kernel.serving_role())
               and has_table_privilege(r.oid, o.oid, 'select, insert, update, delete, truncate')"),
    },
    Rule {
        code: "ledger-not-insert-only",
        fix: "revoke update, delete, truncate on audit.entry and audit.checkpoint from everybody",
        sql: "select r.rolname::text from pg_roles r
             where (r.rolname in ('reeve_app', 'reeve_search', 'reeve_owner', 'reeve_keeper')
                    and has_table_privilege(r.oid, 'audit.entry', 'update, delete, truncate'))
                or (r.rolname in ('reeve_app', 'reeve_search', 'reeve_owner', 'reeve_keeper')
                    and has_table_privilege(r.oid, 'audit.checkpoint', 'update, delete, truncate'))
                or (r.rolname in ('reeve_app', 'reeve_search', 'reeve_owner')
                    and has_any_column_privilege(r.oid, 'audit.entry', 'update'))
                or (r.rolname in ('reeve_app', 'reeve_search', 'reeve_owner')
                    and (has_column_privilege(r.oid, 'audit.entry', 'actor_id', 'insert')
                         or has_column_privilege(r.oid, 'audit.entry', 'tenant_id', 'insert')))",
    },
    Rule {
        code: "vault-read-by-others",
        fix: "revoke it: keys are used by kernel.seal and kernel.open alone",
        sql: ours!("select o.name || ' ' || r.rolname from ours o, pg_roles r
             where o.nspname = 'vault' and o.relkind in ('r', 'p', 'v', 'm')
               and (r.rolname in ('reeve_owner', 'reeve_ledger', 'reeve_keeper') or r.rolname in (select kernel.serving_role()))
               and (has_table_privilege(r.oid, o.oid, 'select, insert, update, delete, truncate, references, trigger')
                    or has_any_column_privilege(r.oid, o.oid, 'select, insert, update, references'))"),
    },
    Rule {
        code: "delete-granted",
        fix: "revoke delete and truncate from reeve_app: records end by deleted_at",
        sql: ours!("select name from ours where relkind in ('r', 'p')
             and has_table_privilege('reeve_app', oid, 'delete, truncate')"),
    },
    Rule {
        code: "view-without-invoker",
        fix: "create the view with (security_invoker = true)",
        sql: ours!("select name from ours where relkind = 'v' and nspname not in (select schema from kernel.slice)
             and not coalesce('security_invoker=true' = any(reloptions), false)"),
    },
    Rule {
        code: "slice-reads-records",
        fix: "revoke it from the slice: it reads the views of its own schema and nothing else",
        sql: ours!(", reading as (select s.role, s.schema, ours.* from ours, kernel.slice s where relkind in ('r', 'p', 'v', 'm', 'f', 'S'))
             select name || ' ' || role from reading
             where case when relkind = 'S' then has_sequence_privilege(role, oid, 'usage, select, update')
                                                and not (role <> 'reeve_deid' and name = 'audit.entry_sequence')
                      else has_table_privilege(role, oid, 'insert, update, delete, truncate, references, trigger')
                        or has_any_column_privilege(role, oid, 'insert, update, references')
                           and not (role <> 'reeve_deid' and name = 'audit.entry')
                        or nspname <> schema and has_any_column_privilege(role, oid, 'select') end"),
    },
    Rule {
        code: "slice-has-powers",
        fix: "take the membership, the function or the right to create from the slice",
        sql: "select s.role || ' member of ' || m.roleid::regrole from kernel.slice s join pg_auth_members m on m.member = s.role::text::regrole
             union select s.role || ' execute ' || p.oid::regprocedure from kernel.slice s, pg_proc p
             where p.prosecdef and has_function_privilege(s.role, p.oid, 'execute')
               -- One that may says why in its comment.
               and coalesce(obj_description(p.oid, 'pg_proc'), '') not like 'Open to slices:%'
               and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
             union select s.role || ' create in ' || nspname from kernel.slice s, pg_namespace
             where nspname !~ '^pg_' and nspname <> 'public' and has_schema_privilege(s.role, oid, 'create')",
    },
    Rule {
        code: "slice-read-by-others",
        fix: "revoke it from all but the slice's own role: who reads more could join the two",
        sql: ours!("select o.name || ' ' || r from ours o join kernel.slice s on s.schema = o.nspname, kernel.serving_role() r
             where o.relkind in ('r', 'p', 'v', 'm', 'f') and r <> s.role
               and (has_table_privilege(r, o.oid, 'select, insert, update, delete, truncate, references, trigger')
                    or has_any_column_privilege(r, o.oid, 'select, insert, update, references'))"),
    },
    Rule {
        code: "unprotected-relation-granted",
        fix: "materialised views and foreign tables know no policies: revoke them from reeve_app",
        sql: ours!("select name from ours where relkind in ('m', 'f')
             and has_table_privilege('reeve_app', oid, 'select')"),
    },
    Rule {
        code: "definer-function-open",
        fix: "fix its search_path and revoke execute from public",
        sql: "select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
             where p.prosecdef and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
               and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
               and (not exists (select from unnest(p.proconfig) c where c like 'search_path=%')
                    or p.proacl is null
                    or exists (select from aclexplode(p.proacl) a where a.grantee = 0))",
    },
    Rule {
        code: "role-too-strong",
        fix: "alter role … nosuperuser nobypassrls nocreaterole nocreatedb",
        sql: "select rolname::text from pg_roles where rolname like 'reeve\\_%' and rolname <> 'reeve_admin'
               and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolinherit)",
    },
    Rule {
        code: "server-owns",
        fix: "give the object to reeve_owner",
        sql: "select pg_describe_object(d.classid, d.objid, 0) from pg_shdepend d
             join pg_roles r on r.oid = d.refobjid and d.refclassid = 'pg_authid'::regclass
             where r.rolname in (select kernel.serving_role()) and d.deptype = 'o'
               and d.dbid = (select oid from pg_database where datname = current_database())",
    },
];

/// Everything that is wrong with the schema, by rule and object; empty when nothing is.
///
/// # Errors
/// The driver's, when the catalogue cannot be read.
pub async fn lint(
    client: &Client,
    classes: &Classes,
) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let mut findings = BTreeSet::new();
    for rule in RULES {
        for row in client.query(rule.sql, &[]).await? {
            findings.insert(Finding { code: rule.code, object: row.try_get(0)?, fix: rule.fix });
        }
    }
    findings.extend(compare_classes(client, classes).await?);
    findings.extend(compare_ledger(client, classes).await?);
    findings.extend(compare_subjects(client, classes).await?);
    Ok(findings.into_iter().collect())
}

/// Promise P9: every column has a class, and every class a column. What stands in `public` may be
/// somebody else's, unless it has a tenant (the other rules see to that).
async fn compare_classes(
    client: &Client,
    classes: &Classes,
) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let sql = ours!("select o.name, a.attname::text from ours o join pg_attribute a on a.attrelid = o.oid
         where o.relkind in ('r', 'p', 'v', 'm') and o.nspname <> 'public' and not o.relispartition and a.attnum > 0 and not a.attisdropped");
    let mut real: BTreeSet<(String, String)> = BTreeSet::new();
    for row in client.query(sql, &[]).await? {
        real.insert((row.try_get(0)?, row.try_get(1)?));
    }
    let declared: BTreeSet<(String, String)> = classes
        .tables()
        .flat_map(|(table, t)| t.columns.iter().map(move |c| (table.to_owned(), c.name.clone())))
        .collect();
    let finding = |code, fix| {
        move |(table, column): &(String, String)| Finding {
            code,
            object: format!("{table}.{column}"),
            fix,
        }
    };
    let missing = real.difference(&declared).map(finding(
        "column-without-class",
        "give the column a privacy class in its module's privacy.toml",
    ));
    let extra = declared.difference(&real).map(finding(
        "class-without-column",
        "remove the line from privacy.toml, or add the column in a migration",
    ));
    Ok(missing.chain(extra).collect())
}

/// Promise P3: the ledger trigger is on every table that says so, and masks what its classes say.
async fn compare_ledger(
    client: &Client,
    classes: &Classes,
) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let sql = ours!("select o.name, encode(t.tgargs, 'escape') from ours o join pg_trigger t on t.tgrelid = o.oid
         join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
         where n.nspname = 'audit' and p.proname = 'record' and t.tgenabled in ('O', 'A') and not o.relispartition
           and t.tgtype = 29");
    let mut triggers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in client.query(sql, &[]).await? {
        let args: String = row.try_get(1)?;
        let masked = args.split("\\000").filter(|a| !a.is_empty()).map(str::to_owned).collect();
        triggers.insert(row.try_get(0)?, masked);
    }
    let mut findings = vec![];
    for (name, table) in classes.tables() {
        let wanted: BTreeSet<String> = table.masked().into_iter().map(str::to_owned).collect();
        match (&table.ledger, triggers.get(name)) {
            (Ledger::Rows, None) => findings.push(Finding {
                code: "ledger-trigger-missing",
                object: name.to_owned(),
                fix: "call kernel.govern for the table in a migration",
            }),
            (Ledger::Rows, Some(masked)) if *masked != wanted => findings.push(Finding {
                code: "ledger-mask-differs",
                object: format!("{name}: masks {masked:?}, its classes say {wanted:?}"),
                fix: "make the trigger's arguments and privacy.toml agree",
            }),
            _ => {}
        }
    }
    Ok(findings)
}

/// Erasure reaches every personal value: each table says whose its rows are, and what is personal in it is
/// sealed or stays by a rule. A schema begins to be held to that with the first of its tables that names a
/// subject.
async fn compare_subjects(
    client: &Client,
    classes: &Classes,
) -> Result<Vec<Finding>, tokio_postgres::Error> {
    let sql = ours!("select o.name, a.attname::text, a.atttypid = to_regtype('kernel.sealed') from ours o
         join pg_attribute a on a.attrelid = o.oid
         where o.relkind in ('r', 'p') and not o.relispartition and a.attnum > 0 and not a.attisdropped");
    let mut sealed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in client.query(sql, &[]).await? {
        let of_table = sealed.entry(row.try_get(0)?).or_default();
        if row.try_get::<_, Option<bool>>(2)? == Some(true) {
            of_table.insert(row.try_get(1)?);
        }
    }
    let schema = |name: &str| name.split_once('.').map_or("", |(schema, _)| schema).to_owned();
    let held: BTreeSet<String> = classes
        .tables()
        .filter(|(_, table)| matches!(table.subject, Some(Person::Of { .. })))
        .map(|(name, _)| schema(name))
        .collect();
    let tables =
        classes.tables().filter_map(|(name, table)| Some((name, table, sealed.get(name)?)));
    let faults = tables.flat_map(|(name, table, sealed)| {
        let of_schema = held.contains(&schema(name));
        subject_faults(table, sealed, of_schema).into_iter().map(move |(code, column, fix)| {
            let object = column.map_or(name.to_owned(), |column| format!("{name}.{column}"));
            Finding { code, object, fix }
        })
    });
    Ok(faults.collect())
}

/// What is wrong with one table: the code, the column, what to do.
fn subject_faults<'a>(
    table: &'a Table,
    sealed: &'a BTreeSet<String>,
    of_schema: bool,
) -> Vec<(&'static str, Option<&'a str>, &'static str)> {
    let personal: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| column.class.about_somebody())
        .map(|column| column.name.as_str())
        .collect();
    let mut faults = vec![];
    // A secret is sealed too, under the key of what it opens.
    let masked = |name: &str| table.columns.iter().any(|c| c.name == name && c.class.personal());
    for column in sealed.iter().filter(|column| !masked(column)) {
        let fix = "give the sealed column a personal class, or `secret`, in privacy.toml";
        faults.push(("sealed-without-class", Some(column.as_str()), fix));
    }
    match &table.subject {
        Some(Person::Of { keeps, .. }) => {
            let kept = |column: &str| keeps.iter().any(|kept| kept.column == column);
            for column in personal {
                match (sealed.contains(column), kept(column)) {
                    (false, false) => faults.push((
                        "personal-not-sealed",
                        Some(column),
                        "make the column kernel.sealed, or say in `keeps` by which rule it stays",
                    )),
                    (true, true) => faults.push((
                        "sealed-and-kept",
                        Some(column),
                        "a sealed column goes with its key: take it out of `keeps`",
                    )),
                    _ => {}
                }
            }
        }
        None if of_schema && !personal.is_empty() => faults.push((
            "subject-missing",
            None,
            "say in privacy.toml whose person a row is: `subject`, a column or { none = \"why\" }",
        )),
        _ => {}
    }
    faults
}
