//! People who can sign in: one of each role, in an organisation of each realm.

use kernel::{
    Clock,
    db::Platform,
    module::Registry,
    people::{NewAccount, People},
    tenant::{self, NewTenant, TenantError},
};
use passwords::Password;
use serde::{Deserialize, Serialize};

use super::{Failure, show};

/// The codes of the youth programme and the school, which have records too.
pub const PROGRAMME: &str = "harbor";
pub const SCHOOL: &str = "lincoln";
/// The organization whose agent is deployed.
pub const STUDIO: &str = "acme";

/// Organisations of each realm: name, code, and the domain of its people's addresses.
const ORGANISATIONS: [(&str, &str, &str, &str); 8] = [
    ("clinic", "Clínica Norte", "norte", "norte.example"),
    ("programs", "Harbor Youth Programme", PROGRAMME, "harbor.example"),
    ("athletics", "Lincoln High School", SCHOOL, "lincoln.example"),
    ("civic", "Municipality of Kwa-Example", "kwa-example", "kwa.example"),
    ("civic", "Voorbeeld Local Municipality", "voorbeeld", "voorbeeld.example"),
    ("civic", "Sample Hills Metropolitan", "sample-hills", "hills.example"),
    ("platform", "Association of Municipalities", "association", "association.example"),
    ("studio", "Acme Agents", STUDIO, "acme.example"),
];

/// Who is there beside one of each role: realm, role, and what stands before the @ of the address.
const OTHERS: [(&str, &str, &str); 1] = [("athletics", "coach", "soccer.coach")];

/// What the people of the school have to do with its records.
const AT_SCHOOL: [(&str, &str); 4] = [
    ("coach", "coaches both football teams"),
    ("soccer.coach", "coaches varsity soccer"),
    ("parent", "of ath_1000"),
    ("student", "is ath_1001, and 18"),
];

/// The people, as they are kept beside the demo's data.
#[derive(Serialize, Deserialize)]
pub struct DemoPeople {
    /// One password for all of them.
    password: String,
    organisations: Vec<Organisation>,
}

#[derive(Serialize, Deserialize)]
struct Organisation {
    name: String,
    realm: String,
    code: String,
    /// Address and role.
    people: Vec<(String, String)>,
}

impl DemoPeople {
    /// Makes the organisations that are not there yet, and their people.
    ///
    /// # Errors
    /// The database's.
    pub async fn create(platform: &mut Platform, registry: &Registry) -> Result<Self, Failure> {
        let clock = Clock::default();
        let random = clock.new_id().simple().to_string();
        let password = format!("reeve-demo-{}", random.get(24..).unwrap_or_default());
        let mut made = Self { password, organisations: vec![] };
        for (realm, name, code, domain) in ORGANISATIONS {
            let organisation = made.organisation(platform, registry, (realm, name, code, domain));
            let organisation = organisation.await?;
            made.organisations.push(organisation);
        }
        Ok(made)
    }

    async fn organisation(
        &self,
        platform: &mut Platform,
        registry: &Registry,
        (realm, name, code, domain): (&str, &str, &str, &str),
    ) -> Result<Organisation, Failure> {
        let clock = Clock::default();
        let tenant = match tenant::find(platform, name).await {
            Ok(tenant) => tenant,
            Err(_) => {
                let (name, realm, code) =
                    (name.to_owned(), realm.to_owned(), Some(code.to_owned()));
                let new = NewTenant { name, realm, code, demo: true, ..NewTenant::default() };
                tenant::create(platform, &clock, registry, new).await?
            }
        };
        let known = registry.realms.iter().find(|known| known.name == realm).copied();
        let realm_of =
            known.ok_or_else(|| Failure::Registry(format!("there is no realm {realm}")))?;
        let matrix = &registry.matrix;
        let mut people = People { platform, clock: &clock, matrix, realm: realm_of, tenant };
        let mut made = vec![];
        let roles = matrix.names(realm).into_iter().map(|role| (role, role.replace('_', ".")));
        let others = OTHERS.iter().filter(|other| other.0 == realm);
        for (role, name) in roles.chain(others.map(|(_, role, name)| (*role, (*name).to_owned()))) {
            let email = format!("{name}@{domain}");
            let account = NewAccount {
                email: email.clone(),
                full_name: format!("Demo {}", name.replace('.', " ")),
                role: role.to_owned(),
                password: Some(Password::new(self.password.clone())),
            };
            match people.create(account).await {
                // A former start made it.
                Ok(_) | Err(TenantError::Refused(_)) => made.push((email, role.to_owned())),
                Err(error) => return Err(error.into()),
            }
        }
        let (name, realm, code) = (name.to_owned(), realm.to_owned(), code.to_owned());
        Ok(Organisation { name, realm, code, people: made })
    }

    /// Prints who can sign in, and how.
    pub fn introduce(&self, url: &str) {
        show::line(&format!("\nPeople, all with the password {}", self.password));
        for organisation in &self.organisations {
            let Organisation { name, realm, code, people } = organisation;
            show::line(&format!("\n  {name} ({realm}, code {code})"));
            for (email, role) in people {
                let name = email.split('@').next().filter(|_| code == SCHOOL);
                let known = AT_SCHOOL.iter().find(|(known, _)| Some(*known) == name);
                let what = known.map_or("", |(_, what)| *what);
                show::line(format!("    {role:18} {email:32} {what}").trim_end());
            }
        }
        let somebody = self.organisations.iter().find(|o| o.realm == "programs");
        let Some((email, _)) = somebody.and_then(|o| o.people.first()) else { return };
        show::line(&format!(
            "
  # sign in, and ask who you are
  curl -s {url}/auth/me -H \"Authorization: Bearer $(curl -s {url}/auth/token -d username={email} -d password={} | cut -d'\"' -f4)\"",
            self.password
        ));
    }
    /// Prints what the trainer, the coach, the parent and the student of the school can ask.
    pub fn introduce_school(&self, url: &str) {
        let Some(school) = self.organisations.iter().find(|o| o.code == SCHOOL) else { return };
        let asked = [
            (
                "whom the trainer has to see first",
                "athletic_trainer",
                "cases?attention_level=urgent&limit=3",
            ),
            ("who may play, as the football coach sees it", "coach", "roster?limit=3"),
            ("what a parent sees of their own child", "parent", "events?limit=3"),
            ("what a student of 18 sees of themselves", "student", "athletes"),
        ];
        for (what, role, question) in asked {
            let Some((email, _)) = school.people.iter().find(|person| person.1 == role) else {
                continue;
            };
            show::line(&format!(
                "
  # {what}
  curl -s '{url}/api/v1/{question}' \\
    -H \"Authorization: Bearer $(curl -s {url}/auth/token -d username={email} -d password={} | cut -d'\"' -f4)\"",
                self.password
            ));
        }
    }
}
