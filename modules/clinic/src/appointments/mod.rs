//! Appointments: a time with a doctor (M-024…M-054).

mod docs;
mod http;
pub(crate) mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

pub(crate) use http::create;
pub use http::{Appointment, AppointmentBody};

use crate::permissions::{ReadAppointment, WriteAppointment};

pub fn routes(routes: &mut Routes) {
    routes.post(WriteAppointment, "/v1/appointments", http::create, docs::CREATE);
    routes.get(ReadAppointment, "/v1/appointments", http::list, docs::LIST);
    routes.get(ReadAppointment, "/v1/appointments/{id}", http::read, docs::READ);
    routes.patch(WriteAppointment, "/v1/appointments/{id}", http::change, docs::CHANGE);
    routes.delete(WriteAppointment, "/v1/appointments/{id}", http::remove, docs::REMOVE);
}
