//! Statements on participants' consents beyond those that the kernel has for all modules.

use jiff::{Timestamp, civil::Date};
use kernel::{
    consent::sql::ConsentRow,
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use uuid::Uuid;

use super::rules::ConsentFact;

row! {
    /// What the gate judges by: the participant and every consent, with the days spent under it.
    pub struct GateRow {
        id: Uuid,
        roster_name: Pii<String>,
        date_of_birth: Pii<Date>,
        consents: Pii<Json<Vec<ConsentFact>>>,
    }
}

row! {
    /// A session that was spent.
    pub struct Spent { id: Uuid }
}

row! {
    /// When a session was held last, if one was.
    pub struct LastHeld { held_at: Option<Timestamp> }
}

row! {
    /// A disclosure to a guardian.
    pub struct DisclosureRow {
        id: Uuid,
        consent_id: Uuid,
        ground: String,
        minor_informed_at: Timestamp,
        created_at: Timestamp,
    }
}

macro_rules! gates {
    ($which:literal) => {
        concat!(
            "select p.id, p.roster_name, p.date_of_birth, coalesce((
                select jsonb_agg(jsonb_build_object(
                    'id', c.id, 'basis', c.basis, 'purpose', c.purpose, 'grantor', c.grantor,
                    'granted_at', c.granted_at, 'expires_at', c.expires_at, 'revoked_at', c.revoked_at,
                    -- The budget is the minor's and not the form's.
                    'sessions', (select coalesce(jsonb_agg(s.held_on), '[]'::jsonb) from programs.consent_session s
                                   join kernel.consent o on o.tenant_id = s.tenant_id and o.id = s.consent_id
                                  where s.tenant_id = c.tenant_id and o.subject_kind = c.subject_kind
                                    and o.subject_id = c.subject_id and o.purpose = c.purpose and c.basis = 'orc_5122_04'),
                    'held_for', (select coalesce(jsonb_agg(s.session_id), '[]'::jsonb) from programs.consent_session s
                                  where s.tenant_id = c.tenant_id and s.consent_id = c.id and s.session_id is not null)))
                  from kernel.consent c
                 where c.tenant_id = p.tenant_id and c.subject_kind = 'programs.participant' and c.subject_id = p.id
               ), '[]'::jsonb) as consents
          from programs.participant p
         where p.tenant_id = kernel.tenant() and p.deleted_at is null and ",
            $which
        )
    };
}

statements! {
    fn list_consents(after: Uuid, limit: i64, for_guardian: bool) -> ConsentRow, discloses "kernel.consent"
        = concat!("select ", kernel::consent_columns!(), " from kernel.consent c
            where tenant_id = kernel.tenant() and id > $1 and subject_kind = 'programs.participant'
              and (not $3 or exists (select from programs.consent_for_guardian g where g.id = c.id))
            order by id limit $2");

    fn list_consents_of_participant(after: Uuid, limit: i64, for_guardian: bool, participant: Uuid)
        -> ConsentRow, discloses "kernel.consent"
        = concat!("select ", kernel::consent_columns!(), " from kernel.consent c
            where tenant_id = kernel.tenant() and id > $1
              and subject_kind = 'programs.participant' and subject_id = $4
              and (not $3 or exists (select from programs.consent_for_guardian g where g.id = c.id))
            order by id limit $2");

    fn read_gate(participant: Uuid) -> GateRow, discloses "programs.participant" = gates!("p.id = $1");

    fn find_gates(participants: Vec<Uuid>) -> GateRow = gates!("p.id = any($1)");

    /// When the last session under it was held.
    fn find_last_held(consent: Uuid) -> LastHeld
        = "select max(held_at) as held_at from programs.consent_session
            where tenant_id = kernel.tenant() and consent_id = $1";

    /// The trigger counts once more, behind the consent's lock.
    fn insert_spent(id: Uuid, consent: Uuid, held_at: Timestamp, held_on: Date, session: Option<Uuid>) -> Spent
        = "insert into programs.consent_session (tenant_id, id, consent_id, held_at, held_on, session_id)
           values (kernel.tenant(), $1, $2, $3, $4, $5) returning id";

    fn insert_disclosure(id: Uuid, consent: Uuid, ground: String, reason: Option<Pii<String>>, informed_at: Timestamp)
        -> DisclosureRow
        = "insert into programs.guardian_disclosure (tenant_id, id, consent_id, ground, reason, minor_informed_at)
           select kernel.tenant(), $1, c.id, $3, $4, $5 from kernel.consent c
            where c.tenant_id = kernel.tenant() and c.id = $2 and c.subject_kind = 'programs.participant'
              and c.basis = 'orc_5122_04'
           returning id, consent_id, ground, minor_informed_at, created_at";
}

pub fn constraints() -> Vec<Constraint> {
    let unknown = || Problem::field(&["body", "session_id"], "unknown", "there is no such session");
    vec![
        Constraint {
            name: "RV606",
            problem: || {
                let loc = &["body", "participant_id"];
                Problem::field(loc, "unknown", "there is no such participant")
            },
        },
        Constraint {
            name: "RV607",
            problem: || {
                Problem::conflict("session_recorded", "a session that was held stays recorded")
            },
        },
        Constraint {
            name: "RV608",
            problem: || {
                let detail = "the consent does not cover this session: see its status";
                Problem::conflict("gate_blocked", detail)
            },
        },
        Constraint { name: "consent_session_session_known", problem: unknown },
        Constraint { name: "consent_session_consent_known", problem: Problem::not_found },
        Constraint {
            name: "consent_session_once",
            problem: || {
                let detail = "this session is recorded under this consent already";
                Problem::conflict("session_recorded", detail)
            },
        },
        Constraint { name: "disclosure_consent_known", problem: Problem::not_found },
        Constraint {
            name: "disclosure_says_why",
            problem: || {
                let msg = "say what the compelling need is";
                Problem::field(&["body", "reason"], "missing", msg)
            },
        },
    ]
}
