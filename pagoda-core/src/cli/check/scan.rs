//! Looks for what the SDK exists to replace, in the tokens of one file.
//!
//! A path counts where it is written: `use` with its braces, names given by `as`, `::std`, and paths behind a
//! module that was brought in. What only tests see is left out. Nothing here resolves names as the compiler
//! does; who wants to hide something can.

use super::rules;
use super::tokens::{Kind, Place, Token};
use proc_macro2::Delimiter;
use std::collections::BTreeMap;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) place: Place,
    /// What, as a part of a sentence: "uses std::fs::read".
    pub(super) what: String,
    pub(super) why: &'static str,
}

/// A module in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) name: String,
    /// Where `#[path]` says that it is.
    pub(super) path: Option<String>,
}

/// What a file has.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// What was found, in the order of the file.
    pub(super) seen: Vec<Seen>,
    /// Modules in files of their own that are there for tests only.
    pub(super) test_modules: Vec<Module>,
}

/// Looks through the tokens of a file.
pub(super) fn scan(tokens: &[Token]) -> Scanned {
    let (tokens, test_modules) = without_tests(tokens);
    let mut names = Names::default();
    let mut seen = Vec::new();
    let imports = imports(&tokens);
    // Twice: a name may be used above the line that brings it in.
    for import in imports.iter().chain(&imports) {
        names.take(import, &mut seen);
    }
    let mut inside_use = false;
    for (at, token) in tokens.iter().enumerate() {
        let see = |what: String, why| Seen { place: token.place, what, why };
        let next = tokens.get(at + 1).map(|token| &token.kind);
        match &token.kind {
            Kind::Punct(';') => inside_use = false,
            Kind::Punct('#') => seen.extend(attribute(&tokens, at)),
            Kind::Word(word) => match (word.as_str(), next) {
                ("use", Some(next)) => inside_use = *next != Kind::Punct('<'),
                ("unsafe", next) => seen.push(see(unsafe_what(next), rules::UNSAFE)),
                ("extern", Some(Kind::Literal(abi))) => {
                    seen.push(see(format!("has extern {abi}"), rules::FOREIGN));
                }
                ("extern", Some(Kind::Open(Delimiter::Brace))) => {
                    seen.push(see("has an extern block".to_owned(), rules::FOREIGN));
                }
                ("include", Some(Kind::Punct('!'))) => {
                    seen.push(see("has include!".to_owned(), rules::INCLUDED));
                }
                ("global_asm", Some(Kind::Punct('!'))) => {
                    seen.push(see("has global_asm!".to_owned(), rules::FOREIGN));
                }
                ("__private", _) => seen.push(see("uses __private".to_owned(), rules::PRIVATE)),
                (_, Some(Kind::Colons)) if !inside_use && begins_path(&tokens, at) => {
                    seen.extend(names.judge(&path_at(&tokens, at), token.place));
                }
                _ => {}
            },
            _ => {}
        }
    }
    seen.sort();
    seen.dedup();
    Scanned { seen, test_modules }
}

fn unsafe_what(next: Option<&Kind>) -> String {
    match next {
        Some(Kind::Open(Delimiter::Brace)) => "has an unsafe block".to_owned(),
        Some(Kind::Open(_)) => "has an unsafe attribute".to_owned(),
        Some(Kind::Word(word)) if ["fn", "impl", "trait", "extern"].contains(&word.as_str()) => {
            format!("has an unsafe {word}")
        }
        _ => "says unsafe".to_owned(),
    }
}

/// What there is to say about the attribute whose `#` stands here.
fn attribute(tokens: &[Token], at: usize) -> Option<Seen> {
    let mut next = tokens.get(at + 1..)?.iter();
    let mut token = next.next()?;
    if token.kind == Kind::Punct('!') {
        token = next.next()?;
    }
    if token.kind != Kind::Open(Delimiter::Bracket) {
        return None;
    }
    let name = next.next()?;
    let word = name.word()?;
    let see = |what: String, why| Some(Seen { place: name.place, what, why });
    if rules::SYMBOLS.contains(&word) {
        return see(format!("has the attribute {word}"), rules::SYMBOL);
    }
    if word == "path"
        && let Some(Kind::Literal(path)) = next.nth(1).map(|token| &token.kind)
        && (path.contains("..") || path.trim_matches('"').starts_with('/'))
    {
        return see(format!("has a module in {path}"), rules::INCLUDED);
    }
    None
}

/// What a file brings in with `use`.
#[derive(Debug, PartialEq)]
struct Import {
    path: Vec<String>,
    /// The name that it has in the file; none for `*`.
    name: Option<String>,
    /// Whether others can have it from here.
    public: bool,
    place: Place,
}

fn imports(tokens: &[Token]) -> Vec<Import> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        let public = before(1).is_some_and(|token| token.is("pub"))
            || before(1).is_some_and(|token| token.kind == Kind::Close(Delimiter::Parenthesis));
        let rest = tokens.get(at + 1..).unwrap_or_default();
        if token.is("use") {
            use_tree(rest, public, &mut found);
        } else if token.is("extern")
            && let [word, library, as_, other, ..] = rest
            && word.is("crate")
            && as_.is("as")
            && let (Some(path), Some(other)) = (library.word(), other.word())
        {
            let (path, name) = (vec![path.to_owned()], Some(other.to_owned()));
            found.push(Import { path, name, public, place: library.place });
        }
    }
    found
}

/// Reads one `use` from behind the word. Ends at what cannot be part of one.
fn use_tree(tokens: &[Token], public: bool, found: &mut Vec<Import>) {
    let mut path: Vec<(String, Place)> = Vec::new();
    // How long the path was at each open brace.
    let mut bases: Vec<usize> = Vec::new();
    let mut name = None;
    // Nothing is left to be said of the present element.
    let mut done = false;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match &token.kind {
            Kind::Word(word) if word == "as" => {
                name = tokens.get(at).and_then(Token::word).map(str::to_owned);
                at += 1;
            }
            Kind::Word(word) => path.push((word.clone(), token.place)),
            Kind::Colons => {}
            Kind::Punct('*') => {
                path.push(("*".to_owned(), token.place));
            }
            Kind::Open(Delimiter::Brace) => bases.push(path.len()),
            Kind::Punct(',') | Kind::Close(Delimiter::Brace) | Kind::Punct(';') => {
                let base = bases.last().copied().unwrap_or(0);
                if !done && path.len() > base {
                    found.extend(import(&path, name.take(), public));
                }
                name = None;
                path.truncate(base);
                // The element that has the braces is said with them.
                done = token.kind == Kind::Close(Delimiter::Brace);
                if done && bases.pop().is_none() {
                    return;
                }
                if token.kind == Kind::Punct(';') {
                    return;
                }
            }
            _ => return,
        }
    }
}

fn import(path: &[(String, Place)], name: Option<String>, public: bool) -> Option<Import> {
    let (last, place) = path.last()?;
    let mut words: Vec<String> = path.iter().map(|(word, _)| word.clone()).collect();
    if last == "*" || last == "self" {
        words.pop();
    }
    let name = if last == "*" { None } else { name.or_else(|| words.last().cloned()) };
    Some(Import { path: words, name, public, place: *place })
}

/// What the names of a file mean that lead into the standard library.
#[derive(Default)]
struct Names {
    /// By name: the path without its root, and whether something was said about it already.
    known: BTreeMap<String, (Vec<String>, bool)>,
}

impl Names {
    fn take(&mut self, import: &Import, seen: &mut Vec<Seen>) {
        let Some(path) = self.inside(&import.path) else { return };
        let shown = ["std"].into_iter().chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("::");
        let see = |what: String, why| Seen { place: import.place, what, why };
        let said = match &import.name {
            None => rules::whole(&path).map(|why| see(format!("uses {shown}::*"), why)),
            Some(name) if path.is_empty() && !rules::ROOTS.contains(&name.as_str()) => {
                Some(see(format!("calls std {name}"), rules::OTHER_NAME))
            }
            Some(_) => {
                let why = if import.public { rules::whole(&path) } else { rules::standard(&path) };
                why.filter(|_| !path.is_empty()).map(|why| see(format!("uses {shown}"), why))
            }
        };
        if let Some(name) = &import.name {
            // The library itself under another name is said once, and what is done with it besides.
            let quiet = said.is_some() && !path.is_empty();
            self.known.insert(name.clone(), (path, quiet));
        }
        seen.extend(said);
    }

    /// The path without the root of the standard library, if it leads into it.
    fn inside(&self, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        if rules::ROOTS.contains(&first.as_str()) {
            return Some(rest.to_vec());
        }
        let (known, said) = self.known.get(first)?;
        if *said { None } else { Some(known.iter().chain(rest).cloned().collect()) }
    }

    fn judge(&self, path: &[String], place: Place) -> Option<Seen> {
        let inside = self.inside(path)?;
        let why = rules::standard(&inside)?;
        let shown: Vec<&str> = inside.iter().take(2).map(String::as_str).collect();
        Some(Seen { place, what: format!("uses std::{}", shown.join("::")), why })
    }
}

/// Words after which a path can begin with `::`.
const KEYWORDS: [&str; 18] = [
    "as", "await", "break", "const", "dyn", "else", "for", "if", "impl", "in", "let", "match", "move", "mut",
    "ref", "return", "where", "while",
];

/// Whether the word here is the first of a path, and no field.
fn begins_path(tokens: &[Token], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at)).map(|token| &token.kind);
    match before(1) {
        Some(Kind::Punct('.')) => matches!(before(2), Some(Kind::Punct('.'))),
        // `::std`, where nothing stands in front that it could belong to.
        Some(Kind::Colons) => match before(2) {
            Some(Kind::Word(word)) => KEYWORDS.contains(&word.as_str()),
            // An arrow ends nothing that a path could go on from.
            Some(Kind::Punct('>')) => matches!(before(3), Some(Kind::Punct('-' | '='))),
            _ => true,
        },
        _ => true,
    }
}

/// The words of the path that begins here.
fn path_at(tokens: &[Token], at: usize) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = tokens.get(at..).unwrap_or_default().iter();
    while let Some(word) = rest.next().and_then(Token::word) {
        path.push(word.to_owned());
        if rest.next().is_none_or(|token| token.kind != Kind::Colons) {
            break;
        }
    }
    path
}

/// The tokens without what stands behind `#[cfg(test)]`, and the names of modules that are left out with it.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<Module>) {
    let (mut kept, mut modules) = (Vec::with_capacity(tokens.len()), Vec::new());
    let mut rest = tokens;
    while let Some((token, behind)) = rest.split_first() {
        if token.kind == Kind::Punct('#') && is_cfg_test(rest) {
            let (item, behind) = rest.split_at(item_length(rest).min(rest.len()));
            modules.extend(module(item));
            rest = behind;
        } else {
            kept.push(token.clone());
            rest = behind;
        }
    }
    (kept, modules)
}

/// The module that an item says is in a file of its own.
fn module(item: &[Token]) -> Option<Module> {
    let [.., word, name, end] = item else { return None };
    if !word.is("mod") || end.kind != Kind::Punct(';') {
        return None;
    }
    let path = item.windows(3).find_map(|three| match three {
        [word, equals, path] if word.is("path") && equals.kind == Kind::Punct('=') => match &path.kind {
            Kind::Literal(path) => Some(path.trim_matches('"').to_owned()),
            _ => None,
        },
        _ => None,
    });
    Some(Module { name: name.word()?.to_owned(), path })
}

/// Whether an attribute that only tests pass begins here: `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn is_cfg_test(tokens: &[Token]) -> bool {
    let words: Vec<_> =
        tokens.iter().take(8).map(|token| (&token.kind, token.word().unwrap_or_default())).collect();
    let kinds = |at: usize| words.get(at).map(|(kind, _)| *kind);
    let word = |at: usize, wanted: &str| words.get(at).is_some_and(|(_, word)| *word == wanted);
    let opens = |at: usize| kinds(at) == Some(&Kind::Open(Delimiter::Parenthesis));
    let closes =
        |at: usize| matches!(kinds(at), Some(Kind::Close(Delimiter::Parenthesis) | Kind::Punct(',')));
    kinds(1) == Some(&Kind::Open(Delimiter::Bracket))
        && word(2, "cfg")
        && opens(3)
        && ((word(4, "test") && closes(5)) || (word(4, "all") && opens(5) && word(6, "test") && closes(7)))
}

/// How many tokens the attribute here and its item are: up to the first braces or semicolon at their level.
fn item_length(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open(_) => depth += 1,
            // The end of what the item stands in: an expression or a field without an end of its own.
            Kind::Close(_) if depth == 0 => return at,
            Kind::Close(delimiter) => {
                depth -= 1;
                if depth == 0 && delimiter == Delimiter::Brace {
                    return at + 1;
                }
            }
            Kind::Punct(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
