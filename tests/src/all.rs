//! Tests of the workspace as a whole, in one binary.
#![allow(clippy::unwrap_used)] // nothing but tests and what they share

mod access;
mod agents;
mod api;
mod bad_input;
mod binary;
mod command;
#[cfg(unix)]
mod corpus;
mod corrections;
mod crash;
mod disk;
mod faults;
mod fixing;
mod full;
#[cfg(unix)]
mod github;
mod golden;
#[cfg(unix)]
mod hostile_repository;
mod jobs;
mod kill;
mod layering;
mod ledger;
mod power;
mod pull;
mod random;
mod red_team;
mod regress;
mod replay;
mod reports;
mod sender;
mod serve;
#[allow(dead_code)] // shared with `hostile`
mod server;
mod signing;
mod tenancy;
#[allow(dead_code)]
mod wire;
mod wordpiece;
