//! The people of a tenant: invited, given a role, disabled; and what each may see and change of
//! themselves. Somebody's address is unique in a tenant and nowhere else (S-026).

mod http;
mod newcomer;
mod operator;
mod rules;
pub(crate) mod sql;

pub use http::PersonView;
pub use newcomer::{Asked, Newcomer};
pub use operator::{NewAccount, People};
pub(crate) use rules::plain;

use serde_json::json;

use crate::{
    authz::Permission,
    http::{Docs, Routes},
    permissions,
    sessions::{EndSessions, ReadSessions},
};

permissions! {
    /// See one's own account.
    ReadSelf = "self:read", Discloses;
    /// Change one's own account and password.
    OwnAccount = "self:write", Writes;
    /// See the people of the tenant.
    ReadPeople = "user:read", Discloses;
    /// Invite people, change their roles, disable them.
    ManagePeople = "user:write", Writes;
}

/// What every role of every realm may do about itself.
pub(crate) const OWN: &[&str] =
    &[ReadSelf::NAME, OwnAccount::NAME, ReadSessions::NAME, EndSessions::NAME];

const TAG: &str = "users";
const ME: Docs = Docs::new("auth", "Who am I", "For people and API keys of every realm (C-09).");
const CHANGE_ME: Docs = Docs::new(
    "auth",
    "Change one's own account",
    "Name, phone, language. One's role and standing are others' to change.",
)
.example(|| json!({"phone": "+27 11 555 0100"}));
const LIST: Docs = Docs::new(
    TAG,
    "List people",
    "By the order in which they came. `deleted` shows removed accounts too and needs `user:write`.",
);
const INVITE: Docs = Docs::new(
    TAG,
    "Invite somebody",
    "The answer holds a code, shown once and good for three days, with which they set a password at \
     `POST /auth/password/reset`. Nobody gives a role that holds more than their own.",
)
.status(201)
.example(|| json!({"email": "new@example.org", "full_name": "Nadia New", "role": "reader"}));
const FIND: Docs = Docs::new(TAG, "See somebody's account", "");
const CHANGE: Docs = Docs::new(
    TAG,
    "Change somebody's account",
    "A new role ends their sessions; a role taken away (`null`) leaves them signed in and allowed \
     nothing. The last of those who manage people keeps that right: 409.",
)
.example(|| json!({"full_name": "Nadia Newman"}));
const REMOVE: Docs = Docs::new(
    TAG,
    "Remove somebody's account",
    "It stays in the ledger; the address is free again.",
)
.status(204);
const RESET: Docs = Docs::new(
    TAG,
    "Make a code to reset somebody's password",
    "Shown once, good for an hour; the password stays as it is until the code is used.",
)
.status(201)
.example(|| json!({}));

pub(crate) fn routes(routes: &mut Routes) {
    routes.get(ReadSelf, "/auth/me", http::me, ME);
    routes.patch(OwnAccount, "/auth/me", http::change_me, CHANGE_ME);
    routes.get(ReadPeople, "/auth/users", http::list, LIST);
    routes.post(ManagePeople, "/auth/users", http::invite, INVITE);
    routes.get(ReadPeople, "/auth/users/{id}", http::find, FIND);
    routes.patch(ManagePeople, "/auth/users/{id}", http::change, CHANGE);
    routes.delete(ManagePeople, "/auth/users/{id}", http::remove, REMOVE);
    routes.post(ManagePeople, "/auth/users/{id}/reset", http::reset, RESET);
}
