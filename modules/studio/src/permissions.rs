//! The permissions of organizations, their rows of the role matrix, and the kinds of resources that
//! an organization's attribute policies may speak of. Nothing else.

use kernel::permissions;
use policy::{Attribute, AttributeKind, Grant, ResourceKind};

use crate::canvas::sql;

permissions! {
    /// Be at an agent's canvas.
    JoinCanvas = "agent:read", Joins, about sql::find_attributes;
    ReadCanvas = "agent:read", Reads, about sql::find_attributes;
    /// Draw.
    EditCanvas = "agent:update", Writes, about sql::find_attributes;
    /// Prepare to be at a canvas; the canvas asks who may.
    TakeTicket = "agent:read", Writes;
}

/// What running an organization from day to day takes.
const RUN: &[&str] = &[
    "agent:create",
    "agent:read",
    "agent:update",
    "agent:delete",
    "agent:deploy",
    "workspace:create",
    "workspace:read",
    "workspace:update",
    "workspace:delete",
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
    "key:read",
    "user:read",
    "user:write",
];

/// The roles of an organization's people.
pub(crate) const GRANTS: &[Grant] = &[
    Grant { role: "org_owner", permissions: RUN },
    // Keys, and what the ledger holds of people, are the owner's.
    Grant { role: "org_owner", permissions: &["audit:read_personal", "key:write"] },
    Grant { role: "org_admin", permissions: RUN },
    Grant {
        role: "developer",
        permissions: &[
            "agent:create",
            "agent:read",
            "agent:update",
            "agent:deploy",
            "workspace:read",
            "gateway:read",
            "deployment:read",
            "policy:read",
            "policy:evaluate",
        ],
    },
    Grant {
        role: "viewer",
        permissions: &["agent:read", "workspace:read", "gateway:read", "deployment:read"],
    },
];

const fn text(name: &'static str, required: bool) -> Attribute {
    Attribute { name, kind: AttributeKind::Text, required }
}

const NAME: Attribute = text("name", true);
const STATUS: Attribute = text("status", false);
const WORKSPACE: Attribute = text("workspace_id", false);
const CREATED_BY: Attribute = text("created_by", false);

/// What policies know of an organization's resources.
pub(crate) const RESOURCES: &[ResourceKind] = &[
    ResourceKind {
        name: "agent",
        plural: "agents",
        actions: &["create", "read", "update", "delete", "deploy"],
        attributes: &[NAME, STATUS, WORKSPACE, CREATED_BY],
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
        attributes: &[NAME, STATUS, text("environment", false), CREATED_BY],
    },
    ResourceKind {
        name: "deployment",
        plural: "deployments",
        actions: &["read", "update"],
        attributes: &[STATUS, text("agent_id", false), text("gateway_id", false), CREATED_BY],
    },
];
