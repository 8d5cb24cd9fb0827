//! Tests of the scanner.

use super::super::tokens::read;
use super::{Module, Seen, scan};
use proptest::prelude::*;

fn seen(text: &str) -> Vec<Seen> {
    scan(&read(text).unwrap()).seen
}

/// What is found, without places.
fn found(text: &str) -> Vec<String> {
    seen(text).into_iter().map(|seen| seen.what).collect()
}

#[track_caller]
fn finds(text: &str, expected: &[&str]) {
    assert_eq!(found(text), expected, "{text}");
}

#[test]
fn imports_in_every_form() {
    finds("use std::fs;", &["uses std::fs"]);
    finds("use ::std::fs;", &["uses std::fs"]);
    finds("use std::{fs, net::TcpStream};", &["uses std::fs", "uses std::net::TcpStream"]);
    finds(
        "use {std::{io, process::{Command, Stdio}}, a::b};",
        &["uses std::process::Command", "uses std::process::Stdio"],
    );
    finds("use std::net::{self, IpAddr};", &[]);
    finds("use std::net::*;", &["uses std::net::*"]);
    finds("use std::{collections::{BTreeMap, btree_map::{self, Entry}}, fs::{self}};", &["uses std::fs"]);
    finds("use std::*;", &["uses std::*"]);
    finds("use std::fs as files; fn f() { files::read(\"x\"); }", &["uses std::fs"]);
    finds("pub use std::env;", &["uses std::env"]);
    finds("pub(crate) use std::thread as t;", &["uses std::thread"]);
    finds("use r#std::r#fs;", &["uses std::fs"]);
    finds("mod inner { fn f() { use std::process::exit; } }", &["uses std::process::exit"]);
}

#[test]
fn the_library_under_another_name() {
    finds("use std as s; fn f() { s::fs::read(\"x\"); }", &["calls std s", "uses std::fs::read"]);
    finds("use std::{self as s}; use s::net::TcpListener;", &["calls std s", "uses std::net::TcpListener"]);
    finds(
        "extern crate std as s; fn f() { s::process::abort() }",
        &["calls std s", "uses std::process::abort"],
    );
    finds("use s::fs; use std as s;", &["uses std::fs", "calls std s"]);
    finds("extern crate alloc; use core::fmt;", &[]);
}

#[test]
fn paths_where_they_are_used() {
    finds(
        "fn f() { std::fs::write(\"a\", \"b\"); ::std::thread::spawn(f); }",
        &["uses std::fs::write", "uses std::thread::spawn"],
    );
    finds(
        "fn f() -> ::std::process::Child { return ::std::process::x() }",
        &["uses std::process::Child", "uses std::process::x"],
    );
    finds(
        "use std::env; fn f() { env::var(\"X\"); env::args(); env::set_var(\"X\", \"\"); }",
        &["uses std::env::var", "uses std::env::set_var"],
    );
    finds("use std::net; fn f(a: net::IpAddr) { net::UdpSocket::bind(a) }", &["uses std::net::UdpSocket"]);
    finds("fn f() { vec![std::thread::sleep(x)] }", &["uses std::thread::sleep"]);
    finds("fn f() { std::panic::catch_unwind(g); std::panic::set_hook(h); }", &["uses std::panic::set_hook"]);
    finds("fn f() { for _ in 0..std::os::x() {} }", &["uses std::os::x"]);
    finds("fn f() { <std::fs::File as std::io::Read>::read(x) }", &["uses std::fs::File"]);
}

#[test]
fn what_only_looks_like_it() {
    finds(
        "// std::fs\n/* use std::net; */ const A: &str = \"std::fs\"; const B: &str = r#\"unsafe {}\"#;",
        &[],
    );
    finds("/// std::fs::read\nfn f() {}", &[]);
    finds("use crate::fs; mod fs; fn f() { fs::read(); crate::std::fs::x(); my::std::net::y(); }", &[]);
    finds("fn f() { self.fs.read(); x.std::<u8>(); }", &[]);
    finds(
        "fn f() { std::net::Ipv4Addr::LOCALHOST; std::process::ExitCode::SUCCESS; std::env::args(); }",
        &[],
    );
    finds(
        "fn f() { std::thread::current(); std::thread::panicking(); std::io::empty(); std::mem::take(x); }",
        &[],
    );
    finds("#![forbid(unsafe_code)] #![deny(unsafe_op_in_unsafe_fn)]", &[]);
    finds("fn f<'a>(x: &'a str) -> impl Sized + use<'a> { std::fs::read(x) }", &["uses std::fs::read"]);
    finds("const X: &str = include_str!(\"a\"); fn include() {}", &[]);
}

#[test]
fn code_that_the_compiler_does_not_check() {
    finds("fn f() { unsafe { g() } }", &["has an unsafe block"]);
    finds(
        "unsafe fn f() {} unsafe impl Send for X {} unsafe trait T {}",
        &["has an unsafe fn", "has an unsafe impl", "has an unsafe trait"],
    );
    finds("extern \"C\" fn f() {}", &["has extern \"C\""]);
    finds("unsafe extern \"C\" { fn g(); }", &["has an unsafe extern", "has extern \"C\""]);
    finds("extern { fn g(); }", &["has an extern block"]);
    finds(
        "#[no_mangle] fn f() {} #[unsafe(export_name = \"x\")] fn g() {}",
        &["has the attribute no_mangle", "has an unsafe attribute"],
    );
    finds("#[link(name = \"z\")] extern {}", &["has the attribute link", "has an extern block"]);
    finds("include!(\"../other.rs\");", &["has include!"]);
    finds(
        "#[path = \"../other.rs\"] mod other; #[path = \"near.rs\"] mod near;",
        &["has a module in \"../other.rs\""],
    );
    finds("use pagoda_plugin_sdk::__private::inventory;", &["uses __private"]);
}

#[test]
fn what_only_tests_see_is_left_out() {
    finds("#[cfg(test)] mod tests { use std::fs; } fn f() { std::fs::x() }", &["uses std::fs::x"]);
    finds("#[cfg(test)] use std::{fs, net}; #[cfg(all(test, unix))] fn f() { unsafe {} }", &[]);
    finds(
        "#[cfg(not(test))] use std::fs; #[cfg(any(test, x))] fn f() { unsafe {} }",
        &["uses std::fs", "has an unsafe block"],
    );
    finds("fn f() { g(#[cfg(test)] std::fs::x, 1); std::fs::y() }", &["uses std::fs::y"]);
    let scanned = scan(
        &read("#[cfg(test)] mod tests; #[cfg(test)] #[path = \"far.rs\"] mod more; mod kept; #[cfg(test)] mod here {}")
            .unwrap(),
    );
    let module = |name: &str, path: Option<&str>| Module { name: name.into(), path: path.map(str::to_owned) };
    assert_eq!(scanned.test_modules, [module("tests", None), module("more", Some("far.rs"))]);
}

#[test]
fn places_are_those_of_the_name() {
    let seen = seen(
        "use std::{\n    io,\n    fs,\n};\nfn f() {\n    let x = ::std::net::TcpStream::connect(y);\n}\n",
    );
    let places: Vec<_> = seen.iter().map(|seen| (seen.place.line, seen.place.column)).collect();
    assert_eq!(places, [(3, 5), (6, 15)]);
}

/// Pieces of programs in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "use ",
        "std",
        "core",
        "::",
        ":",
        "fs",
        "net",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ",",
        ";",
        "*",
        "as ",
        "self",
        "pub ",
        "unsafe ",
        "extern ",
        "\"C\" ",
        "crate ",
        "#",
        "!",
        "cfg(test)",
        "mod ",
        "tests",
        "path = \"..\"",
        "include!",
        "x ",
        "<",
        ">",
        ".",
        "'a ",
        "1 ",
        "env",
        "//\n",
        "/*",
        "*/",
        "r#",
        "\"",
    ]);
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Pieces of programs whose brackets fit.
fn balanced() -> impl Strategy<Value = String> {
    let leaf = pieces().prop_map(|text| text.replace(['{', '}', '(', ')', '[', ']', '"', '/', '\''], " "));
    leaf.prop_recursive(6, 40, 5, |inner| {
        let brackets = proptest::sample::select(vec![("{", "}"), ("(", ")"), ("[", "]")]);
        (brackets, proptest::collection::vec(inner, 0..5))
            .prop_map(|((open, close), inside)| format!("{open}{}{close}", inside.concat()))
    })
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}", pieces in pieces(), balanced in balanced()) {
        for text in [text, pieces, balanced] {
            if let Ok(tokens) = read(&text) {
                let _ = scan(&tokens);
            }
        }
    }

    #[test]
    fn what_is_brought_in_is_found_wherever_it_stands(
        before in balanced(),
        form in proptest::sample::select(vec!["use std::fs;", "use {a, std::{b, fs as c}};", "pub use ::std::fs as x;"]),
    ) {
        let text = format!("mod a {{ {before} }} {form}");
        if !before.contains("cfg(test)") && let Ok(tokens) = read(&text) {
            prop_assert!(scan(&tokens).seen.iter().any(|seen| seen.what == "uses std::fs"), "{}", text);
        }
    }
}
