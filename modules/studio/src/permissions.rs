//! The permissions of organizations, their rows of the role matrix, and the kinds of resources that
//! an organization's attribute policies may speak of. Nothing else.

use kernel::{destinations::EventType, permissions};
use policy::{Attribute, AttributeKind, Grant, ResourceKind};

use crate::{agents, deployments, gateways, workspaces};

permissions! {
    ReadOrganization = "organization:read", Reads;
    UpdateOrganization = "organization:update", Writes;
    ReadWorkspace = "workspace:read", Reads, about workspaces::sql::find_attributes;
    CreateWorkspace = "workspace:create", Writes, about workspaces::sql::find_attributes;
    /// Change a workspace, and who is in it.
    UpdateWorkspace = "workspace:update", Writes, about workspaces::sql::find_attributes;
    DeleteWorkspace = "workspace:delete", Writes, about workspaces::sql::find_attributes;
    /// Who is in a workspace.
    ReadMember = "member:read", Discloses;
    ReadAgent = "agent:read", Reads, about agents::sql::find_attributes;
    CreateAgent = "agent:create", Writes, about agents::sql::find_attributes;
    /// Change an agent, publish its versions, go back to one.
    UpdateAgent = "agent:update", Writes, about agents::sql::find_attributes;
    DeleteAgent = "agent:delete", Writes, about agents::sql::find_attributes;
    /// Be at an agent's canvas.
    JoinCanvas = "agent:read", Joins, about agents::sql::find_attributes;
    /// Prepare to be at a canvas; the canvas asks who may.
    TakeTicket = "agent:read", Writes;
    ReadGateway = "gateway:read", Reads, about gateways::sql::find_attributes;
    CreateGateway = "gateway:create", Writes, about gateways::sql::find_attributes;
    UpdateGateway = "gateway:update", Writes, about gateways::sql::find_attributes;
    DeleteGateway = "gateway:delete", Writes, about gateways::sql::find_attributes;
    /// Put an agent on a gateway.
    DeployAgent = "agent:deploy", Writes, about deployments::sql::find_deploy_attributes, with gateway_id;
    ReadDeployment = "deployment:read", Reads, about deployments::sql::find_attributes;
    /// Take an agent off its gateway.
    UpdateDeployment = "deployment:update", Writes, about deployments::sql::find_attributes;
}

/// What running an organization from day to day takes.
const RUN: &[&str] = &[
    "organization:read",
    "agent:create",
    "agent:read",
    "agent:update",
    "agent:delete",
    "agent:deploy",
    "workspace:create",
    "workspace:read",
    "workspace:update",
    "workspace:delete",
    "member:read",
    "gateway:create",
    "gateway:read",
    "gateway:update",
    "gateway:delete",
    "deployment:read",
    "deployment:update",
    "policy:read",
    "policy:write",
    "policy:evaluate",
    "audit:read",
    "job:read",
    "job:write",
    "destination:read",
    "destination:write",
    "key:read",
    "user:read",
    "user:write",
];

/// The roles of an organization's people.
pub(crate) const GRANTS: &[Grant] = &[
    Grant { role: "org_owner", permissions: RUN },
    // Keys, the organization itself, and what the ledger holds of people, are the owner's.
    Grant {
        role: "org_owner",
        permissions: &["audit:read_personal", "key:write", "organization:update"],
    },
    Grant { role: "org_admin", permissions: RUN },
    Grant {
        role: "developer",
        permissions: &[
            "organization:read",
            "agent:create",
            "agent:read",
            "agent:update",
            "agent:deploy",
            "workspace:read",
            "member:read",
            "gateway:read",
            "deployment:read",
            "job:read",
            "policy:read",
            "policy:evaluate",
        ],
    },
    Grant {
        role: "viewer",
        permissions: &[
            "organization:read",
            "agent:read",
            "workspace:read",
            "member:read",
            "gateway:read",
            "deployment:read",
            "job:read",
        ],
    },
];

const fn text(name: &'static str, required: bool) -> Attribute {
    Attribute { name, kind: AttributeKind::Text, required }
}

const NAME: Attribute = text("name", true);
const STATUS: Attribute = text("status", false);
const WORKSPACE: Attribute = text("workspace_id", false);
const CREATED_BY: Attribute = text("created_by", false);
const GATEWAY: Attribute = text("gateway_id", false);
const ENVIRONMENT: Attribute = text("environment", false);

/// What policies know of an organization's resources.
pub(crate) const RESOURCES: &[ResourceKind] = &[
    ResourceKind {
        name: "agent",
        plural: "agents",
        actions: &["create", "read", "update", "delete", "deploy"],
        attributes: &[
            NAME,
            STATUS,
            WORKSPACE,
            CREATED_BY,
            // Where to, for `deploy`.
            GATEWAY,
            ENVIRONMENT,
        ],
    },
    ResourceKind {
        name: "workspace",
        plural: "workspaces",
        actions: &["create", "read", "update", "delete"],
        attributes: &[NAME, CREATED_BY],
    },
    ResourceKind {
        name: "gateway",
        plural: "gateways",
        actions: &["create", "read", "update", "delete"],
        attributes: &[NAME, STATUS, ENVIRONMENT, CREATED_BY],
    },
    ResourceKind {
        name: "deployment",
        plural: "deployments",
        actions: &["read", "update"],
        attributes: &[STATUS, text("agent_id", false), GATEWAY, CREATED_BY],
    },
];

/// What is told to other systems, and who may hear of it; the migrations announce the same.
pub(crate) const EVENTS: &[EventType] = &[
    EventType { name: "agent.created", permission: "agent:read" },
    EventType { name: "agent.updated", permission: "agent:read" },
    EventType { name: "agent.deleted", permission: "agent:read" },
    EventType { name: "agent_version.created", permission: "agent:read" },
    EventType { name: "deployment.created", permission: "deployment:read" },
    EventType { name: "deployment.updated", permission: "deployment:read" },
];
