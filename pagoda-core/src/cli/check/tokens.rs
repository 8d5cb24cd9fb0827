//! A source file as a flat list of tokens, with places. Comments are gone, texts are one token each.
//!
//! Flat, because nothing limits how deep brackets are nested in a file that does not compile.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree, token_stream};
use std::str::FromStr;

/// A place in a file, as compilers say it: from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or keyword, without `r#`.
    Word(String),
    /// `::`, which is one thing in a path.
    Colons,
    Punct(char),
    Literal(String),
    Open(Delimiter),
    Close(Delimiter),
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) place: Place,
}

impl Token {
    pub(super) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.word() == Some(word)
    }
}

/// Reads a file.
///
/// # Errors
/// It is no Rust: the place, and what is wrong.
pub(super) fn read(text: &str) -> Result<Vec<Token>, (Place, String)> {
    let text = text.trim_start_matches('\u{feff}');
    // The line that makes a file a script is for the system, not for the compiler.
    let script = text.starts_with("#!") && !text.trim_start_matches("#!").trim_start().starts_with('[');
    let text = if script { text.replacen("#!", "// ", 1) } else { text.to_owned() };
    match TokenStream::from_str(&text) {
        Ok(stream) => Ok(flatten(stream)),
        Err(error) => Err((place(error.span()), error.to_string())),
    }
}

fn place(span: proc_macro2::Span) -> Place {
    let start = span.start();
    Place { line: start.line, column: start.column + 1 }
}

/// A colon that may be the first of two.
const JOINT: char = '\u{2236}';

fn flatten(stream: TokenStream) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut open: Vec<(token_stream::IntoIter, Option<Token>)> = vec![(stream.into_iter(), None)];
    while let Some((trees, close)) = open.last_mut() {
        let Some(tree) = trees.next() else {
            found.extend(close.take());
            open.pop();
            continue;
        };
        let place = place(tree.span());
        let kind = match tree {
            TokenTree::Group(group) => {
                let delimiter = group.delimiter();
                let close = Token { kind: Kind::Close(delimiter), place: self::place(group.span_close()) };
                found.push(Token { kind: Kind::Open(delimiter), place });
                open.push((group.stream().into_iter(), Some(close)));
                continue;
            }
            TokenTree::Ident(ident) => {
                let word = ident.to_string();
                Kind::Word(word.strip_prefix("r#").map_or_else(|| word.clone(), str::to_owned))
            }
            TokenTree::Literal(literal) => Kind::Literal(literal.to_string()),
            TokenTree::Punct(punct) => {
                // Two colons are one token, unless the first belongs to what stands before: `a: ::b`.
                let colon = punct.as_char() == ':';
                if let Some(first) = found.pop_if(|last| colon && last.kind == Kind::Punct(JOINT)) {
                    found.push(Token { kind: Kind::Colons, place: first.place });
                    continue;
                }
                let joint = colon && punct.spacing() == Spacing::Joint;
                Kind::Punct(if joint { JOINT } else { punct.as_char() })
            }
        };
        found.push(Token { kind, place });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Kind, Place, read};

    #[test]
    fn comments_are_gone_and_places_are_those_of_compilers() {
        let tokens = read("#!/usr/bin/env x\n// std::fs\n/* std::fs */ r#fn\n  ::a(\"b\")").unwrap();
        let kinds: Vec<_> = tokens.iter().map(|token| format!("{:?}", token.kind)).collect();
        assert_eq!(
            kinds,
            [
                "Word(\"fn\")",
                "Colons",
                "Word(\"a\")",
                "Open(Parenthesis)",
                "Literal(\"\\\"b\\\"\")",
                "Close(Parenthesis)"
            ]
        );
        assert_eq!(tokens[0].place, Place { line: 3, column: 15 });
        assert_eq!(tokens[1].place, Place { line: 4, column: 3 });
        assert!(matches!(read("#![forbid(unsafe_code)]").unwrap()[0].kind, Kind::Punct('#')));
        assert_eq!(read("fn f( {").unwrap_err().0.line, 1);
    }

    #[test]
    fn brackets_may_be_nested_as_deep_as_they_like() {
        let text = format!("{}{}", "(".repeat(200_000), ")".repeat(200_000));
        assert_eq!(read(&text).unwrap().len(), 400_000);
    }
}
