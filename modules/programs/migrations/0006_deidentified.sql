-- Why: what analytics may see (K-012, K-013, K-071, P5). These views are all that reeve_deid can read:
-- a code, an age band, and counts. No name, guardian, address or date leaves through them.
set role reeve_owner;

create view deid.participant as
    select deid.code(p.deid_id) as participant_code,
           deid.age_band(p.date_of_birth, deid.today()) as age_band,
           p.status
      from programs.participant p where p.deleted_at is null;

-- A row for each participant, programme, cohort and month: how many sessions, at how many present.
create view deid.attendance as
    select deid.code(f.deid_id) as participant_code,
           deid.age_band(f.date_of_birth, deid.today()) as age_band,
           f.program_id, f.cohort_id, f.month, f.sessions, f.attended
      from (select p.deid_id, p.date_of_birth, s.program_id, s.cohort_id,
                   date_trunc('month', s.starts_at at time zone zone.name)::date as month,
                   count(*)::integer as sessions,
                   (count(*) filter (where a.status in ('present', 'late')))::integer as attended
              from programs.attendance a
              join programs.training_session s on s.tenant_id = a.tenant_id and s.id = a.session_id
              join programs.participant p on p.tenant_id = a.tenant_id and p.id = a.participant_id
             -- Not the function: it would read the settings with the reader's rights.
             cross join (select coalesce((select time_zone from programs.settings), 'America/New_York') as name) zone
             where p.deleted_at is null
             group by p.deid_id, p.date_of_birth, s.program_id, s.cohort_id,
                      date_trunc('month', s.starts_at at time zone zone.name)::date) f;

-- How far each participant came with goals: the best of their goals' states.
create view deid.outcome as
    select deid.code(f.deid_id) as participant_code,
           deid.age_band(f.date_of_birth, deid.today()) as age_band,
           f.outcome
      from (select p.deid_id, p.date_of_birth,
                   case when bool_or(g.status = 'achieved') then 'achieved'
                        when bool_or(g.status = 'active') then 'active'
                        when bool_or(g.status = 'on_hold') then 'on_hold'
                        else 'abandoned' end as outcome
              from programs.goal g
              join programs.participant p on p.tenant_id = g.tenant_id and p.id = g.participant_id
             where p.deleted_at is null
             group by p.deid_id, p.date_of_birth) f;

-- In which programmes and cohorts each participant is or was: what a selection is made of.
create view deid.membership as
    select distinct deid.code(p.deid_id) as participant_code, c.program_id, e.cohort_id
      from programs.enrollment e
      join programs.participant p on p.tenant_id = e.tenant_id and p.id = e.participant_id
      join programs.cohort c on c.tenant_id = e.tenant_id and c.id = e.cohort_id
     where p.deleted_at is null;

select kernel.deid_view('deid.participant');
select kernel.deid_view('deid.attendance');
select kernel.deid_view('deid.outcome');
select kernel.deid_view('deid.membership');
reset role;
