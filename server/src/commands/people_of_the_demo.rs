//! People who do not exist, and their appointments: the same ones at every start.

use serde_json::{Value, json};

const FIRST: &[&str] = &[
    "María",
    "José",
    "Luz",
    "Juan",
    "Ana",
    "Carlos",
    "Sandra",
    "Luis",
    "Diana",
    "Jorge",
    "Paola",
    "Andrés",
    "Claudia",
    "Miguel",
    "Valentina",
    "Camilo",
    "Natalia",
    "Santiago",
    "Laura",
    "Felipe",
    "Gloria",
    "Héctor",
    "Yolanda",
    "Iván",
];
const MIDDLE: &[&str] =
    &["Fernanda", "David", "Marina", "Esteban", "Lucía", "Alberto", "Sofía", "Eduardo", "Isabel"];
const LAST: &[&str] = &[
    "Rodríguez",
    "Gómez",
    "González",
    "Martínez",
    "García",
    "López",
    "Hernández",
    "Sánchez",
    "Ramírez",
    "Pérez",
    "Díaz",
    "Muñoz",
    "Rojas",
    "Moreno",
    "Jiménez",
    "Vargas",
    "Torres",
    "Castro",
    "Gutiérrez",
    "Álvarez",
    "Ruiz",
    "Suárez",
    "Quintero",
    "Cárdenas",
    "Peña",
    "Ñáñez",
    "Beltrán",
    "Ospina",
];
const INSURERS: &[&str] = &["EPS002", "EPS005", "EPS008", "EPS010", "EPS017", "EPS037"];
const REASONS: &[&str] = &["CHECKUP", "FOLLOWUP", "ROUTINE", "EMERGENCY"];
const DOCTORS: usize = 40;

/// The `n`th number of a fixed sequence for one purpose (splitmix64).
pub fn pick(n: usize, purpose: u64) -> usize {
    let mut x = (n as u64).wrapping_add(purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for multiplier in [0xBF58_476D_1CE4_E5B9_u64, 0x94D0_49BB_1331_11EB] {
        x = (x ^ (x >> 30)).wrapping_mul(multiplier);
    }
    usize::try_from((x ^ (x >> 31)) >> 1).unwrap_or(0)
}

pub fn of<'a>(list: &'a [&'a str], n: usize, purpose: u64) -> &'a str {
    list.get(pick(n, purpose) % list.len()).copied().unwrap_or_default()
}

fn number(n: usize) -> String {
    format!("{}", 1_000_000_000 + n * 7919)
}

pub fn patient(n: usize) -> Value {
    let (first, last) = (of(FIRST, n, 1), of(LAST, n, 2));
    let born =
        format!("{}-{:02}-{:02}", 1935 + pick(n, 3) % 90, 1 + pick(n, 4) % 12, 1 + pick(n, 5) % 28);
    json!({
        "eventType": "PATIENT",
        "actionType": "CREATE",
        "docTypeId": if born.as_str() > "2008" { "TI" } else { "CC" },
        "docNumber": number(n),
        "firstName": first,
        "middleName": n.is_multiple_of(3).then(|| of(MIDDLE, n, 6)),
        "lastName": last,
        "secondLastName": of(LAST, n, 7),
        "birthDate": born,
        "genderId": if pick(n, 8).is_multiple_of(2) { "F" } else { "M" },
        "phones": [format!("+5730{:08}", pick(n, 9) % 100_000_000)],
        "email": format!("paciente{n}@example.org"),
        "epsId": of(INSURERS, n, 10),
        "habeasData": true,
        "customFields": {"plan": if n.is_multiple_of(10) { "gold" } else { "basic" }, "fila": n},
    })
}

/// Half an hour each: forty doctors, sixteen places a day, from 8:00 in Bogotá on.
pub fn appointment(n: usize) -> Value {
    let (doctor, slot) = (n % DOCTORS, n / DOCTORS);
    let (day, half_hour) = (slot / 16, slot % 16);
    let start = format!("{:02}:{:02}", 8 + half_hour / 2, 30 * (half_hour % 2));
    let end = format!("{:02}:{:02}", 8 + half_hour.div_ceil(2), 30 * ((half_hour + 1) % 2));
    let date = format!("2026-{:02}-{:02}", 1 + day / 28 % 12, 1 + day % 28);
    json!({
        "eventType": "APPOINTMENT",
        "actionType": "CREATE",
        "startAppointment": format!("{date}T{start}:00-05:00"),
        "endAppointment": format!("{date}T{end}:00-05:00"),
        "patientDocTypeId": "CC",
        "patientDocNumber": number(n),
        "doctorDocTypeId": "CC",
        "doctorDocNumber": format!("{}", 79_000_000 + doctor),
        "modality": if pick(n, 11).is_multiple_of(5) { "virtual" } else { "presencial" },
        "state": if day < 10 { "fulfilled" } else { "booked" },
        "notificationState": "sent",
        "appointmentType": of(REASONS, n, 12),
        "clinicId": "sede-principal",
        "customFields": {"canal": if n.is_multiple_of(2) { "whatsapp" } else { "web" }},
    })
}
