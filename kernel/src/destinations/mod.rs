//! Destinations of events: where what happened here is told to other systems, and how that went.
//!
//! A module names its [`EventType`]s and announces its tables in a migration (`kernel.announce`); the rest is here. An
//! event is written in the transaction of the change, once for each destination that wants it, and has ids alone. A
//! [`Sender`] tells it until it was heard. docs/decisions/0022-events-leave-the-house.md.

mod docs;
mod http;
mod operator;
mod rules;
mod sender;
mod sign;
pub(crate) mod sql;

pub use http::DeliveryView;
pub use operator::{DestinationFault, replay, test};
pub use sender::Sender;

pub(crate) use sender::SENDER;

use crate::{
    authz::Permission,
    http::{Constraint, Problem, Routes},
    permissions,
};

permissions! {
    /// See where events go, and how that went.
    ReadDestinations = "destination:read", Reads;
    /// Say where events go, and have them sent again.
    WriteDestinations = "destination:write", Writes;
}

/// What may happen to a record and be told.
#[derive(Clone, Copy, Debug)]
pub struct EventType {
    /// `appointment.created`.
    pub name: &'static str,
    /// Who may hear of it: whoever may read the record.
    pub permission: &'static str,
}

/// The kernel's own.
pub(crate) const EVENTS: &[EventType] =
    &[EventType { name: "destination.disabled", permission: ReadDestinations::NAME }];

pub(crate) fn routes(routes: &mut Routes) {
    let (all, one) = ("/api/v1/event-destinations", "/api/v1/event-destinations/{id}");
    routes.get(ReadDestinations, "/api/v1/event-types", http::types, docs::TYPES);
    routes.post(WriteDestinations, all, http::create, docs::CREATE);
    routes.get(ReadDestinations, all, http::list, docs::LIST);
    routes.get(ReadDestinations, one, http::read, docs::READ);
    routes.patch(WriteDestinations, one, http::change, docs::CHANGE);
    routes.delete(WriteDestinations, one, http::remove, docs::REMOVE);
    let rotate = "/api/v1/event-destinations/{id}/rotate-secret";
    routes.post(WriteDestinations, rotate, http::rotate, docs::ROTATE);
    let test = "/api/v1/event-destinations/{id}/test";
    routes.post(WriteDestinations, test, http::test, docs::TEST);
    let since = "/api/v1/event-destinations/{id}/replay";
    routes.post(WriteDestinations, since, http::replay_since, docs::REPLAY_SINCE);
    let deliveries = "/api/v1/event-destinations/{id}/deliveries";
    routes.get(ReadDestinations, deliveries, http::deliveries, docs::DELIVERIES);
    routes.get(ReadDestinations, "/api/v1/event-deliveries/{id}", http::delivery, docs::DELIVERY);
    let replay = "/api/v1/event-deliveries/{id}/replay";
    routes.post(WriteDestinations, replay, http::replay, docs::REPLAY);
}

pub(crate) fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "RV471",
            problem: || {
                let detail = "an organisation has 20 destinations at the most: remove one first";
                Problem::conflict("too_many_destinations", detail)
            },
        },
        Constraint {
            name: "destination_of_its_kind",
            problem: || {
                let detail = "`region` and `access_key_id` belong to a queue, and a queue has both";
                Problem::field(&["body", "region"], "value_error", detail)
            },
        },
    ]
}
