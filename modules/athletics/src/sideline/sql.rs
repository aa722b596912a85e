//! Statements from the sideline.

use jiff::Timestamp;
use kernel::{privacy::Pii, row, statements};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// An athlete whose cases nobody else changes meanwhile, and where the school is in law and in time.
    pub struct LockedAthlete {
        id: Uuid,
        of_school: bool,
        jurisdiction: String,
        time_zone: String,
        rtp_protocol: String,
    }
}

row! {
    /// An entry of the same `client_id`, and whether it says the same.
    pub struct Copy { id: Uuid, same: bool }
}

row! {
    /// An entry that was written, and whether it came to a case that was open already.
    pub struct Written { id: Uuid, case_id: Uuid, joined_open: bool }
}

row! {
    /// An entry and what became of it.
    pub struct EntryRow {
        id: Uuid,
        tenant_id: Uuid,
        case_id: Uuid,
        athlete_id: Uuid,
        first_name: Pii<String>,
        last_name: Pii<String>,
        body_part: Pii<String>,
        severity: String,
        athlete_status: String,
        case_opened: bool,
        occurred_at: Timestamp,
    }
}

statements! {
    fn lock_athlete(id: Option<Uuid>, external_id: Option<String>, school: Option<String>) -> LockedAthlete
        = "select a.id, ($3::text is null or $3 = a.tenant_id::text
                         or coalesce($3 = (select s.external_id from athletics.school s where s.id = kernel.tenant()), false))
                  as of_school,
                  athletics.jurisdiction() as jurisdiction, athletics.time_zone() as time_zone,
                  coalesce((select s.rtp_protocol from athletics.school s where s.id = kernel.tenant()), 'amsterdam_2022')
                  as rtp_protocol
             from athletics.athlete a
            where a.id = coalesce($1, (select x.id from athletics.enrolled x where x.external_id = $2))
              and a.deleted_at is null for no key update";

    /// A retry may come without the time that the first had from the server's clock.
    fn find_copy(client_id: String, athlete: Uuid, columns: Pii<Value>) -> Copy
        = "select e.id, e.kind = 'sideline_entry' and e.athlete_id = $2
                  and (e.severity, e.body_part, e.mechanism, e.note, e.removed_from_play, c.head_injury)
                      is not distinct from (r.severity, r.body_part, r.mechanism, r.note, r.removed_from_play,
                                            ($3::jsonb ->> 'head_injury')::boolean) as same
             from athletics.event e
             join athletics.injury_case c on c.tenant_id = e.tenant_id and c.id = e.case_id
             cross join jsonb_populate_record(null::athletics.event, $3::jsonb) r
            where e.client_id = $1";

    /// The case that holds what happened then: the first that was resolved after it, or the active one; else a new one, for a head injury with its return to play and the stages of it as milestones.
    fn record_entry(athlete: Uuid, case: Uuid, event: Uuid, occurred_at: Timestamp, columns: Pii<Value>,
                    words: Option<Pii<String>>, jurisdiction: String, rtp: Option<Value>) -> Written
        = "with r as materialized (
             select c.title, c.body_part as case_part, e.body_part, c.severity, c.attention_level, c.head_injury, c.availability,
                    e.visibility, e.note,
                    e.mechanism, e.removed_from_play, e.client_id
               from jsonb_populate_record(null::athletics.injury_case, $5::jsonb || jsonb_build_object('body_part', $5::jsonb ->> 'case_part')) c,
                    jsonb_populate_record(null::athletics.event, $5) e),
           present as materialized (
             select c.id, c.status from athletics.injury_case c, r
              where c.tenant_id = kernel.tenant() and c.athlete_id = $1
                and c.body_part_key = lower(btrim(regexp_replace(r.case_part, '[\\s_-]+', ' ', 'g')))
                and (c.status = 'active' or $4 < c.resolved_at)
              order by c.status desc, c.resolved_at limit 1),
           opened as (
             insert into athletics.injury_case (tenant_id, id, athlete_id, title, body_part, severity, attention_level,
                    head_injury, jurisdiction, primary_at_id, availability, opened_at)
             select kernel.tenant(), $2, $1, r.title, r.case_part, r.severity, r.attention_level, r.head_injury, $7,
                    case when kernel.setting('app.actor_kind') = 'user' then kernel.setting('app.actor_id')::uuid end,
                    r.availability, $4
               from r where not exists (select from present)
             returning tenant_id, id),
           returning_to_play as (
             insert into athletics.return_to_play (tenant_id, id, case_id, athlete_id, protocol, stage, entered_at, removed_on)
             select o.tenant_id, p.id, o.id, $1, p.protocol, 1, p.entered_at, p.removed_on
               from opened o, jsonb_to_record($8) p (id uuid, protocol text, entered_at timestamptz, removed_on date)
              where $8 is not null),
           stages as (
             insert into athletics.milestone (tenant_id, id, case_id, title, phase, position, rtp_stage)
             select o.tenant_id, gen_random_uuid(), o.id, s.value ->> 'title', s.value ->> 'phase', s.stage, s.stage
               from opened o, jsonb_array_elements($8 -> 'stages') with ordinality s (value, stage)),
           entered as (
             insert into athletics.event (tenant_id, id, case_id, athlete_id, kind, occurred_at, visibility, note, body_part,
                    mechanism, severity, removed_from_play, availability, client_id)
             select kernel.tenant(), $3, c.id, $1, 'sideline_entry', $4, coalesce(r.visibility, '{at}'), r.note, r.body_part,
                    r.mechanism, r.severity, r.removed_from_play, r.availability, r.client_id
               from r, (select id from present union all select id from opened) c
             returning tenant_id, id, case_id),
           noted as (
             insert into athletics.clinical_note (tenant_id, id, words)
             select e.tenant_id, e.id, $6 from entered e where $6::text is not null)
           select id, case_id, exists (select from present where status = 'active') as joined_open from entered";

    fn find_entry(id: Uuid) -> EntryRow
        = "select e.id, e.tenant_id, e.case_id, e.athlete_id, a.first_name, a.last_name,
                  coalesce(e.body_part, '') as body_part, coalesce(e.severity, '') as severity,
                  a.current_status as athlete_status,
                  not exists (select from athletics.event o
                               where o.tenant_id = e.tenant_id and o.case_id = e.case_id and o.kind = 'sideline_entry'
                                 and o.id < e.id) as case_opened,
                  e.occurred_at
             from athletics.event e
             join athletics.athlete a on a.tenant_id = e.tenant_id and a.id = e.athlete_id where e.id = $1";
}
