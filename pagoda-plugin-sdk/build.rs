//! Build script: present only because `links` in the manifest requires one.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
