//! What the document verifies of itself (S-050 to S-060): title, roles, settings, tables and fields.

use std::collections::HashMap;

use reeve::settings::{Settings, SettingsError};
use testkit::run;

use super::{
    town::{Town, created, got, lacking},
    *,
};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn load(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_map(&pairs.collect::<HashMap<_, _>>())
}

#[test]
fn s050_the_document_of_the_interface_bears_the_title_salga_trust_engine() {
    run(async |app| {
        let document = app.anonymous().get("/openapi/civic.json").await;
        assert_eq!(document.status, 200);
        assert_eq!(document.json()["info"]["title"], "SALGA Trust Engine");
    });
}

#[test]
fn s051_s060_the_roles_are_five_in_the_order_of_the_document() {
    let roles: Vec<_> = ::civic::module().grants.iter().map(|grant| grant.role).collect();
    assert_eq!(roles, ["citizen", "field_worker", "manager", "admin", "saps_liaison"]);
}

#[test]
fn s060_an_account_takes_each_of_the_five_roles_and_no_sixth() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let admin = kwa.role("admin");
        for role in ["citizen", "field_worker", "manager", "admin", "saps_liaison"] {
            let body =
                json!({"email": format!("{role}@new.example"), "full_name": "Neo", "role": role});
            assert_eq!(created(admin, "/auth/users", &body).await["role"], role);
            assert_eq!(got(kwa.role(role), "/auth/me").await["role"], role);
        }
        for role in ["CITIZEN", "platform_admin", "clerk", ""] {
            let body = json!({"email": "sixth@new.example", "full_name": "Neo", "role": role});
            let reply = admin.post("/auth/users", &body).await;
            assert_eq!((reply.status, reply.fields()), (422, vec!["body.role".into()]), "{role}");
        }
    });
}

#[test]
fn s010_s052_c05_a_secret_of_31_characters_is_refused_and_one_of_32_is_not() {
    assert!(load(&[("SECRET_KEY", SECRET)]).is_ok());
    let short = load(&[("SECRET_KEY", &SECRET[1..])]).err().map(|error| error.to_string());
    assert!(short.is_some_and(|said| said.contains("SECRET_KEY") && said.contains("32")));
    assert!(load(&[("SECRET_KEY", "your-secret-key-here")]).is_err());
}

#[test]
fn s014_s057_origins_are_a_json_array_and_each_may_read_what_a_browser_asks() {
    let settings = [("ALLOWED_ORIGINS", "[\"http://localhost:3000\",\"https://a.example\"]")];
    let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    testkit::run_with(Options { settings, ..Options::default() }, async |app| {
        let ask = async |origin: &str| {
            let request = app.anonymous().request(reqwest::Method::GET, "/api/v1/purposes");
            let reply = app.anonymous().send(request.header("Origin", origin)).await;
            reply.header("access-control-allow-origin").map(str::to_owned)
        };
        for origin in ["http://localhost:3000", "https://a.example"] {
            assert_eq!(ask(origin).await.as_deref(), Some(origin));
        }
        assert_eq!(ask("https://b.example").await, None);
    });
}

#[test]
fn s014_s057_half_an_array_of_origins_is_refused() {
    assert!(load(&[("ALLOWED_ORIGINS", "[\"http://localhost:3000\"")]).is_err());
}

#[test]
fn s053_s058_the_migrations_of_the_module_make_all_its_tables() {
    run(async |app| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../modules/civic/migrations");
        let files = std::fs::read_dir(folder).unwrap().count();
        let known = one(app, "select count(*) from reeve.migration where module = 'civic'").await;
        assert_eq!(known, files.to_string(), "each file was applied");
        for table in ["kernel.account", "kernel.consent", "audit.entry"] {
            assert_eq!(one(app, &format!("select to_regclass('{table}')")).await, table);
        }
        let made = "select count(*) from information_schema.tables where table_schema = 'civic'";
        assert_ne!(one(app, made).await, "0");
    });
}

#[test]
fn s007_s055_c08_health_is_answered_to_anybody() {
    run(async |app| {
        let health = got(&app.anonymous(), "/health").await;
        assert_eq!(lacking(&health, "status version environment"), [""; 0]);
    });
}

#[test]
fn s022_s023_s042_s056_a_municipality_has_its_fields_and_name_and_code_are_its_own() {
    run(async |app| {
        app.without_limits().await;
        let platform = app.organisation("platform", "salga").await;
        let above = platform.role("platform_admin");
        let all = "/api/v1/municipalities";
        let body = json!({"name": "Umhlathuze", "code": "UMH", "province": "KwaZulu-Natal",
                          "population": 410_465, "contact_email": "info@umhlathuze.example"});
        let made = created(above, all, &body).await;
        let fields =
            "id created_at updated_at name code province population is_active contact_email";
        assert_eq!(lacking(&made, fields), [""; 0], "{made}");
        for (field, value) in body.as_object().unwrap() {
            let same = made[field].as_str().map(str::to_lowercase)
                == value.as_str().map(str::to_lowercase);
            assert!(same && (value.is_string() || made[field] == *value), "{field}: {made}");
        }
        assert_eq!(made["is_active"], true);
        let again = |field: &str, value: &str| {
            let mut other = json!({"name": "Other", "code": "OTHER", "province": "Gauteng"});
            other[field] = json!(value);
            other
        };
        assert_eq!(above.post(all, &again("name", "Umhlathuze")).await.problem(), "409 name_taken");
        assert_eq!(above.post(all, &again("code", "umh")).await.problem(), "409 code_taken");
        for (field, value) in [
            ("population", json!(-1)),
            ("population", json!(9_999_999_999_i64)),
            ("population", json!(1.5)),
            ("contact_email", json!("no address")),
            ("province", json!("Bavaria")),
            ("name", json!("\u{0}")),
            ("is_active", json!("yes")),
        ] {
            let mut other = again("name", "Other");
            other[field] = value.clone();
            let reply = above.post(all, &other).await;
            let expected = (422, vec![format!("body.{field}")]);
            assert_eq!((reply.status, reply.fields()), expected, "{value}: {}", reply.text);
        }
        let kwa = Town::new(app, "kwa").await;
        for (role, who) in &kwa.people.people {
            assert_eq!(who.get(all).await.problem(), "403 forbidden", "{role}");
            assert_eq!(
                who.post(all, &again("name", "x")).await.problem(),
                "403 forbidden",
                "{role}"
            );
        }
    });
}

#[test]
fn s042_everybody_sees_the_municipalities_in_which_one_can_register() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        tenant::suspend(&mut app.platform().await, "tsh", false).await.unwrap();
        let reply = app.anonymous().get("/api/v1/public/municipalities").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let all = reply.json();
        assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
        assert_eq!((&all[0]["id"], &all[0]["name"]), (&json!(kwa.id()), &json!("kwa")));
        assert!(
            all[0].get("contact_email").is_none() && !reply.text.contains(&tsh.id().to_string())
        );
    });
}

#[test]
fn c07_the_module_answers_under_a_prefix_of_its_own_too() {
    run(async |app| {
        for path in ["/api/v1/purposes", "/openapi.json", "/health"] {
            let reply = app.anonymous().get(&format!("/salga{path}")).await;
            assert_eq!(reply.status, 200, "{path}");
        }
    });
}

#[test]
fn s021_s024_s036_s056_a_user_has_its_fields_and_no_hash() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let reply = app.anonymous().post("/auth/register", &kwa.form("thandi")).await;
        let user = reply.json();
        let fields = "id tenant_id created_at updated_at email full_name phone preferred_language role \
                      is_active is_deleted deleted_at municipality_id";
        assert_eq!(lacking(&user, fields), [""; 0], "{user}");
        assert_eq!(
            (&user["municipality_id"], &user["is_deleted"]),
            (&json!(kwa.id()), &json!(false))
        );
        assert!(user.get("hashed_password").is_none() && !reply.text.contains("argon2"));
        let admin = kwa.role("admin");
        let path = format!("/auth/users/{}", reply.id());
        assert_eq!(lacking(&got(admin, &path).await, fields), [""; 0]);
        assert!(admin.delete(&path).await.status < 300);
        assert_eq!(admin.get(&path).await.status, 404, "C-32: removed, not there any more");
        let kept = format!("kernel.account where id = '{}' and deleted_at is not null", reply.id());
        assert_eq!(town::count(app, &kept).await, 1, "S-024: the row stays");
        let login = app.anonymous().sign_in("kwa", "thandi@citizens.example", PASSWORD).await;
        assert_eq!(login.problem(), "401 invalid_credentials");
    });
}

#[test]
fn s021_every_table_behind_the_models_says_who_wrote_a_row_and_when() {
    run(async |app| {
        for table in ["account", "consent"] {
            for column in
                ["id", "tenant_id", "created_at", "updated_at", "created_by", "updated_by"]
            {
                let there = format!(
                    "information_schema.columns where table_schema = 'kernel' and table_name = '{table}'
                        and column_name = '{column}'"
                );
                assert_eq!(town::count(app, &there).await, 1, "kernel.{table}.{column}");
            }
        }
    });
}
