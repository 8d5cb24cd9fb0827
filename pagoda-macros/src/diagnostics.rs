//! Mistakes of authors, collected and answered together, and the argument lists of the attributes.

use crate::names::{closest, millis, one_of};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{LitStr, Path, Token};

/// All that is wrong with one use of a macro.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// A mistake at one place.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.add(syn::Error::new(span, message));
    }

    /// A mistake at some tokens.
    pub(crate) fn over(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The mistakes as items, if there are any.
    pub(crate) fn into_items(self) -> Option<TokenStream> {
        self.0.map(|error| error.into_compile_error())
    }
}

/// What an attribute is turned into: the item as it was, and beside it what was made or what is wrong.
pub(crate) fn beside(item: &TokenStream, made: TokenStream, errors: Errors) -> TokenStream {
    match errors.into_items() {
        // The item stays, so that one mistake does not become ten and editors keep working.
        Some(mistakes) => quote!(#item #mistakes),
        None => quote!(#item #made),
    }
}

/// Reads `key = value, …` to the end. Unknown and repeated keys and bad values are collected, and the
/// rest of the list is read all the same.
pub(crate) fn arguments(
    input: ParseStream<'_>,
    known: &[&str],
    errors: &mut Errors,
    mut value: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    let mut seen: Vec<String> = Vec::new();
    while !input.is_empty() {
        if let Err(error) = argument(input, known, &mut seen, errors, &mut value) {
            errors.add(error);
            skip_to_comma(input);
        }
        if !input.is_empty() && input.parse::<Token![,]>().is_err() {
            errors.at(input.span(), "expected `,`");
            skip_to_comma(input);
            // At the end of the list, or at a comma; either way the loop goes on.
            let _ = input.parse::<Option<Token![,]>>();
        }
    }
}

fn argument(
    input: ParseStream<'_>,
    known: &[&str],
    seen: &mut Vec<String>,
    errors: &mut Errors,
    value: &mut impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) -> syn::Result<()> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error(format!("expected an argument: {}", one_of(known))));
    }
    let key = input.call(Ident::parse_any)?;
    let name = key.to_string();
    if !known.contains(&name.as_str()) {
        let hint = match closest(&name, known.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("expected {}", one_of(known)),
        };
        return Err(syn::Error::new(key.span(), format!("unknown argument `{name}`; {hint}")));
    }
    if seen.contains(&name) {
        errors.at(key.span(), format!("`{name}` is given twice"));
        skip_to_comma(input);
        return Ok(());
    }
    if !input.peek(Token![=]) {
        return Err(syn::Error::new(key.span(), format!("`{name}` needs a value: `{name} = …`")));
    }
    seen.push(name);
    input.parse::<Token![=]>()?;
    value(&key, input, errors)
}

/// Leaves out the rest, where the first mistake makes all of it meaningless.
pub(crate) fn skip_all(input: ParseStream<'_>) {
    // Parsing a token stream takes everything and cannot fail.
    let _ = input.parse::<TokenStream>();
}

fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

/// A string, with a sentence of our own for what is none.
pub(crate) fn text(input: ParseStream<'_>, key: &Ident, example: &str) -> syn::Result<LitStr> {
    if input.peek(LitStr) {
        return input.parse();
    }
    // At the end of the input rustc would show the whole attribute.
    let span = if input.is_empty() { key.span() } else { input.span() };
    Err(syn::Error::new(span, format!("`{key}` is a text, such as {example}")))
}

/// A time budget in milliseconds; a bad one is reported and counts as none.
pub(crate) fn budget(input: ParseStream<'_>, key: &Ident, errors: &mut Errors) -> syn::Result<Option<u64>> {
    let written = text(input, key, "\"250ms\"")?;
    Ok(millis(&written.value()).map_err(|problem| errors.at(written.span(), problem)).ok())
}

/// A `Duration` of so many milliseconds.
pub(crate) fn duration(millis: u64) -> TokenStream {
    quote!(::core::time::Duration::from_millis(#millis))
}

/// `Some` or `None` as tokens.
pub(crate) fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// Where the SDK is: what `crate = …` says.
pub(crate) fn sdk_path(input: ParseStream<'_>) -> syn::Result<Path> {
    if input.peek(LitStr) {
        return Err(input.error("`crate` is a path without quotes, such as `crate = sdk`"));
    }
    Path::parse_mod_style(input)
}

/// Where the SDK is when nobody says otherwise.
pub(crate) fn default_sdk() -> TokenStream {
    quote!(::pagoda_plugin_sdk)
}
