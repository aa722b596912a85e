//! Statements on who is in a workspace.

use jiff::Timestamp;
use kernel::{
    db::Done,
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};
use uuid::Uuid;

row! {
    /// A member; `id` is the account's.
    pub struct MemberRow {
        id: Uuid,
        full_name: Pii<String>,
        since: Timestamp,
    }
}

row! {
    /// That somebody is a member.
    pub struct MembershipRow {
        account_id: Uuid,
        since: Timestamp,
    }
}

statements! {
    fn list_members(workspace: Uuid, after: Uuid, limit: i64) -> MemberRow, discloses "kernel.account"
        = "select a.id, kernel.open(a.full_name) as full_name, m.created_at as since
             from studio.workspace w
             join studio.workspace_member m on m.tenant_id = w.tenant_id and m.workspace_id = w.id and m.deleted_at is null
             join kernel.account a on a.tenant_id = m.tenant_id and a.id = m.account_id and a.deleted_at is null
            where w.id = $1 and w.deleted_at is null and m.account_id > $2 order by m.account_id limit $3";

    /// Somebody who is a member already stays one.
    fn insert_member(workspace: Uuid, account: Uuid) -> MembershipRow
        = "with w as (select w.id from studio.workspace w where w.id = $1 and w.deleted_at is null),
           joined as (
             insert into studio.workspace_member (tenant_id, workspace_id, account_id)
             select kernel.tenant(), w.id, $2 from w
             on conflict (tenant_id, account_id, workspace_id) where deleted_at is null do nothing
             returning account_id, created_at)
           select account_id, created_at as since from joined
           union all
           select m.account_id, m.created_at from w join studio.workspace_member m on m.workspace_id = w.id
            where m.account_id = $2 and m.deleted_at is null";

    fn end_membership(workspace: Uuid, account: Uuid) -> Done
        = "update studio.workspace_member m set deleted_at = now()
            where m.workspace_id = $1 and m.account_id = $2 and m.deleted_at is null returning true as done";
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "member_account_known",
        problem: || {
            let msg = "there is no such account in this organization: invite them first";
            Problem::field(&["body", "user_id"], "unknown", msg)
        },
    }]
}
