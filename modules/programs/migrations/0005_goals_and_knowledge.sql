-- Why: what a participant works towards, with each step of it kept; and what is known to help, as
-- structured interventions and as documents of the organisation, both found by their words.
set role reeve_owner;

create table programs.goal (
    tenant_id      uuid not null,
    id             uuid not null,
    participant_id uuid not null,
    title          text not null,
    description    text,
    category       text,
    status         text not null default 'active' check (status in ('active', 'on_hold', 'achieved', 'abandoned')),
    progress       integer not null default 0 check (progress between 0 and 100),
    target_date    date,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    primary key (tenant_id, id),
    constraint goal_participant_known
        foreign key (tenant_id, participant_id) references programs.participant (tenant_id, id),
    constraint goal_achieved_is_complete check (status <> 'achieved' or progress = 100)
);
create index goal_by_participant on programs.goal (tenant_id, participant_id, id);
create index goal_by_status on programs.goal (tenant_id, status, id);
select kernel.govern('programs.goal', '{description}');

-- Written by the trigger below: no change of a goal is without its place in the history.
create table programs.goal_progress (
    tenant_id  uuid not null,
    id         uuid not null default gen_random_uuid(),
    goal_id    uuid not null,
    status     text not null,
    progress   integer not null,
    note       text,
    noted_at   timestamptz not null default clock_timestamp(),
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, goal_id) references programs.goal (tenant_id, id)
);
create index goal_progress_in_order on programs.goal_progress (tenant_id, goal_id, noted_at, id);
select kernel.govern('programs.goal_progress', '{note}');

create function programs.record_progress() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or (new.status, new.progress) is distinct from (old.status, old.progress)
       or kernel.setting('app.step_note') is not null then
        insert into programs.goal_progress (tenant_id, goal_id, status, progress, note)
        values (new.tenant_id, new.id, new.status, new.progress, kernel.setting('app.step_note'));
    end if;
    return null;
end $$;
create trigger record_progress after insert or update on programs.goal
    for each row execute function programs.record_progress();

-- The spine: reference data of every organisation, which nobody changes through the API (K-052).
create table programs.intervention (
    code        text primary key,
    name        text not null,
    domain      text not null,
    description text not null,
    age_bands   text[] not null,
    citation    text not null,
    words       tsvector not null generated always as (
        setweight(to_tsvector('english', name), 'A') || setweight(to_tsvector('english', description), 'B')) stored
);
create index intervention_words on programs.intervention using gin (words);
create index intervention_by_domain on programs.intervention (domain, code);
grant select on programs.intervention to reeve_app, reeve_search;

create table programs.knowledge_document (
    tenant_id  uuid not null,
    id         uuid not null,
    title      text not null,
    citation   text not null,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    deleted_at timestamptz,
    primary key (tenant_id, id)
);
create unique index document_title_taken on programs.knowledge_document (tenant_id, title) where deleted_at is null;
select kernel.govern('programs.knowledge_document', '{}');

-- A document in passages of a few hundred words, so that a hit is a place and not a book.
create table programs.knowledge_passage (
    tenant_id   uuid not null,
    id          uuid not null default gen_random_uuid(),
    document_id uuid not null,
    ordinal     integer not null,
    heading     text not null default '',
    body        text not null,
    words       tsvector not null generated always as (
        setweight(to_tsvector('english', heading), 'A') || setweight(to_tsvector('english', body), 'B')) stored,
    version     integer not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default kernel.setting('app.actor_id')::uuid,
    updated_by  uuid,
    deleted_at  timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, document_id) references programs.knowledge_document (tenant_id, id)
);
create index passage_in_order on programs.knowledge_passage (tenant_id, document_id, ordinal);
create index passage_words on programs.knowledge_passage using gin (tenant_id, words) where deleted_at is null;
select kernel.govern('programs.knowledge_passage', '{}');
select kernel.govern_search('programs.knowledge_passage',
    'words @@ websearch_to_tsquery(''english'', nullif(current_setting(''app.search'', true), '''')::jsonb ->> ''text'')');
grant select on programs.knowledge_document to reeve_search;
create policy search on programs.knowledge_document for select to reeve_search
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

insert into programs.intervention (code, name, domain, description, age_bands, citation) values
('motivational_interviewing', 'Motivational interviewing', 'engagement',
 'A guiding conversation in which the young person voices their own reasons for change. Open questions, affirmations, reflections and summaries; resistance is met, not argued with.',
 '{12-13,14-15,16-17,18+}', 'Miller and Rollnick, Motivational Interviewing, 3rd edition, 2013'),
('social_emotional_learning', 'Social and emotional learning', 'social_emotional',
 'Sequenced, active and explicit teaching of self-awareness, self-management, social awareness, relationship skills and responsible decisions, within ordinary sessions.',
 '{5-8,9-11,12-13,14-15,16-17}', 'Durlak et al., Child Development 82(1):405-432, 2011'),
('mentoring', 'One-to-one mentoring', 'relationships',
 'A stable adult meets a young person regularly over at least a year. Effects grow with training of mentors, a match of interests and clear expectations; early endings can do harm.',
 '{9-11,12-13,14-15,16-17,18+}', 'DuBois et al., Psychological Science in the Public Interest 12(2):57-91, 2011'),
('restorative_circle', 'Restorative circle', 'behavior',
 'Those who were harmed, those who did harm and those around them say what happened, who was affected and what will put it right; agreements are written and followed up.',
 '{9-11,12-13,14-15,16-17,18+}', 'Zehr, The Little Book of Restorative Justice, 2002'),
('psychological_first_aid', 'Psychological first aid', 'crisis',
 'Humane, practical help after a serious event: look, listen, link. It assesses needs and safety, does not press for the story, and connects to family and services.',
 '{<5,5-8,9-11,12-13,14-15,16-17,18+}', 'World Health Organization, Psychological first aid: Guide for field workers, 2011'),
('safety_planning', 'Safety planning', 'crisis',
 'Written with the young person: warning signs, own coping steps, people and places that distract, people who help, professionals and lines to call, and making the surroundings safe from means.',
 '{12-13,14-15,16-17,18+}', 'Stanley and Brown, Cognitive and Behavioral Practice 19(2):256-264, 2012'),
('behavioral_activation', 'Behavioral activation', 'mental_health',
 'For low mood: activities that matter to the young person are planned in small steps, carried out and reviewed, so that doing comes before feeling.',
 '{12-13,14-15,16-17,18+}', 'Lewinsohn, in: The Psychology of Depression, 1974'),
('graduated_return', 'Graduated return to sport', 'concussion',
 'After a concussion, activity rises in six steps of at least 24 hours each; symptoms send back a step, and contact waits for a clinician''s clearance in writing.',
 '{5-8,9-11,12-13,14-15,16-17,18+}', 'Patricios et al., British Journal of Sports Medicine 57(11):695-711, 2023'),
('return_to_learn', 'Graduated return to learn', 'concussion',
 'School work returns in steps before sport does: shorter days, breaks and reduced load, raised as symptoms allow.',
 '{5-8,9-11,12-13,14-15,16-17,18+}', 'Patricios et al., British Journal of Sports Medicine 57(11):695-711, 2023'),
('goal_attainment_scaling', 'Goal attainment scaling', 'goals',
 'The young person and an adult write what much less, less, as much, more and much more than expected would look like for a goal, and place themselves on the scale at set times.',
 '{9-11,12-13,14-15,16-17,18+}', 'Kiresuk and Sherman, Community Mental Health Journal 4(6):443-453, 1968'),
('implementation_intentions', 'If-then planning', 'goals',
 'A goal becomes a plan of the form "if this situation comes, then I will do that", rehearsed and written, which makes acting on the goal more likely.',
 '{9-11,12-13,14-15,16-17,18+}', 'Gollwitzer and Sheeran, Advances in Experimental Social Psychology 38:69-119, 2006'),
('positive_behavior_support', 'Positive behavior support', 'behavior',
 'A few rules stated as what to do, taught like any skill, noticed and praised when kept; more support for those who need it, decided from what is written down about incidents.',
 '{5-8,9-11,12-13,14-15,16-17}', 'Horner et al., Focus on Exceptional Children 42(8):1-14, 2010');
comment on table programs.intervention is 'What is known to help, with its source. The same for every organisation.';
reset role;
