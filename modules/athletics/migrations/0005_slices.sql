-- Why: the FERPA matrix in the database (R-040 to R-053). A coach's and a family's readings run as the two
-- roles made here, which hold these views and nothing else: what a column or a row is not in cannot be
-- asked for. A test compares the views' columns with the matrix in ferpa.rs.
--
-- reeve_coach   the athletes of the teams that the account coaches: who, whether they may play, what they may
--               not do, the events marked for coaches. No diagnosis.
-- reeve_family  the athletes in whose records the account holds the rights now: a minor's parents, a student
--               of age.
do $$
declare role_name text;
begin
    foreach role_name in array array['reeve_coach', 'reeve_family'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I nologin noinherit', role_name);
        end if;
    end loop;
end $$;
grant reeve_coach, reeve_family to reeve_app;

set role reeve_owner;
create schema athletics_coach;

create view athletics_coach.team with (security_barrier = true) as
select t.id, t.external_id, t.name, t.sport, t.season, t.is_active
  from athletics.team t
 where t.tenant_id = kernel.tenant() and t.deleted_at is null and t.is_active
   and exists (select from athletics.team_coach c
                where c.tenant_id = t.tenant_id and c.team_id = t.id and c.deleted_at is null
                  and c.account_id = kernel.setting('app.actor_id')::uuid);

create view athletics_coach.membership with (security_barrier = true) as
select m.athlete_id, t.id, t.external_id, t.name, t.sport
  from athletics.team_member m
  join athletics_coach.team t on t.id = m.team_id
  join athletics.athlete a on a.tenant_id = m.tenant_id and a.id = m.athlete_id and a.deleted_at is null
 where m.tenant_id = kernel.tenant() and m.deleted_at is null;

create view athletics_coach.enrolled with (security_barrier = true) as
select a.id, a.external_id, a.first_name, a.last_name, a.last_name_key, a.grade, a.sports, a.current_status,
       a.status_changed_at
  from athletics.athlete a
 where a.tenant_id = kernel.tenant() and a.deleted_at is null
   and exists (select from athletics_coach.membership m where m.athlete_id = a.id);

create view athletics_coach.injury_case with (security_barrier = true) as
select c.id, c.athlete_id, c.status, c.availability, c.opened_at,
       (select max(m.target_on) from athletics.milestone m where m.tenant_id = c.tenant_id and m.case_id = c.id)
       as expected_return_on
  from athletics.injury_case c
 where c.tenant_id = kernel.tenant() and c.status = 'active'
   and exists (select from athletics_coach.membership m where m.athlete_id = c.athlete_id);

create view athletics_coach.restriction with (security_barrier = true) as
select e.id, e.case_id, e.athlete_id, e.restriction, e.restriction_until, e.occurred_at
  from athletics.event e join athletics_coach.injury_case c on c.id = e.case_id
  left join athletics.school s on s.tenant_id = e.tenant_id and s.id = e.tenant_id
 where e.tenant_id = kernel.tenant() and e.kind = 'restriction_added'
   and (e.restriction_until is null
        or e.restriction_until >= (kernel.now() at time zone coalesce(s.time_zone, 'America/New_York'))::date)
   and not exists (select from athletics.event l
                    where l.tenant_id = e.tenant_id and l.case_id = e.case_id and l.lifts = e.id);

create view athletics_coach.event with (security_barrier = true) as
select e.id, e.case_id, e.athlete_id, e.kind, e.occurred_at, e.note, e.restriction, e.restriction_until, e.lifts,
       e.corrects, e.availability
  from athletics.event e join athletics_coach.injury_case c on c.id = e.case_id
 where e.tenant_id = kernel.tenant() and 'coach' = any (e.visibility);

create view athletics_coach.milestone with (security_barrier = true) as
select m.id, m.case_id, m.phase, (row_number() over (partition by m.case_id order by m.position, m.id))::integer as position,
       m.target_on, m.reached_on
  from athletics.milestone m join athletics_coach.injury_case c on c.id = m.case_id
 -- The stages of a return to play would tell what the injury is.
 where m.tenant_id = kernel.tenant() and m.rtp_stage is null;

create view athletics_coach.school with (security_barrier = true) as
select t.id, t.name, s.external_id, s.domain, s.config, s.time_zone
  from kernel.tenant t left join athletics.school s on s.tenant_id = t.tenant_id and s.id = t.id
 where t.tenant_id = kernel.tenant() and t.id = kernel.tenant();

create schema athletics_family;

-- The law's tables are nobody's records; the joins stand here because a function would read them as the
-- slice. athletics.holds_rights says the same, and a test compares the two.
-- Who has left the school keeps the rights in what it holds of them.
create view athletics_family.enrolled with (security_barrier = true) as
select a.id, a.external_id, a.first_name, a.last_name, a.last_name_key, a.grade, a.sports, a.current_status,
       a.status_changed_at
  from athletics.athlete a
 where a.tenant_id = kernel.tenant()
   and exists (
       select from athletics.guardian g
         left join athletics.school s on s.tenant_id = g.tenant_id and s.id = g.tenant_id
        cross join lateral (select (kernel.now() at time zone coalesce(s.time_zone, 'America/New_York'))::date) d (today)
         join kernel.statute_rule r on r.kind = 'education_records'
          and r.version = (select max(p.version) from kernel.statute_pack p
                            where p.jurisdiction = coalesce(s.jurisdiction, 'us-oh'))
          and (r.effective_from is null or r.effective_from <= d.today)
          and (r.effective_until is null or d.today < r.effective_until)
        where g.tenant_id = a.tenant_id and g.athlete_id = a.id and g.deleted_at is null
          and g.account_id = kernel.setting('app.actor_id')::uuid
          and case when kernel.age_on(a.date_of_birth, d.today) >= (r.parameters ->> 'rights_pass_at')::integer
                   then g.relation = 'self' or g.kept_basis = 'tax_dependent'
                        or g.kept_basis = 'student_consent'
                           and kernel.age_on(a.date_of_birth, g.kept_on) >= (r.parameters ->> 'rights_pass_at')::integer
                   else g.relation <> 'self' end);

create view athletics_family.membership with (security_barrier = true) as
select m.athlete_id, t.id, t.external_id, t.name, t.sport
  from athletics.team_member m
  join athletics_family.enrolled a on a.id = m.athlete_id
  join athletics.team t on t.tenant_id = m.tenant_id and t.id = m.team_id and t.deleted_at is null and t.is_active
 where m.tenant_id = kernel.tenant() and m.deleted_at is null;

create view athletics_family.injury_case with (security_barrier = true) as
select c.id, c.external_id, c.athlete_id, c.title, c.body_part, c.severity, c.head_injury, c.status, c.availability,
       c.opened_at, c.resolved_at, c.reopened_at,
       (select max(m.target_on) from athletics.milestone m where m.tenant_id = c.tenant_id and m.case_id = c.id)
       as expected_return_on
  from athletics.injury_case c join athletics_family.enrolled a on a.id = c.athlete_id
 where c.tenant_id = kernel.tenant();

create view athletics_family.restriction with (security_barrier = true) as
select e.id, e.case_id, e.athlete_id, e.restriction, e.restriction_until, e.occurred_at
  from athletics.event e
  join athletics_family.injury_case c on c.id = e.case_id and c.status = 'active'
  left join athletics.school s on s.tenant_id = e.tenant_id and s.id = e.tenant_id
 where e.tenant_id = kernel.tenant() and e.kind = 'restriction_added'
   and (e.restriction_until is null
        or e.restriction_until >= (kernel.now() at time zone coalesce(s.time_zone, 'America/New_York'))::date)
   and not exists (select from athletics.event l
                    where l.tenant_id = e.tenant_id and l.case_id = e.case_id and l.lifts = e.id);

create view athletics_family.event with (security_barrier = true) as
select e.id, e.case_id, e.athlete_id, e.kind, e.occurred_at, e.note, e.restriction, e.restriction_until, e.lifts,
       e.corrects, e.body_part, e.mechanism, e.severity, e.removed_from_play, e.availability, e.created_at
  from athletics.event e join athletics_family.enrolled a on a.id = e.athlete_id
 where e.tenant_id = kernel.tenant() and 'parent' = any (e.visibility);

create view athletics_family.milestone with (security_barrier = true) as
select m.id, m.case_id, m.title, m.phase, m.position, m.target_on, m.reached_on
  from athletics.milestone m join athletics_family.injury_case c on c.id = m.case_id
 where m.tenant_id = kernel.tenant();

create view athletics_family.return_to_play with (security_barrier = true) as
select r.id, r.case_id, r.protocol, r.stage, r.entered_at, r.removed_on, r.cleared_at, r.clinician_name,
       r.clinician_profession, r.licence_number, r.licence_state, r.physician_relation, r.physician_name,
       r.clearance_document
  from athletics.return_to_play r join athletics_family.injury_case c on c.id = r.case_id
 where r.tenant_id = kernel.tenant();

create view athletics_family.inspection with (security_barrier = true) as
select i.id, i.athlete_id, i.requested_at, i.due_on, i.reason, i.status, i.reviewed_at, i.review_note, i.version
  from athletics.inspection i join athletics_family.enrolled a on a.id = i.athlete_id
 where i.tenant_id = kernel.tenant() and i.requested_by = kernel.setting('app.actor_id')::uuid;

-- What an inspection shows: everything recorded up to the review, the trainer's words among it, but for
-- what the review withheld.
create view athletics_family.inspected_event with (security_barrier = true) as
select e.id, i.id as inspection_id, e.case_id, c.title, c.body_part, c.severity, e.kind, e.occurred_at, e.mechanism,
       e.removed_from_play, e.note, e.restriction, e.restriction_until, e.availability, n.words
  from athletics_family.inspection i
  join athletics.event e on e.tenant_id = kernel.tenant() and e.athlete_id = i.athlete_id and e.created_at <= i.reviewed_at
  join athletics.injury_case c on c.tenant_id = e.tenant_id and c.id = e.case_id
  left join athletics.clinical_note n on n.tenant_id = e.tenant_id and n.id = e.id
 where i.status = 'released'
   and not exists (select from athletics.withheld_event w
                    where w.tenant_id = e.tenant_id and w.inspection_id = i.id and w.event_id = e.id);

-- That something was withheld, and why, is told.
create view athletics_family.withheld with (security_barrier = true) as
select w.id, w.inspection_id, w.reason
  from athletics.withheld_event w join athletics_family.inspection i on i.id = w.inspection_id and i.status = 'released'
 where w.tenant_id = kernel.tenant();

create view athletics_family.disclosure with (security_barrier = true) as
select d.id, d.athlete_id, d.disclosed_at, d.recipient, d.interest, d.basis, d.what, d.threat
  from athletics.disclosure d join athletics_family.enrolled a on a.id = d.athlete_id
 where d.tenant_id = kernel.tenant();

create view athletics_family.school with (security_barrier = true) as
select t.id, t.name, s.external_id, s.domain, s.config, s.time_zone
  from kernel.tenant t left join athletics.school s on s.tenant_id = t.tenant_id and s.id = t.id
 where t.tenant_id = kernel.tenant() and t.id = kernel.tenant();

select kernel.open_slice('reeve_coach', 'athletics_coach');
select kernel.open_slice('reeve_family', 'athletics_family');
reset role;
set role reeve_ledger;
select audit.record_readings_of('reeve_coach');
select audit.record_readings_of('reeve_family');
reset role;
