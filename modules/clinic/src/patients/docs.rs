//! What the OpenAPI document says of patients.

use kernel::http::Docs;
use serde_json::{Value, json};

pub(super) const CREATE: Docs = Docs::new(
    "patients",
    "Create a patient",
    "Crea un paciente. El documento (tipo y número) es único en la organización.",
)
.status(201)
.example(example)
.required(&["eventType", "actionType", "docTypeId", "docNumber", "firstName", "lastName"]);

pub(super) const LIST: Docs = Docs::new(
    "patients",
    "List patients",
    "Lista de pacientes, en el orden en que fueron creados. Los filtros se suman. `custom_fields.CLAVE=valor` \
     busca por igualdad de una clave; `custom_fields={…}` por contenido.",
);

pub(super) const READ: Docs =
    Docs::new("patients", "Read a patient", "La lectura queda registrada en la auditoría.");

pub(super) const CHANGE: Docs = Docs::new(
    "patients",
    "Change a patient",
    "Cambia solo los campos enviados: un campo ausente se conserva, uno nulo se borra. `customFields` se \
     reemplaza entero.",
)
.example(|| json!({"email": "ana.rojas@example.org", "phones": ["+57 300 555 0142"]}));

pub(super) const REMOVE: Docs = Docs::new(
    "patients",
    "Delete a patient",
    "Retira el paciente: deja de ser visible. La historia clínica se conserva por ley (Res. 839 de 2017).",
)
.status(204);

/// The payload of the document.
fn example() -> Value {
    json!({
        "eventType": "PATIENT",
        "actionType": "CREATE",
        "docTypeId": "CC",
        "docNumber": "1020304050",
        "firstName": "Ana",
        "middleName": "María",
        "lastName": "Rojas",
        "secondLastName": "Peña",
        "birthDate": "1990-02-28",
        "genderId": "F",
        "phones": ["+57 300 555 0142"],
        "email": "ana@example.org",
        "epsId": "EPS010",
        "habeasData": true,
        "customFields": {"plan": "gold", "referredBy": "n8n"},
    })
}
