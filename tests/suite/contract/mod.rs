//! The wire contract, case by case: a test's name has the number of its case.
//!
//! `entry_nnn` is a case about entities and entries, `platform_nnn` one about everything else.

mod names;
mod values;
