//! Statements of registration.

use kernel::{db::Done, privacy::Pii, statements};
use uuid::Uuid;

statements! {
    /// That somebody was born on this day, sealed under their key.
    fn upsert_citizen(id: Uuid, born: Pii<String>) -> Done
        = "insert into civic.citizen (tenant_id, id, date_of_birth)
           select kernel.tenant(), a.id, kernel.seal(a.id, $2) from kernel.account a
            where a.tenant_id = kernel.tenant() and a.id = $1 and a.deleted_at is null
           on conflict (tenant_id, id) do update set date_of_birth = excluded.date_of_birth
           returning true as done";
}
