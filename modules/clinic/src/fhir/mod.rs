//! The clinic's records as HL7 FHIR R4 has them, for those who speak it: the same records, rules, gates and ledger.

pub mod appointments;
mod audit_events;
mod consents;
mod docs;
mod export;
mod http;
pub mod patients;
mod practitioners;
pub mod rules;

use kernel::{audit::ReadAudit, db::Statement, http::Routes};

pub(crate) use appointments::sql::constraints;

use crate::permissions::{
    OrderExport, ReadAppointment, ReadCapabilities, ReadPatient, WriteAppointment, WritePatient,
};

pub fn routes(routes: &mut Routes) {
    let (patients, patient) = ("/fhir/r4/Patient", "/fhir/r4/Patient/{id}");
    let (appointments, appointment) = ("/fhir/r4/Appointment", "/fhir/r4/Appointment/{id}");
    routes.get(ReadCapabilities, "/fhir/r4/metadata", http::metadata, docs::METADATA);
    {
        use self::patients::http;
        routes.get(ReadPatient, patients, http::list, docs::SEARCH_PATIENTS);
        routes.post(WritePatient, patients, http::create, docs::CREATE_PATIENT);
        routes.get(ReadPatient, patient, http::read, docs::READ_PATIENT);
        routes.put(WritePatient, patient, http::replace, docs::REPLACE_PATIENT);
    }
    {
        use self::appointments::http;
        routes.get(ReadAppointment, appointments, http::list, docs::SEARCH_APPOINTMENTS);
        routes.post(WriteAppointment, appointments, http::create, docs::CREATE_APPOINTMENT);
        routes.get(ReadAppointment, appointment, http::read, docs::READ_APPOINTMENT);
        routes.put(WriteAppointment, appointment, http::replace, docs::REPLACE_APPOINTMENT);
    }
    let (practitioners, practitioner) = ("/fhir/r4/Practitioner", "/fhir/r4/Practitioner/{id}");
    let (consents, consent) = ("/fhir/r4/Consent", "/fhir/r4/Consent/{id}");
    let read = self::practitioners::http::read;
    let list = self::practitioners::http::list;
    routes.get(ReadAppointment, practitioners, list, docs::SEARCH_PRACTITIONERS);
    routes.get(ReadAppointment, practitioner, read, docs::READ_PRACTITIONER);
    routes.get(ReadPatient, consents, self::consents::http::list, docs::SEARCH_CONSENTS);
    routes.get(ReadPatient, consent, self::consents::http::read, docs::READ_CONSENT);
    export_routes(routes);
    let list = audit_events::http::list;
    routes.get(ReadAudit, "/fhir/r4/AuditEvent", list, docs::SEARCH_AUDIT_EVENTS);
}

fn export_routes(routes: &mut Routes) {
    use self::export::http;
    routes.get(OrderExport, "/fhir/r4/$export", http::of_all, docs::EXPORT);
    routes.get(OrderExport, "/fhir/r4/Patient/$export", http::of_patients, docs::EXPORT_PATIENTS);
    routes.get(OrderExport, "/fhir/r4/export-status/{id}", http::status, docs::EXPORT_STATUS);
    let (docs, files) = (docs::EXPORT_FILE, "/fhir/r4/export-files/Patient/{id}");
    routes.get(ReadPatient, files, http::file_of_patients, docs);
    let files = "/fhir/r4/export-files/Appointment/{id}";
    routes.get(ReadAppointment, files, http::file_of_appointments, docs);
    let files = "/fhir/r4/export-files/Consent/{id}";
    routes.get(ReadPatient, files, http::file_of_consents, docs);
    let files = "/fhir/r4/export-files/Practitioner/{id}";
    routes.get(ReadAppointment, files, http::file_of_practitioners, docs);
}

/// Every statement of this folder.
pub(crate) fn statements() -> Vec<&'static Statement> {
    let all =
        [patients::sql::ALL, appointments::sql::ALL, practitioners::sql::ALL, consents::sql::ALL];
    all.concat()
}
