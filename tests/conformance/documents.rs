//! What a person reviews: the role matrix and the OpenAPI document. `UPDATE_GOLDEN=1` writes them
//! anew; the change is then seen in review.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use ::kernel::http::{Method, Route};
use serde_json::{Map, Value, json};
use testkit::run;

fn golden(name: &str, now: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, now).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == now,
        "{name} has changed: if that is meant, run the test with UPDATE_GOLDEN=1 and commit it\n{now}"
    );
}

#[test]
fn the_role_matrix_is_the_reviewed_one() {
    golden("tests/golden/matrix.txt", &reeve::registry().unwrap().matrix.render());
}

#[test]
fn the_roles_are_rendered_for_whoever_decides_about_them() {
    let matrix = reeve::registry().unwrap().matrix.render();
    let text = format!(
        "# Who may do what\n\n\
         One matrix decides, compiled into the server (K-006): a table for each realm, roles across, \
         permissions down.\nThere are no wildcards and no other lever, but for the attribute policies of \
         Studio, which only narrow.\n`kernel` is who has no credential; `system` is the server itself. \
         A test writes this page; do not edit it.\n\n\
         ```text\n{matrix}```\n"
    );
    golden("docs/roles.md", &text);
}

/// R-040 to R-053: which role sees which field.
#[test]
fn the_ferpa_matrix_is_rendered_for_whoever_decides_about_it() {
    let tables =
        athletics::ferpa::ENTITIES.iter().map(|entity| entity.render(athletics::ferpa::ROLES));
    let text = format!(
        "# Who sees which field of a pupil's record\n\n\
         Everything that the module `athletics` shows goes through this matrix (FERPA, 20 U.S.C. 1232g, 34 CFR Part 99): \
         a field\nthat is not a role's is absent from its answers, not null. Which records those are is decided \
         beside it: a coach has the\nathletes of their teams and of them the active cases and the events marked \
         `coach`; a parent has their own child until the\nchild is 18, a student themselves from then on, and \
         the events marked `parent`. In the database a coach's and a family's\nreadings run as `reeve_coach` and \
         `reeve_family`, which hold views of these columns and rows and nothing else. A test\nwrites this \
         page; do not edit it.\n\n{}",
        tables.collect::<Vec<_>>().join("\n")
    );
    golden("docs/ferpa.md", &text);
}

#[test]
fn the_openapi_document_is_the_reviewed_one() {
    let registry = reeve::registry().unwrap();
    golden(
        "docs/openapi.json",
        &format!("{:#}\n", ::kernel::http::document("Reeve", &registry.routes)),
    );
}

#[test]
fn whoever_may_make_keys_covers_every_role_so_that_nobody_gives_what_they_lack() {
    let matrix = reeve::registry().unwrap().matrix;
    for giver in matrix.roles().filter(|role| matrix.permits(Some(*role), "key:write")) {
        for taken in matrix.roles().filter(|role| role.realm == giver.realm) {
            assert!(matrix.covers(Some(giver), taken), "{giver:?} does not cover {taken:?}");
        }
    }
}

/// M-068, M-069: the examples in the document are requests that work.
#[test]
fn every_example_of_the_document_is_accepted_as_it_stands() {
    run(async |app| {
        let north = app.tenant("north").await;
        let ids = super::routes::Ids::new(&north).await;
        for route in &super::routes::of_keys() {
            let Some(example) = route.docs.example else { continue };
            let path = ids.path(route.path);
            let request =
                north.admin.request(route.method.name().parse().unwrap(), &path).json(&example());
            let reply = north.admin.send(request).await;
            assert_eq!(reply.status, route.docs.status, "{}: {}", route.name, reply.text);
            let fields = reply.json();
            assert!(fields.is_object(), "{}: {fields}", route.name);
        }
    });
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document = ::kernel::http::document("Reeve", &reeve::registry().unwrap().routes);
    let mut references = vec![];
    collect_references(&document, &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == "$ref" => found.push(text.to_owned()),
                    _ => collect_references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        _ => {}
    }
}

#[test]
fn a_parameter_is_called_required_where_it_is_demanded_and_nowhere_else() {
    testkit::run(async |app| {
        app.without_limits().await;
        let tenants = [
            app.organisation("clinic", "clinic").await,
            app.organisation("programs", "programs").await,
            app.organisation("athletics", "athletics").await,
            app.organisation("civic", "civic").await,
            app.organisation("studio", "studio").await,
        ];
        let registry = reeve::registry().unwrap();
        let document = ::kernel::http::document("Reeve", &registry.routes);
        let mut seen = 0;
        let asks = |route: &&Route| {
            // What is anybody's own takes the caller's session along.
            let own = route.is_open() || route.permission.starts_with("self:");
            !own && matches!(route.method, Method::Get | Method::Delete)
        };
        for route in registry.routes.iter().filter(asks) {
            let realm = route.realm.unwrap_or("clinic");
            let holds = |role: &&str| {
                registry.matrix.permits(registry.matrix.role(realm, role), route.permission)
            };
            let Some(tenant) = tenants.iter().find(|tenant| tenant.realm == realm) else {
                continue;
            };
            let Some((_, who)) = tenant.people.iter().find(|(role, _)| holds(role)) else {
                continue;
            };
            let told =
                &document["paths"][route.path][route.method.name().to_lowercase()]["parameters"];
            let told = told
                .as_array()
                .unwrap()
                .iter()
                .filter(|p| p["in"] == "query" && p["required"] == true);
            let told: Vec<_> =
                told.map(|p| format!("query.{}", p["name"].as_str().unwrap())).collect();
            // Where policies judge a record first, there must be one.
            let nouns = ["/api/v1/workspaces", "/api/v1/agents"];
            let noun = nouns.into_iter().find(|noun| route.path.starts_with(&format!("{noun}/")));
            let id = match noun {
                Some(noun) => {
                    tenant.role("org_owner").post(noun, &json!({"name": route.name})).await.id()
                }
                None => uuid::Uuid::now_v7().to_string(),
            };
            let path = route.path.replace("{id}", &id);
            let reply = super::routes::call(who, route, &path).await;
            let missing = |fields: Vec<String>| {
                fields.into_iter().filter(|f| f.starts_with("query.")).collect::<Vec<_>>()
            };
            let demanded = if reply.status == 422 { missing(reply.fields()) } else { vec![] };
            assert_eq!(demanded, told, "{}: {}", route.name, reply.text);
            seen += told.len();
        }
        assert!(seen >= 3, "{seen}");
    });
}

#[test]
fn no_name_of_a_schema_means_two_things_to_one_realm() {
    let ambiguous = ::kernel::http::ambiguous(&reeve::registry().unwrap().routes);
    assert!(ambiguous.is_empty(), "{ambiguous:?}");
}

/// The members of a body that the document calls required.
fn told_required(document: &Value, route: &Route) -> BTreeSet<String> {
    let operation = &document["paths"][route.path][route.method.name().to_lowercase()];
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let parts = schema["allOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
    let of = |part: &Value| match part["$ref"].as_str() {
        Some(at) => document.pointer(at.trim_start_matches('#')).unwrap()["required"].clone(),
        None => part["required"].clone(),
    };
    let all = parts.iter().map(of).flat_map(|names| names.as_array().cloned().unwrap_or_default());
    all.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// What can be given in another way: a place by its coordinates, a text by its hash.
const IN_TWO_WAYS: &[(&str, &str)] =
    &[("POST /api/v1/service-requests", "address"), ("POST /consent", "text")];

#[test]
fn a_member_of_a_body_is_called_required_where_it_is_demanded_and_nowhere_else() {
    testkit::run(async |app| {
        app.without_limits().await;
        let registry = reeve::registry().unwrap();
        let document = ::kernel::http::document("Reeve", &registry.routes);
        let mut tenants = BTreeMap::new();
        for realm in ["clinic", "programs", "athletics", "civic", "studio"] {
            tenants.insert(realm, app.organisation(realm, realm).await);
        }
        let (mut wrong, mut seen) = (vec![], 0);
        let creates = |route: &&Route| {
            let own = route.is_open() || route.permission.starts_with("self:");
            !own && route.method == Method::Post && !route.path.contains('{')
        };
        for route in registry.routes.iter().filter(creates) {
            let realm = route.realm.unwrap_or("clinic");
            let holds = |role: &&str| {
                registry.matrix.permits(registry.matrix.role(realm, role), route.permission)
            };
            let Some(tenant) = tenants.get(realm) else { continue };
            let Some((_, who)) = tenant.people.iter().find(|(role, _)| holds(role)) else {
                continue;
            };
            let Some(Value::Object(example)) = route.docs.example.map(|example| example()) else {
                continue;
            };
            // Of nothing at all, and then of what was asked for, until nothing is missing.
            let (mut body, mut demanded) = (Map::new(), BTreeSet::new());
            loop {
                let reply = who.post(route.path, &Value::Object(body.clone())).await;
                let fields = if reply.status == 422 { reply.fields() } else { vec![] };
                let names = fields.iter().filter_map(|field| field.strip_prefix("body."));
                let missing =
                    |name: &&str| example.contains_key(*name) && !demanded.contains(*name);
                let missing: Vec<_> = names.filter(missing).map(str::to_owned).collect();
                if missing.is_empty() {
                    break;
                }
                for name in missing {
                    body.insert(name.clone(), example[&name].clone());
                    demanded.insert(name);
                }
            }
            let other = IN_TWO_WAYS.iter().filter(|(name, _)| *name == route.name);
            for (_, member) in other {
                demanded.remove(*member);
            }
            let told = told_required(&document, route);
            if demanded != told {
                wrong.push(format!("{}: demands {demanded:?}, told {told:?}", route.name));
            }
            seen += demanded.len();
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(seen > 50, "{seen}");
    });
}
