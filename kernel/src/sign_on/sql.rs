//! Statements of single sign-on.

use uuid::Uuid;

use crate::{db::Done, privacy::Pii, row, statements};

row! {
    /// A provider that was found, and its tenant.
    pub struct FoundProvider { tenant_id: Uuid, id: Uuid }
}

row! {
    /// A tenant that was found.
    pub struct FoundTenant { id: Uuid }
}

row! {
    /// A provider as it is stored; the secret is sealed.
    pub struct ProviderRow {
        id: Uuid,
        name: String,
        discovery: String,
        client_id: String,
        client_secret: Option<Vec<u8>>,
        domains: Vec<String>,
        role: Option<String>,
    }
}

row! {
    /// Who somebody from a provider is here.
    pub struct Known {
        account_id: Option<Uuid>,
        state: Option<String>,
        role: Option<String>,
        /// The account that has the address, though it does not sign in this way.
        namesake_id: Option<Uuid>,
        namesake_state: Option<String>,
        namesake_role: Option<String>,
        realm: String,
    }
}

row! {
    /// What became of a code.
    pub struct Redeemed {
        outcome: String,
        account_id: Uuid,
        session_id: Uuid,
        role: Option<String>,
        realm: String,
        good: bool,
    }
}

statements! {
    fn find_provider(tenant: Option<String>, host: Option<String>, name: Option<String>, domain: Option<String>) -> FoundProvider
        = "select tenant_id, id from kernel.find_provider($1, $2, $3, $4)";

    fn find_tenant(realm: String, tenant: Option<String>, host: Option<String>) -> FoundTenant
        = "select id from kernel.find_tenant($1, $2, $3)";

    fn read_provider(id: Uuid) -> ProviderRow
        = "select p.id, p.name, p.discovery, p.client_id, p.client_secret, p.domains, p.role
             from kernel.identity_provider p
             join kernel.tenant t on t.tenant_id = p.tenant_id and t.id = p.tenant_id
            where p.tenant_id = kernel.tenant() and p.id = $1 and p.deleted_at is null and t.is_active";

    fn list_providers() -> ProviderRow
        = "select p.id, p.name, p.discovery, p.client_id, p.client_secret, p.domains, p.role
             from kernel.identity_provider p
             join kernel.tenant t on t.tenant_id = p.tenant_id and t.id = p.tenant_id
            where p.tenant_id = kernel.tenant() and p.deleted_at is null
            order by p.name limit 1000";

    fn insert_provider(id: Uuid, name: String, discovery: String, client_id: String, client_secret: Option<Vec<u8>>,
                       domains: Vec<String>, role: Option<String>) -> FoundTenant
        = "insert into kernel.identity_provider (tenant_id, id, name, discovery, client_id, client_secret, domains, role)
           values (kernel.tenant(), $1, $2, $3, $4, $5, $6, $7)
           returning id";

    fn delete_provider(name: String) -> FoundTenant
        = "update kernel.identity_provider set deleted_at = now()
            where tenant_id = kernel.tenant() and name = $1 and deleted_at is null
           returning id";

    fn find_known(issuer: String, subject: String, email: String) -> Known
        = "select a.id as account_id, a.state, a.role,
                  n.id as namesake_id, n.state as namesake_state, n.role as namesake_role, t.realm
             from kernel.tenant t
             left join kernel.identity i on i.tenant_id = t.id and i.issuer = $1 and i.subject = $2
             left join kernel.account a on a.tenant_id = t.id and a.id = i.account_id and a.deleted_at is null
             left join kernel.account n on n.tenant_id = t.id and n.email_index = kernel.blind($3) and n.deleted_at is null
            where t.tenant_id = kernel.tenant() and t.id = kernel.tenant() and t.is_active";

    /// An invited account is accepted; of two at once, one does.
    fn accept_invitation(account: Uuid) -> FoundTenant
        = "update kernel.account set state = 'active'
            where tenant_id = kernel.tenant() and id = $1 and state = 'invited' and deleted_at is null
           returning id";

    fn insert_account(id: Uuid, email: Pii<String>, full_name: Pii<String>, role: String) -> FoundTenant
        = "insert into kernel.account (tenant_id, id, email, email_index, full_name, role)
           values (kernel.tenant(), $1, kernel.seal($1, $2), kernel.blind($2), kernel.seal($1, $3), $4)
           returning id";

    fn insert_identity(id: Uuid, account: Uuid, issuer: String, subject: String) -> FoundTenant
        = "insert into kernel.identity (tenant_id, id, account_id, issuer, subject)
           values (kernel.tenant(), $1, $2, $3, $4)
           returning id";

    fn insert_code(id: Uuid, account: Uuid, session: Uuid, hash: Vec<u8>) -> Done
        = "insert into kernel.one_time_code (tenant_id, id, account_id, session_id, purpose, code_hash, expires_at)
           values (kernel.tenant(), $1, $2, $3, 'sign_on', $4, now() + interval '1 minute')
           returning true as done";

    fn redeem_code(id: Uuid, hash: Vec<u8>) -> Redeemed
        = "select r.outcome, r.account_id, r.session_id, a.role, t.realm,
                  a.state = 'active' and a.deleted_at is null and t.is_active
                  and s.ended_at is null and s.expires_at > now() as good
             from kernel.redeem_sign_on($1, $2) r
             join kernel.account a on a.tenant_id = kernel.tenant() and a.id = r.account_id
             join kernel.session s on s.tenant_id = kernel.tenant() and s.id = r.session_id
             join kernel.tenant t on t.tenant_id = kernel.tenant() and t.id = kernel.tenant()";
}
