//! Studio: organizations, what they build, and where it runs.

mod agents;
mod deployments;
mod workspaces;
