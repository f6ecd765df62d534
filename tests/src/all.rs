//! Tests of the workspace as a whole, in one binary.
#![allow(clippy::unwrap_used)] // nothing but tests and what they share

mod access;
mod bad_input;
mod binary;
mod command;
mod corrections;
mod crash;
mod faults;
mod golden;
mod layering;
mod pull;
mod regress;
mod reports;
mod serve;
mod server;
mod wordpiece;
