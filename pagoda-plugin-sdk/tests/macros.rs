//! What the macros make and what they say.
//!
//! `ui/pass` must compile and run; `ui/fail` must fail with the text beside it. The texts are those of the
//! compiler that `rust-version` names. After a deliberate change:
//! `TRYBUILD=overwrite cargo test -p pagoda-plugin-sdk --test macros`, then read the difference.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
