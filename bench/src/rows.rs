//! The rows of the table: each as a request to Reeve and as the same statement for pgbench.
//!
//! The SQL is never typed again. It is taken from the server's own registry by name, and its `$1`,
//! `$2`, … are replaced by values. pgbench can make whole numbers only, so an id and a document
//! number come from one by `lpad` and `replace`, which cost it well under a hundredth.

use std::net::SocketAddr;

use crate::{Outcome, http, load::scatter, stand::Clinic};

/// A kind of work.
pub struct Row {
    /// Its name on the command line.
    pub key: &'static str,
    pub title: &'static str,
    /// The least that Reeve should reach of pgbench's pipelined rate.
    pub target: Option<f64>,
    pub p99_target_ms: Option<f64>,
    /// The answer's status.
    pub status: u16,
    permission: &'static str,
    statement: &'static str,
    searches: bool,
    path: fn(Numbers) -> String,
    body: fn(Numbers) -> String,
    /// What stands for each parameter of the statement; `:n` is a number in pgbench's script.
    values: &'static [&'static str],
}

/// What a request is made from: its number, and how many patients there are.
#[derive(Clone, Copy)]
pub struct Numbers {
    pub n: u64,
    pub patients: u64,
}

impl Numbers {
    /// One of the patients, scattered.
    fn patient(self) -> u64 {
        1 + scatter(self.n) % self.patients.max(1)
    }
}

/// How the ids of the patients begin that the bench fills in: UUIDv7 (RFC 9562 section 5.7).
pub const ID_STEM: &str = "01970000000070008000";

/// The id of a patient, without hyphens: the number in its last twelve digits.
fn id(patient: u64) -> String {
    format!("{ID_STEM}{patient:012}")
}

const NOTHING: &str = "null";
const ANYBODY: &str = "('01970000000070008000' || lpad(:n::text, 12, '0'))::uuid";
const NEW_ID: &str = "('01980000000070008000' || lpad(:n::text, 12, '0'))::uuid";
const APPOINTMENT: &str = "replace(:columns, '@', (5000000000000 + :n)::text)::jsonb";
const COLUMNS: &str = r#"{"start_utc":"2027-03-01T14:00:00Z","end_utc":"2027-03-01T14:30:00Z","patient_doc_type_id":"CC","patient_doc_number":"1000000000","doctor_doc_type_id":"CC","doctor_doc_number":"@","modality":"in_person","state":"booked","appointment_type":"CHECKUP","clinic_id":"sede-principal"}"#;

/// A time with a doctor of its own for each `n`, so that no two meet.
fn appointment(numbers: Numbers) -> String {
    serde_json::json!({
        "eventType": "APPOINTMENT", "actionType": "CREATE",
        "startAppointment": "2027-03-01T09:00:00-05:00", "endAppointment": "2027-03-01T09:30:00-05:00",
        "patientDocTypeId": "CC", "patientDocNumber": "1000000000",
        "doctorDocTypeId": "CC", "doctorDocNumber": format!("{}", 3_000_000_000_000 + numbers.n),
        "modality": "in_person", "state": "booked", "appointmentType": "CHECKUP",
        "clinicId": "sede-principal", "customFields": {"canal": "web"},
    })
    .to_string()
}

/// All of them, in the table's order.
pub const ROWS: [Row; 4] = [
    Row {
        key: "read",
        title: "read by id",
        target: Some(0.55),
        p99_target_ms: Some(5.0),
        status: 200,
        permission: "patient:read",
        statement: "find_patient",
        searches: false,
        path: |n| format!("/v1/patients/{}", id(n.patient())),
        body: |_| String::new(),
        values: &[ANYBODY],
    },
    Row {
        key: "write",
        title: "write",
        target: Some(0.65),
        p99_target_ms: None,
        status: 201,
        permission: "appointment:write",
        statement: "insert_appointment",
        searches: false,
        path: |_| "/v1/appointments".into(),
        body: appointment,
        values: &[NEW_ID, APPOINTMENT, r#"'{"canal":"web"}'::jsonb"#],
    },
    Row {
        key: "page",
        title: "page of 50",
        target: Some(0.8),
        p99_target_ms: None,
        status: 200,
        permission: "patient:read",
        statement: "list_patients",
        searches: false,
        path: |_| "/v1/patients?limit=50".into(),
        body: |_| String::new(),
        values: &[
            "'00000000-0000-0000-0000-000000000000'::uuid",
            "51::bigint",
            NOTHING,
            NOTHING,
            NOTHING,
        ],
    },
    Row {
        key: "search",
        title: "search by custom field",
        target: None,
        p99_target_ms: None,
        status: 200,
        permission: "patient:read",
        statement: "search_patients",
        searches: true,
        path: |n| format!("/v1/patients?custom_fields.fila={}", 1_000_000_000 + n.patient()),
        body: |_| String::new(),
        values: &[
            "'00000000-0000-0000-0000-000000000000'::uuid",
            "51::bigint",
            NOTHING,
            NOTHING,
            NOTHING,
        ],
    },
];

impl Row {
    /// The request to Reeve.
    pub fn request(&self, key: &str, numbers: Numbers) -> Vec<u8> {
        let method = if self.status == 201 { "POST" } else { "GET" };
        http::request(method, &(self.path)(numbers), key, &(self.body)(numbers))
    }

    /// One such request, whose answer must be good.
    pub async fn try_once(&self, address: SocketAddr, key: &str, numbers: Numbers) -> Outcome<()> {
        let mut connection = http::Connection::open(address).await?;
        let (status, body) = connection.ask(&self.request(key, numbers)).await?;
        let found = body.matches("\"doc_type_id\"").count();
        match (status == self.status, self.key) {
            (true, "page") if found != 50 => Err(format!("{found} on a page of 50").into()),
            (true, "search") if found != 1 => Err(format!("{found} found, not one").into()),
            (true, _) => Ok(()),
            (false, _) => Err(format!("{} answers {status}: {body}", self.title).into()),
        }
    }

    /// What pgbench is given by `-D`: texts with a colon in them, which a script may not hold.
    pub fn variables(&self) -> [String; 3] {
        [
            format!("permission={}", self.permission),
            format!("columns={COLUMNS}"),
            r#"search={"custom_fields":{"fila":@},"phones":[]}"#.into(),
        ]
    }

    /// pgbench's script: the transaction that Reeve sends, in one pipeline or one by one.
    pub fn script(
        &self,
        clinic: &Clinic,
        patients: u64,
        first: u64,
        pipelined: bool,
    ) -> Outcome<String> {
        let registry = reeve::registry()?;
        let sql = |name: &str| {
            let found = registry.statements.iter().find(|statement| statement.name == name);
            found.map(|statement| statement.sql).ok_or(format!("there is no statement {name}"))
        };
        let search = match self.searches {
            true => "replace(:search, '@', (1000000000 + :n)::text)",
            false => NOTHING,
        };
        let tenant = format!("'{}'::uuid", clinic.tenant);
        let role = if self.searches { "'reeve_search'" } else { "'none'" };
        let request = "'01970000-0000-7000-8000-00000000beef'::uuid";
        let context = [
            &tenant,
            "'api_key'",
            &tenant,
            ":permission",
            request,
            "'127.0.0.1'",
            "'bench'",
            search,
            role,
            "''",
            "null",
        ];
        let number = match self.status {
            // Ever new ones, which no two clients share.
            201 => format!("\\set k :k + 1\n\\set n {first} + :k * 32 + :client_id\n"),
            _ => format!("\\set n random(1, {patients})\n"),
        };
        let (open, close) =
            if pipelined { ("\\startpipeline\n", "\\endpipeline\n") } else { ("", "") };
        Ok(format!(
            "{number}{open}begin;\n{};\n{};\ncommit;\n{close}",
            fill(sql("set_context")?, &context)?,
            fill(sql(self.statement)?, self.values)?,
        ))
    }
}

/// The SQL with `values` in place of its parameters, on one line.
fn fill(sql: &str, values: &[&str]) -> Outcome<String> {
    let mut filled = String::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('$') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = after.split_at(digits);
        let place = number.parse::<usize>()?.checked_sub(1).ok_or("there is no $0")?;
        let value = values.get(place).ok_or_else(|| format!("no value for ${number}"))?;
        filled = filled + before + value;
        rest = behind;
    }
    Ok((filled + rest).split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_values_and_ten_is_not_one() {
        let values: Vec<String> = (1..=10).map(|n| format!("v{n}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        assert_eq!(
            fill("a = $1::text\n  and b = $10", &values).unwrap(),
            "a = v1::text and b = v10"
        );
        assert!(fill("$11", &values).is_err());
    }

    #[test]
    fn every_row_finds_its_statements() {
        let clinic =
            Clinic { tenant: "01970000-0000-7000-8000-000000000000".into(), key: "k".into() };
        for row in &ROWS {
            assert!(row.script(&clinic, 10, 0, true).is_ok(), "{}", row.title);
        }
    }
}
