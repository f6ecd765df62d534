//! Tests of the workspace as a whole, in one binary.

mod corrections;
mod faults;
mod golden;
mod layering;
mod reports;
mod wordpiece;
