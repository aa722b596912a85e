//! What the OpenAPI document says of appointments.

use kernel::http::Docs;
use serde_json::{Value, json};

pub(super) const CREATE: Docs = Docs::new(
    "appointments",
    "Book an appointment",
    "Agenda una cita. Las horas aceptan cualquier zona (RFC 3339) y se guardan en UTC. Un médico no puede \
     tener dos citas a la vez: 409 `doctor_taken`. Con `overbookReason` y el permiso `appointment:overbook` \
     se agenda de todos modos.",
)
.status(201)
.example(example)
.required(&["eventType", "actionType", "startAppointment", "endAppointment", "patientDocTypeId", "patientDocNumber", "doctorDocTypeId", "doctorDocNumber"]);

pub(super) const LIST: Docs = Docs::new(
    "appointments",
    "List appointments",
    "Lista de citas por hora de inicio. El rango es semiabierto: `from <= start_utc < to`. Los filtros se suman.",
);

pub(super) const READ: Docs = Docs::new(
    "appointments",
    "Read an appointment",
    "La lectura queda registrada en la auditoría.",
);

pub(super) const CHANGE: Docs = Docs::new(
    "appointments",
    "Change an appointment",
    "Cambia solo los campos enviados: un campo ausente se conserva, uno nulo se borra.",
)
.example(|| json!({"state": "confirmada", "notificationState": "enviada"}));

pub(super) const REMOVE: Docs = Docs::new(
    "appointments",
    "Delete an appointment",
    "Retira la cita: deja de ser visible y libera la hora.",
)
.status(204);

/// The payload of the document.
fn example() -> Value {
    json!({
        "eventType": "APPOINTMENT",
        "actionType": "CREATE",
        "startAppointment": "2027-03-01T09:00:00-05:00",
        "endAppointment": "2027-03-01T09:30:00-05:00",
        "patientDocTypeId": "CC",
        "patientDocNumber": "1020304050",
        "doctorDocTypeId": "CC",
        "doctorDocNumber": "79555123",
        "modality": "presencial",
        "state": "booked",
        "notificationState": "pending",
        "appointmentType": "CHECKUP",
        "clinicId": "sede-norte",
        "comment": "Primera consulta",
        "customFields": {"channel": "whatsapp"},
    })
}
