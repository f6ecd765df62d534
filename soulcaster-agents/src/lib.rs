//! Models and hands.
