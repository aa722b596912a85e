//! Statements of registration.

use kernel::{db::Done, privacy::Pii, statements};
use uuid::Uuid;

statements! {
    /// That somebody was born on this day, sealed under their key.
    fn insert_citizen(id: Uuid, born: Pii<String>) -> Done
        = "insert into civic.citizen (tenant_id, id, date_of_birth) values (kernel.tenant(), $1, kernel.seal($1, $2))
           returning true as done";
}
