mod appointments;
mod catalogues;
mod idempotency;
mod import;
mod lists;
mod patients;
