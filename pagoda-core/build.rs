//! Takes the files of Swagger UI that the API browser needs out of the archive that a crate carries, so that the build
//! needs no network. They stay packed: an entry of a ZIP archive and a gzip file hold the same DEFLATE stream, and only
//! what is around it differs.

use anyhow::{Context, ensure};
use std::path::PathBuf;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

const FILES: [&str; 2] = ["swagger-ui-bundle.js", "swagger-ui.css"];

/// An entry of the central directory. *Source: APPNOTE.TXT §4.3.12.*
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
/// What stands before an entry's data. *Source: APPNOTE.TXT §4.3.7.*
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;
/// The end of the central directory, and where it says how the directory begins. *Source: APPNOTE.TXT §4.3.16.*
const END: &[u8] = b"PK\x05\x06";
const BEGIN_OF_DIRECTORY: usize = 16;
const DEFLATE: u16 = 8;

fn main() -> anyhow::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").context("OUT_DIR is missing")?);
    for name in FILES {
        let packed = packed(name).with_context(|| format!("cannot take {name} out of the archive"))?;
        std::fs::write(out.join(format!("{name}.gz")), packed)?;
    }
    Ok(())
}

/// A file of `dist/` as gzip.
fn packed(name: &str) -> anyhow::Result<Vec<u8>> {
    let wanted = format!("/dist/{name}");
    let end = ARCHIVE.windows(END.len()).rposition(|at| at == END).context("it has no end")?;
    let mut at = number(end + BEGIN_OF_DIRECTORY)?;
    while part(at, ENTRY.len())? == ENTRY {
        let lengths = [half(at + 28)?, half(at + 30)?, half(at + 32)?].map(usize::from);
        let file = part(at + ENTRY_BYTES, lengths[0])?;
        if file.ends_with(wanted.as_bytes())
            && !file.strip_suffix(wanted.as_bytes()).is_none_or(|top| top.contains(&b'/'))
        {
            ensure!(half(at + 10)? == DEFLATE, "it is packed in another way");
            return gzip(at);
        }
        at += ENTRY_BYTES + lengths.iter().sum::<usize>();
    }
    anyhow::bail!("it is not there")
}

/// The data of an entry between the head and the tail of a gzip file. *Source: RFC 1952 §2.3.*
fn gzip(entry: usize) -> anyhow::Result<Vec<u8>> {
    let local = number(entry + 42)?;
    ensure!(part(local, LOCAL.len())? == LOCAL, "its data is not where it should be");
    let before = usize::from(half(local + 26)?) + usize::from(half(local + 28)?);
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    packed.extend(part(local + LOCAL_BYTES + before, number(entry + 20)?)?);
    packed.extend(part(entry + 16, 4)?);
    packed.extend(part(entry + 24, 4)?);
    Ok(packed)
}

fn part(at: usize, length: usize) -> anyhow::Result<&'static [u8]> {
    ARCHIVE.get(at..at + length).context("it ends too early")
}

fn half(at: usize) -> anyhow::Result<u16> {
    Ok(u16::from_le_bytes(part(at, 2)?.try_into()?))
}

fn number(at: usize) -> anyhow::Result<usize> {
    Ok(usize::try_from(u32::from_le_bytes(part(at, 4)?.try_into()?))?)
}
