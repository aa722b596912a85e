//! Analytics that see nobody: searched for planted words, added up, subtracted and joined.

use std::collections::{BTreeMap, BTreeSet};

use ::kernel::http::Method;
use aws_lc_rs::{digest, hmac};
use futures::future::join_all;
use testkit::{Options, Reply, run, run_with};

use super::{consent::sha256, *};

const TWELVE: &str = "2013-05-10";
const FOURTEEN: &str = "2011-05-10";
const SIXTEEN: &str = "2009-05-10";

async fn cohort(north: &Programme, name: &str) -> String {
    let body = json!({"program_id": north.program, "name": name});
    created(north.role("admin"), "/cohorts", &body).await
}

async fn enroll(north: &Programme, cohort: &str, people: &[String]) {
    let admin = north.role("admin");
    let all = people.iter().map(async |id| {
        let body = json!({"participant_id": id, "cohort_id": cohort, "started_on": "2026-01-05"});
        created(admin, "/enrollments", &body).await
    });
    join_all(all).await;
}

/// A session of a cohort at which so many of these were present, and the others absent.
async fn meet(
    north: &Programme,
    cohort: &str,
    starts_at: &str,
    people: &[String],
    present: usize,
) -> String {
    let status = |n| if n < present { "present" } else { "absent" };
    let attendance: Vec<_> = people
        .iter()
        .enumerate()
        .map(|(n, id)| json!({"participant_id": id, "status": status(n)}))
        .collect();
    let body = json!({"cohort_id": cohort, "starts_at": starts_at, "attendance": attendance});
    created(north.role("admin"), "/sessions", &body).await
}

/// So many of each birth date, enrolled in a cohort and all at its session.
async fn crowd(north: &Programme, cohort: &str, births: &[(&str, usize)]) -> Vec<String> {
    let births: Vec<_> = births.iter().flat_map(|(born, count)| vec![*born; *count]).collect();
    let people = join_all(births.iter().map(|born| north.consented(born))).await;
    enroll(north, cohort, &people).await;
    meet(north, cohort, "2026-02-02T22:00:00Z", &people, people.len()).await;
    people
}

async fn ask(who: &Persona, what: &str) -> Reply {
    who.get(&format!("/analytics/{what}")).await
}

/// What was shown of each band: a number, or none where it is hidden.
fn bands(cells: &Value) -> BTreeMap<String, Option<u64>> {
    let cell = |cell: &Value| {
        assert_eq!(cell["suppressed"], cell["participants"].is_null(), "{cell}");
        (cell["age_band"].as_str().unwrap().to_owned(), cell["participants"].as_u64())
    };
    cells.as_array().unwrap().iter().map(cell).collect()
}

/// Code and band of each participant listed.
fn listed(answer: &Value) -> BTreeMap<String, Option<String>> {
    let list = answer["participants"].as_array().unwrap();
    let one = |one: &Value| {
        (
            one["participant_code"].as_str().unwrap().to_owned(),
            one["age_band"].as_str().map(str::to_owned),
        )
    };
    list.iter().map(one).collect()
}

/// Sums: the unknown numbers of each, and what they add up to.
#[derive(Default)]
struct Sums {
    unknowns: usize,
    sums: Vec<(Vec<(usize, i64)>, i64)>,
}

/// A number of a table: known, or the number of an unknown.
#[derive(Clone, Copy)]
enum Number {
    Known(i64),
    Hidden(usize),
}

impl Sums {
    fn number(&mut self, cell: &Value) -> Number {
        match cell["participants"].as_i64() {
            Some(known) => Number::Known(known),
            None => {
                self.unknowns += 1;
                Number::Hidden(self.unknowns - 1)
            }
        }
    }

    /// These parts make this whole.
    fn add(&mut self, parts: &[Number], whole: Number) {
        let (mut terms, mut rest) = (vec![], 0);
        for (number, sign) in parts.iter().map(|part| (*part, 1)).chain([(whole, -1)]) {
            match number {
                Number::Known(known) => rest -= sign * known,
                Number::Hidden(index) => terms.push((index, sign)),
            }
        }
        self.sums.push((terms, rest));
    }

    /// Narrows what each unknown can be by what the others leave; whether anything is left.
    fn narrow(&self, range: &mut [(i64, i64)]) -> bool {
        let mut changed = true;
        while changed {
            changed = false;
            for (terms, total) in &self.sums {
                for (index, sign) in terms {
                    let others = terms.iter().filter(|(other, _)| other != index);
                    let (mut least, mut most) = (0, 0);
                    for (other, sign) in others {
                        let (low, high) = range[*other];
                        least += if *sign > 0 { low } else { -high };
                        most += if *sign > 0 { high } else { -low };
                    }
                    let (mut low, mut high) = (total - most, total - least);
                    if *sign < 0 {
                        (low, high) = (-high, -low);
                    }
                    let now = (range[*index].0.max(low), range[*index].1.min(high));
                    changed |= now != range[*index];
                    range[*index] = now;
                    if now.0 > now.1 {
                        return false;
                    }
                }
            }
        }
        self.sums.iter().all(|(terms, total)| !terms.is_empty() || *total == 0)
    }

    fn solve(&self, mut range: Vec<(i64, i64)>) -> Option<Vec<i64>> {
        if !self.narrow(&mut range) {
            return None;
        }
        let open = range.iter().enumerate().filter(|(_, (low, high))| low < high);
        let Some((index, (low, high))) = open.min_by_key(|(_, (low, high))| high - low) else {
            return Some(range.iter().map(|(low, _)| *low).collect());
        };
        (*low..=*high).find_map(|value| {
            let mut range = range.clone();
            range[index] = (value, value);
            self.solve(range)
        })
    }

    /// The unknowns that can only have one value, given that a hidden number is not 0.
    fn solved(&self) -> Vec<(usize, i64)> {
        let all = vec![(1, 500); self.unknowns];
        let one = self.solve(all.clone()).expect("the table is of some people");
        let only = (0..self.unknowns).filter(|index| {
            let (mut below, mut above) = (all.clone(), all.clone());
            below[*index].1 = one[*index] - 1;
            above[*index].0 = one[*index] + 1;
            let other = |range: Vec<(i64, i64)>| {
                range[*index].0 <= range[*index].1 && self.solve(range).is_some()
            };
            !other(below) && !other(above)
        });
        only.map(|index| (index, one[index])).collect()
    }
}

/// That no hidden number of a table can be worked out from it.
fn is_sound(answer: &Value) {
    let mut sums = Sums::default();
    let mut names = vec![];
    let mut read = |sums: &mut Sums, name: String, cell: &Value| {
        let number = sums.number(cell);
        if matches!(number, Number::Hidden(_)) {
            names.push(name);
        }
        number
    };
    let total = read(&mut sums, "total".into(), &answer["total"]);
    let bands: Vec<_> = answer["age_bands"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| read(&mut sums, format!("all {}", cell["age_band"]), cell))
        .collect();
    sums.add(&bands, total);
    if let Some(rows) = answer["rows"].as_array() {
        let mut columns = vec![vec![]; bands.len()];
        let mut totals = vec![];
        for row in rows {
            let cells: Vec<_> = row["age_bands"]
                .as_array()
                .unwrap()
                .iter()
                .map(|cell| read(&mut sums, format!("{} {}", row["label"], cell["age_band"]), cell))
                .collect();
            assert_eq!(cells.len(), bands.len());
            let whole = read(&mut sums, format!("{} total", row["label"]), &row["total"]);
            sums.add(&cells, whole);
            totals.push(whole);
            for (column, cell) in columns.iter_mut().zip(&cells) {
                column.push(*cell);
            }
        }
        sums.add(&totals, total);
        for (column, band) in columns.iter().zip(&bands) {
            sums.add(column, *band);
        }
    }
    if answer["participants"].as_array().is_some_and(|listed| !listed.is_empty()) {
        // Those listed without a band are those of the hidden bands.
        let list = listed(answer);
        let without = list.values().filter(|band| band.is_none()).count();
        let hidden: Vec<_> =
            bands.iter().copied().filter(|n| matches!(n, Number::Hidden(_))).collect();
        sums.add(&hidden, Number::Known(i64::try_from(without).unwrap()));
    }
    let solved: Vec<_> =
        sums.solved().into_iter().map(|(n, value)| format!("{} = {value}", names[n])).collect();
    assert!(solved.is_empty(), "{solved:?} of {answer}");
}

#[test]
fn d01_no_planted_word_is_anywhere_in_an_analysts_world() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (admin, clinician) = (north.role("admin"), north.role("clinician"));
        crowd(&north, &north.cohort, &[(TWELVE, 12)]).await;
        let person = json!({
            "first_name": "CANARY-first", "last_name": "CANARY-last", "preferred_name": "CANARY-preferred",
            "roster_name": "CANARY-roster", "external_id": "CANARY-external", "date_of_birth": "2011-07-19",
            "gender": "CANARY-gender", "school": "CANARY-school", "grade": "CANARY-gr",
            "medical_notes": "CANARY-notes",
            "guardians": [{"full_name": "CANARY-guardian", "relation": "parent", "email": "canary-g@canary.example",
                           "phone": "+1 614 555 7391", "is_primary": true}],
            "contacts": [{"full_name": "CANARY-contact", "relation": "CANARY-aunt", "phone": "+1 614 555 7391",
                          "email": "canary-c@canary.example", "priority": 1}],
            "addresses": [{"kind": "home", "line1": "CANARY-line1", "line2": "CANARY-line2", "city": "CANARY-city",
                           "state": "OH", "postal_code": "43219", "county": "CANARY-county"}],
        });
        let id = created(admin, "/participants", &person).await;
        let mut evidence = consent(&id);
        for field in ["grantor_name", "relation", "text", "text_version", "document_reference"] {
            evidence[field] = json!(format!("CANARY-{field}"));
        }
        let given = created(clinician, "/consent", &evidence).await;
        let who = json!({"full_name": "CANARY-instructor", "email": "canary-i@canary.example"});
        let instructor = created(admin, "/instructors", &who).await;
        let body = json!({
            "cohort_id": north.cohort, "instructor_id": instructor, "starts_at": "2026-02-09T22:00:00Z",
            "notes": "CANARY-session", "topic": "CANARY-topic",
            "attendance": [{"participant_id": id, "status": "present", "note": "CANARY-attendance"}],
        });
        let session = created(admin, "/sessions", &body).await;
        enroll(&north, &north.cohort, std::slice::from_ref(&id)).await;
        let other = cohort(&north, "Tuesdays").await;
        let body = json!({"participant_id": id, "cohort_id": other, "started_on": "2026-01-05"});
        let enrollment = created(admin, "/enrollments", &body).await;
        let end =
            json!({"status": "withdrawn", "ended_on": "2026-02-01", "reason": "CANARY-reason"});
        let reply = admin.patch(&format!("/enrollments/{enrollment}/end"), &end).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let body = json!({"participant_id": id, "title": "CANARY-goal", "description": "CANARY-description",
                          "category": "CANARY-category"});
        let goal = created(admin, "/goals", &body).await;
        let reply = admin
            .patch(&format!("/goals/{goal}"), &json!({"progress": 10, "note": "CANARY-note"}))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let incident = north
            .incident(&json!({"incident_type": "mandated_report", "participant_id": id, "session_id": session,
                "report_basis": "CANARY-basis", "description": "CANARY-words"}))
            .await;
        let close = json!({"resolution": "CANARY-resolution", "recipient": {
            "agency_type": "pcsa", "agency_name": "CANARY-agency", "county": "CANARY-c", "contact": "CANARY-k",
            "reported_at": "2026-03-02T16:30:00Z", "channel": "phone", "reference_no": "CANARY-ref",
            "reporter_name": "CANARY-reporter"}});
        let reply = clinician.patch(&format!("/incidents/{incident}/close"), &close).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let path = format!("/incidents/{incident}/reopen");
        assert_eq!(admin.patch(&path, &json!({"reason": "CANARY-reopen"})).await.status, 200);
        let path = format!("/consent/{given}/revoke");
        let later = created(clinician, "/consent", &consent(&id)).await;
        assert_eq!(clinician.patch(&path, &json!({"reason": "CANARY-revoked"})).await.status, 200);

        // The words are there for those who may read them: what follows searches for something.
        let whole = admin.get(&format!("/participants/{id}")).await;
        assert_eq!(whole.text.matches("CANARY").count(), 16, "{}", whole.text);

        let analyst = north.role("analyst");
        let registry = reeve::registry().unwrap();
        let role = registry.matrix.role("programs", "analyst");
        let ids = [
            &id,
            &given,
            &later,
            &session,
            &incident,
            &goal,
            &instructor,
            &enrollment,
            &north.cohort,
            &north.program,
        ];
        let queries = [
            String::new(),
            "?limit=1".into(),
            "?limit=200&expand=participant,guardians&fields=first_name&include=guardians".into(),
            "?sort=last_name&order=date_of_birth".into(),
            "?q=CANARY".into(),
            "?name=CANARY&external_id=CANARY-external&status=active".into(),
            format!("?participant_id={id}"),
            format!(
                "?program_id={}&cohort_id={}&from=2026-01&to=2026-12",
                north.program, north.cohort
            ),
            format!("?cohort_id={}", north.cohort),
            format!("?program_id={}", north.program),
            "?from=2026-02&to=2026-02".into(),
            "?domain=crisis&age_band=14-15".into(),
            "?audience=guardian&purpose=participation".into(),
            "?format=csv".into(),
            "?debug=true&limit=-1&cursor=x".into(),
        ];
        let (mut answered, mut refused) = (0, 0);
        for route in registry.routes.iter().filter(|route| route.method == Method::Get) {
            let held = registry.matrix.permits(role, route.permission);
            let paths: BTreeSet<_> = ids.iter().map(|id| route.path.replace("{id}", id)).collect();
            for path in paths {
                // Who is refused is refused before the query is read.
                for query in queries.iter().take(if held { queries.len() } else { 2 }) {
                    let reply = analyst.get(&format!("{path}{query}")).await;
                    let all = format!("{} {:?} {}", reply.status, reply.headers, reply.text);
                    let found = all.to_uppercase();
                    for word in ["CANARY", "5557391", "555 7391", "2011-07-19", "43219"] {
                        assert!(!found.contains(word), "{word} in {path}{query}: {all}");
                    }
                    let ours = route.realm == Some("programs");
                    if ours && !held {
                        assert_eq!(reply.problem(), "403 forbidden", "{path}{query}");
                        refused += 1;
                    } else if ours && reply.status == 200 {
                        answered += 1;
                    }
                }
            }
        }
        assert!(answered > 20 && refused > 20, "{answered} answered, {refused} refused");
        for what in ["participation", "attendance"] {
            assert_eq!(ask(analyst, what).await.status, 200, "{what} was among them");
        }
    });
}

#[test]
fn d03_a_band_changes_on_the_birthday_and_no_parameter_moves_it() {
    let (options, hand) = at("2026-02-27T17:00:00Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let leap = cohort(&north, "leap").await;
        crowd(&north, &north.cohort, &[("2012-05-10", 11)]).await;
        crowd(&north, &leap, &[("2012-02-29", 11)]).await;
        let analyst = north.role("analyst");
        for (now, cohort, band) in [
            ("2026-02-28T17:00:00Z", &leap, "12-13"),
            ("2026-03-01T17:00:00Z", &leap, "14-15"),
            ("2028-02-28T17:00:00Z", &leap, "14-15"),
            ("2028-02-29T17:00:00Z", &leap, "16-17"),
            ("2026-05-09T17:00:00Z", &north.cohort, "12-13"),
            ("2026-05-10T17:00:00Z", &north.cohort, "14-15"),
            ("2030-05-09T17:00:00Z", &north.cohort, "16-17"),
            ("2030-05-10T17:00:00Z", &north.cohort, "18+"),
        ] {
            hand.set(time(now));
            let path = format!("participation?cohort_id={cohort}");
            let reply = ask(analyst, &path).await;
            assert_eq!(reply.status, 200, "{now}: {}", reply.text);
            let answer = reply.json();
            for (name, count) in bands(&answer["age_bands"]) {
                let expected = if name == band { 11 } else { 0 };
                assert_eq!(count, Some(expected), "{now} {name}: {answer}");
            }
            let known = ["<5", "5-8", "9-11", "12-13", "14-15", "16-17", "18+"];
            for (_, shown) in listed(&answer) {
                assert!(shown.as_deref().is_none_or(|shown| known.contains(&shown)));
                assert_eq!(shown.as_deref(), Some(band), "{now}");
            }
            // Whatever a caller says of edges and days, the bands stay.
            for more in [
                "bands=0-13,13-99",
                "age_bands=13",
                "band_width=1",
                "edges=13",
                "as_of=2026-05-10",
                "today=2012-05-11",
                "date=2026-01-01",
                "at=2026-01-01T00:00:00Z",
                "min_age=13",
                "age=14",
                "born_after=2012-05-09",
                "date_of_birth=2012-05-10",
                "group_by=date_of_birth",
                "threshold=1",
                "cell_threshold=1",
                "k=1",
                "salt=x",
                "age_band=14-15",
            ] {
                let reply = ask(analyst, &format!("{path}&{more}")).await;
                let same = reply.status == 200 && reply.json() == answer;
                assert!(same || reply.status == 422, "{more}: {}", reply.text);
            }
        }
        for finer in [
            "from=2026-02-02",
            "to=2026-02-02T22:00:00Z",
            "from=2026",
            "from=2026-W06",
            "from=2026-13",
        ] {
            assert_eq!(
                ask(analyst, &format!("participation?{finer}")).await.status,
                422,
                "{finer}"
            );
        }
        // Who is not born yet is no participant.
        let mut unborn = participant("2031-01-01");
        unborn["first_name"] = json!("Nemo");
        assert_eq!(north.role("admin").post("/participants", &unborn).await.status, 422);
    });
}

#[test]
fn the_age_band_changes_at_midnight_where_the_organisation_is() {
    // `time_zone`: in whose calendar days and ages are read.
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let people = crowd(&north, &north.cohort, &[("2012-05-10", 11)]).await;
        for (now, band) in [("2026-05-10T03:59:59Z", "12-13"), ("2026-05-10T04:00:00Z", "14-15")] {
            hand.set(time(now));
            let roster = north.role("instructor").get("/participants/roster").await.json();
            assert_eq!(roster[0]["age_band"], band, "the roster at {now}");
            let answer = ask(north.role("analyst"), "participation").await.json();
            assert_eq!(
                bands(&answer["age_bands"])[band],
                Some(people.len() as u64),
                "analytics at {now}"
            );
        }
    });
}

#[test]
fn d04_no_hidden_cell_can_be_worked_out_from_the_table_it_is_in() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let tuesdays = cohort(&north, "Tuesdays").await;
        // 3 stand alone; 1 and 12; 11 and 10.
        let first =
            crowd(&north, &north.cohort, &[(TWELVE, 13), (FOURTEEN, 3), (SIXTEEN, 12)]).await;
        let second =
            crowd(&north, &tuesdays, &[(TWELVE, 11), (FOURTEEN, 10), ("2017-05-10", 1)]).await;
        // Different shares of attendance, across the bands.
        for (n, present) in [(1, 5), (2, 14), (3, 20), (4, 27)] {
            meet(&north, &north.cohort, &format!("2026-02-0{}T22:00:00Z", n + 2), &first, present)
                .await;
        }
        meet(&north, &tuesdays, "2026-02-03T22:00:00Z", &second, 12).await;
        let admin = north.role("admin");
        let states = ["active", "on_hold", "abandoned"];
        join_all(first.iter().enumerate().map(async |(n, id)| {
            let body =
                json!({"participant_id": id, "title": "A goal", "status": states[(n / 4) % 3]});
            created(admin, "/goals", &body).await
        }))
        .await;
        let analyst = north.role("analyst");
        let mut tables = 0;
        for what in ["attendance", "participation", "outcomes"] {
            for query in [
                String::new(),
                format!("?cohort_id={}", north.cohort),
                format!("?cohort_id={tuesdays}"),
                format!("?program_id={}", north.program),
            ] {
                let reply = ask(analyst, &format!("{what}{query}")).await;
                if reply.status == 409 {
                    continue;
                }
                assert_eq!(reply.status, 200, "{what}{query}: {}", reply.text);
                tables += 1;
                let answer = reply.json();
                let mut cells = vec![answer["total"].clone()];
                cells.extend(answer["age_bands"].as_array().unwrap().clone());
                for row in answer["rows"].as_array().into_iter().flatten() {
                    cells.push(row["total"].clone());
                    cells.extend(row["age_bands"].as_array().unwrap().clone());
                }
                for cell in &cells {
                    let count = cell["participants"].as_u64();
                    assert!(
                        count.is_none_or(|count| count == 0 || count >= 11),
                        "{what}{query}: {cell}"
                    );
                    assert_eq!(cell["suppressed"], count.is_none(), "{cell}");
                }
                is_sound(&answer);
            }
        }
        assert!(tables >= 8, "only {tables} tables were looked at");
    });
}

#[test]
fn two_tables_of_the_same_people_together_tell_no_hidden_cell() {
    for first in ["participation", "attendance"] {
        let (options, _) = at(BEGIN);
        run_with(options, async |app| {
            let north = Programme::new(app, "north").await;
            // At one session 12 of twelve and 3 of fourteen were there, and 20 of fourteen were not.
            let mut people =
                join_all((0..15).map(|n| north.consented(if n < 12 { TWELVE } else { FOURTEEN })))
                    .await;
            people.extend(join_all((0..20).map(|_| north.participant(FOURTEEN))).await);
            enroll(&north, &north.cohort, &people).await;
            meet(&north, &north.cohort, "2026-02-02T22:00:00Z", &people, 15).await;
            let mut answers = BTreeMap::new();
            for what in [first, "participation", "attendance"] {
                let reply = ask(north.role("analyst"), what).await;
                if reply.status == 200 {
                    answers.insert(what, reply.json());
                }
            }
            let (Some(margins), Some(table)) =
                (answers.get("participation"), answers.get("attendance"))
            else {
                return;
            };
            is_sound(table);
            // What the one shows of a band or of all, the other has hidden in vain.
            let mut table = table.clone();
            let known = bands(&margins["age_bands"]);
            for cell in table["age_bands"].as_array_mut().unwrap() {
                if let Some(count) = known[cell["age_band"].as_str().unwrap()] {
                    cell["participants"] = json!(count);
                }
            }
            if table["total"]["participants"].is_null() {
                table["total"] = margins["total"].clone();
            }
            is_sound(&table);
        });
    }
}

#[test]
fn codes_joined_across_two_answers_tell_no_hidden_cell() {
    for wide_first in [true, false] {
        let (options, _) = at(BEGIN);
        run_with(options, async |app| {
            let north = Programme::new(app, "north").await;
            let tuesdays = cohort(&north, "Tuesdays").await;
            crowd(&north, &north.cohort, &[(TWELVE, 17), (FOURTEEN, 3)]).await;
            crowd(&north, &tuesdays, &[(FOURTEEN, 20)]).await;
            let mut questions =
                ["participation".to_owned(), format!("participation?cohort_id={}", north.cohort)];
            if !wide_first {
                questions.reverse();
            }
            let mut known = BTreeMap::new();
            let mut narrow = json!(null);
            for question in &questions {
                let reply = ask(north.role("analyst"), question).await;
                if reply.status == 409 {
                    continue;
                }
                let answer = reply.json();
                for (code, band) in listed(&answer) {
                    if let Some(band) = band {
                        known.insert(code, band);
                    }
                }
                if question.contains("cohort_id") {
                    narrow = answer;
                }
            }
            if narrow.is_null() {
                return;
            }
            assert_eq!(bands(&narrow["age_bands"])["14-15"], None, "three are too few: {narrow}");
            let solved = listed(&narrow)
                .keys()
                .filter(|code| known.get(*code).is_some_and(|b| b == "14-15"))
                .count();
            assert_ne!(
                solved, 3,
                "the hidden cell is 3: its codes have their bands in the wider answer"
            );
        });
    }
}

#[test]
fn d05_two_selections_that_differ_by_one_person_are_not_both_answered() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let south = Programme::new(app, "south").await;
        for (place, small_first) in [(&north, true), (&south, false)] {
            let tuesdays = cohort(place, "Tuesdays").await;
            let people = crowd(place, &place.cohort, &[(TWELVE, 14)]).await;
            let odd = place.consented(TWELVE).await;
            enroll(place, &tuesdays, &people).await;
            enroll(place, &tuesdays, std::slice::from_ref(&odd)).await;
            let everybody: Vec<_> = people.iter().cloned().chain([odd]).collect();
            meet(place, &tuesdays, "2026-02-03T22:00:00Z", &everybody, everybody.len()).await;
            let small = format!("?cohort_id={}", place.cohort);
            let large = format!("?cohort_id={tuesdays}");
            let (first, second) = if small_first { (small, large) } else { (large, small) };
            let analyst = place.role("analyst");
            let answer = ask(analyst, &format!("participation{first}")).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let shown = if small_first { 14 } else { 15 };
            assert_eq!(answer.json()["total"]["participants"], shown, "{}", answer.text);
            // Whoever asks for the other, and in whatever way.
            for who in ["analyst", "program_manager", "admin"] {
                for what in ["participation", "attendance"] {
                    let reply = ask(place.role(who), &format!("{what}{second}")).await;
                    assert_eq!(
                        reply.problem(),
                        "409 selection_too_close",
                        "{who} {what}: {}",
                        reply.text
                    );
                    let said = reply.json()["detail"].as_str().unwrap().to_owned();
                    assert!(
                        !said.contains(|c: char| c.is_ascii_digit()),
                        "how many is not said: {said}"
                    );
                }
            }
            // One more joins; the same question is not answered anew.
            if small_first {
                let newcomer = place.consented(SIXTEEN).await;
                enroll(place, &place.cohort, std::slice::from_ref(&newcomer)).await;
                meet(
                    place,
                    &place.cohort,
                    "2026-02-04T22:00:00Z",
                    std::slice::from_ref(&newcomer),
                    1,
                )
                .await;
                for _ in 0..2 {
                    let again = ask(analyst, &format!("participation{first}")).await;
                    assert!(again.status == 409 || again.json() == answer.json(), "{}", again.text);
                }
                let reply =
                    ask(analyst, &format!("participation{first}&from=2026-02&to=2026-03")).await;
                assert!(reply.status == 409, "the same by months: {}", reply.text);
            }
        }
    });
}

#[test]
fn d06_a_code_is_stable_and_no_hash_of_anything_about_the_person() {
    let (options, hand) = at(BEGIN);
    let second = options.clone();
    run_with(options, async |app| {
        let replica = app.add_replica(&second).await;
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let people = crowd(&north, &north.cohort, &[(TWELVE, 11)]).await;
        crowd(&south, &south.cohort, &[(TWELVE, 11)]).await;
        let analyst = north.role("analyst");
        let codes: BTreeSet<_> =
            listed(&ask(analyst, "participation").await.json()).into_keys().collect();
        assert_eq!(codes.len(), 11);
        let elsewhere = listed(&ask(&analyst.at(app.url(replica)), "participation").await.json());
        assert_eq!(elsewhere.into_keys().collect::<BTreeSet<_>>(), codes, "on another replica");
        // Nothing about the person makes it: they are renamed, born elsewhere, and keep their codes.
        let admin = north.role("admin");
        for id in &people {
            let change = json!({"first_name": "Zoe", "last_name": "Quist", "date_of_birth": "2013-05-11", "external_id": id});
            let reply = admin.patch(&format!("/participants/{id}"), &change).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
        }
        hand.advance(hours(24));
        let later = listed(&ask(analyst, "participation").await.json());
        assert_eq!(later.into_keys().collect::<BTreeSet<_>>(), codes);
        let souths = listed(&ask(south.role("analyst"), "participation").await.json());
        assert!(souths.keys().all(|code| !codes.contains(code)));
        // Every value of every row about these people, alone and under a few obvious keys.
        let values = "select distinct v.value from (
              select to_jsonb(p) as row from programs.participant p union all select to_jsonb(g) from programs.guardian g
              union all select to_jsonb(e) from programs.enrollment e union all select to_jsonb(c) from kernel.consent c
              union all select jsonb_build_object('n', p.first_name || ' ' || p.last_name, 'm', p.first_name || p.last_name || p.date_of_birth,
                    'o', p.last_name || p.first_name, 't', p.tenant_id::text || p.id::text, 'u', p.tenant_id::text || p.deid_id::text)
                from programs.participant p) t,
              jsonb_each_text(t.row) v where v.value is not null";
        let values = app.ask(values).await;
        assert!(values.len() > 50);
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let tenant = north.tenant.id.to_string();
        let keys = ["", "salt", "KATA", "secret", testkit::SECRET, tenant.as_str(), "participant"];
        assert!(
            codes.iter().all(|code| code.len() >= 16),
            "a short code can be guessed: {codes:?}"
        );
        for value in &values {
            let mut inputs = vec![value.as_bytes().to_vec()];
            inputs.extend(value.parse::<uuid::Uuid>().map(|id| id.as_bytes().to_vec()));
            for input in inputs {
                let mut hashes = vec![hex(&input), sha256(&String::from_utf8_lossy(&input))];
                hashes.push(hex(digest::digest(&digest::SHA256, &input).as_ref()));
                hashes.push(hex(digest::digest(&digest::SHA512, &input).as_ref()));
                hashes
                    .push(hex(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &input).as_ref()));
                for key in keys {
                    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
                    hashes.push(hex(hmac::sign(&key, &input).as_ref()));
                }
                for hash in hashes {
                    for code in &codes {
                        let code = code.to_lowercase();
                        assert!(!hash.contains(&code), "{code} is a hash of {value}");
                    }
                }
            }
        }
        let md5 = values
            .iter()
            .map(|value| format!("md5('{}')", value.replace('\'', "''")))
            .collect::<Vec<_>>();
        for hash in app.ask(&format!("select unnest(array[{}])", md5.join(","))).await {
            assert!(!codes.contains(&hash));
        }
    });
}

#[test]
fn k085_a_code_changes_with_the_salt_and_two_of_one_name_have_two() {
    let salted = |salt: &str| {
        let settings = [("KATA_DEID_SALT".to_owned(), salt.to_owned())];
        Options { settings: settings.into_iter().collect(), ..at(BEGIN).0 }
    };
    let first = salted("0123456789abcdef0123456789abcdef");
    let (same, other) = (first.clone(), salted("fedcba9876543210fedcba9876543210"));
    run_with(first, async |app| {
        let (twin, another) = (app.add_replica(&same).await, app.add_replica(&other).await);
        let north = Programme::new(app, "north").await;
        // All are Ava Reyes, of one birth date and one guardian.
        crowd(&north, &north.cohort, &[(TWELVE, 12)]).await;
        let names = app.ask("select count(distinct (first_name, last_name, date_of_birth)) from programs.participant").await;
        assert_eq!(names, ["1"]);
        let analyst = north.role("analyst");
        let ask_at = async |replica: usize| {
            let reply = ask(&analyst.at(app.url(replica)), "participation").await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            let in_order: Vec<_> = reply.json()["participants"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["participant_code"].as_str().unwrap().to_owned())
                .collect();
            // In the order of their codes: any other would be that of the roster or of the enrolling.
            assert!(in_order.is_sorted(), "{in_order:?}");
            in_order.into_iter().collect::<BTreeSet<_>>()
        };
        let codes = ask_at(0).await;
        assert_eq!(codes.len(), 12, "two of one name are two");
        assert_eq!(ask_at(twin).await, codes, "one salt, one code");
        let others = ask_at(another).await;
        assert_eq!(others.len(), 12);
        assert!(others.is_disjoint(&codes), "another salt, other codes");
        assert_eq!(ask_at(0).await, codes);
    });
}

#[test]
fn k090_who_may_not_read_analytics_is_refused_on_record() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        crowd(&north, &north.cohort, &[(TWELVE, 11)]).await;
        let matrix = reeve::registry().unwrap().matrix;
        let mut refused = vec![];
        for role in matrix.names("programs") {
            for what in ["participation", "attendance", "outcomes"] {
                let reply = ask(north.role(role), what).await;
                if matrix.permits(matrix.role("programs", role), "analytics:read_deid") {
                    assert_eq!(reply.status, 200, "{role} {what}: {}", reply.text);
                    assert_eq!(reply.header("cache-control"), Some("no-store"), "{role} {what}");
                } else {
                    assert_eq!(reply.problem(), "403 forbidden", "{role} {what}");
                    assert!(!reply.text.contains("participant_code"));
                    let id = reply.header("x-request-id").unwrap();
                    let entry = format!(
                        "select outcome || ' ' || permission || ' ' || actor_id from audit.entry where request_id = '{id}'"
                    );
                    let expected = format!("refused analytics:read_deid {}", north.role(role).id);
                    assert_eq!(app.ask(&entry).await, [expected], "{role} {what}");
                    refused.push(role);
                }
            }
        }
        refused.dedup();
        assert_eq!(refused, ["case_manager", "clinician", "instructor"]);
        let reply = ask(&app.anonymous(), "participation").await;
        assert_eq!(reply.problem(), "401 unauthenticated");
        // Nor somebody of another realm.
        let clinic = app.tenant("clinic").await;
        for who in [&clinic.admin, &clinic.auditor] {
            let reply = ask(who, "participation").await;
            assert!([403, 404].contains(&reply.status), "{}", reply.text);
        }
    });
}

#[test]
fn ten_are_hidden_and_eleven_are_shown() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let mut people = crowd(&north, &north.cohort, &[(TWELVE, 10)]).await;
        let analyst = north.role("analyst");
        for what in ["participation", "attendance"] {
            let reply = ask(analyst, what).await;
            let hidden = reply.status == 409 || reply.json()["total"]["participants"].is_null();
            assert!(
                hidden && !reply.text.contains("participant_code"),
                "{what} of ten: {}",
                reply.text
            );
        }
        let one = crowd(&north, &north.cohort, &[(TWELVE, 1)]).await;
        people.extend(one);
        let reply = ask(analyst, "participation").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let answer = reply.json();
        assert_eq!(
            (&answer["threshold"], &answer["total"]["participants"]),
            (&json!(11), &json!(11))
        );
        assert_eq!(bands(&answer["age_bands"])["12-13"], Some(11));
        assert_eq!(answer["sessions_attended"], 11);
        assert_eq!(listed(&answer).len(), 11);
        // And an odd selection of nobody at all tells nothing.
        let nobody = uuid::Uuid::now_v7();
        let reply = ask(analyst, &format!("participation?cohort_id={nobody}")).await;
        assert!([200, 404].contains(&reply.status), "{}", reply.text);
        assert!(!reply.text.contains("participant_code"));
    });
}

#[test]
fn a_raised_threshold_hides_what_is_now_too_few() {
    let (options, _) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        crowd(&north, &north.cohort, &[(TWELVE, 11)]).await;
        let analyst = north.role("analyst");
        assert_eq!(ask(analyst, "participation").await.json()["total"]["participants"], 11);
        // The threshold rises: what was eleven is too few, whoever asked before.
        let reply =
            north.role("admin").patch("/programs/settings", &json!({"cell_threshold": 12})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        // Questions that were not asked before, then the one that was.
        for what in ["attendance", "participation"] {
            for path in [format!("{what}?program_id={}", north.program), what.to_owned()] {
                let reply = ask(analyst, &path).await;
                if reply.status == 409 {
                    continue;
                }
                let answer = reply.json();
                assert_eq!(answer["threshold"], 12);
                assert!(answer["total"]["participants"].is_null(), "{path}: {answer}");
                assert!(
                    answer["participants"].as_array().is_none_or(Vec::is_empty),
                    "{path} lists eleven: {answer}"
                );
                assert!(answer["sessions_attended"].is_null(), "{path}: {answer}");
            }
        }
    });
}

#[test]
fn analytics_of_one_tenant_count_nobody_of_another() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        crowd(&north, &north.cohort, &[(TWELVE, 11)]).await;
        for what in ["participation", "attendance", "outcomes"] {
            for query in [
                String::new(),
                format!("?cohort_id={}", north.cohort),
                format!("?program_id={}", north.program),
            ] {
                let reply = ask(south.role("analyst"), &format!("{what}{query}")).await;
                assert_eq!(
                    (reply.status, &reply.json()["total"]["participants"]),
                    (200, &json!(0)),
                    "{}",
                    reply.text
                );
            }
        }
    });
}
