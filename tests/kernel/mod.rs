mod credentials;
mod isolation;
mod ledger;
mod privacy;
