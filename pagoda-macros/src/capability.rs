//! What a plugin declares to do: `capabilities = […]` and `http_hosts = […]` of `plugin!`.

use crate::diagnostics::Errors;
use crate::names::closest;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{LitStr, Token, bracketed};

/// Name, variant of `Capability`, marker trait; in step with `pagoda-plugin-sdk/src/capability.rs`.
/// `secrets:<name>` stands outside.
const PLAIN: [(&str, &str, &str); 8] = [
    ("entries.read", "ReadEntries", "MayReadEntries"),
    ("entries.write", "WriteEntries", "MayWriteEntries"),
    ("entities.read", "ReadEntities", "MayReadEntities"),
    ("entities.write", "WriteEntities", "MayWriteEntities"),
    ("users.read", "ReadUsers", "MayReadUsers"),
    ("jobs", "UseJobs", "MayUseJobs"),
    ("http.out", "ReachHttp", "MayReachHttp"),
    ("plugin.act", "ActAsPlugin", "MayActAsPlugin"),
];

/// A declared capability.
#[derive(PartialEq, Eq)]
pub(crate) enum Capability {
    Plain { variant: &'static str, marker: &'static str },
    Secrets(String),
}

impl Capability {
    fn named(name: &str) -> Option<Self> {
        let (_, variant, marker) = PLAIN.into_iter().find(|(known, ..)| *known == name)?;
        Some(Self::Plain { variant, marker })
    }

    /// Whether it is `http.out`, without which hosts mean nothing.
    pub(crate) fn reaches_http(&self) -> bool {
        matches!(self, Self::Plain { variant: "ReachHttp", .. })
    }

    /// The value of `Capability`.
    pub(crate) fn value(&self, sdk: &TokenStream) -> TokenStream {
        match self {
            Self::Plain { variant, .. } => {
                let variant = Ident::new(variant, Span::call_site());
                quote!(#sdk::capability::Capability::#variant)
            }
            Self::Secrets(name) => quote!(#sdk::capability::Capability::Secrets(#name)),
        }
    }

    /// The constant of a secret, and its name.
    pub(crate) fn secret(&self) -> Option<(Ident, &str)> {
        match self {
            Self::Plain { .. } => None,
            Self::Secrets(name) => {
                let constant = name.to_ascii_uppercase().replace('-', "_");
                Some((Ident::new(&constant, Span::call_site()), name))
            }
        }
    }

    /// Whether two of them cannot stand beside each other: they are the same, or their constants are.
    fn clashes_with(&self, other: &Self) -> bool {
        let constant = |capability: &Self| capability.secret().map(|(constant, _)| constant);
        self == other || constant(self).is_some_and(|mine| Some(mine) == constant(other))
    }

    /// The trait that `Plugin` implements for it; secrets have none, their names are no types.
    pub(crate) fn marker(&self, sdk: &TokenStream) -> Option<TokenStream> {
        match self {
            Self::Plain { marker, .. } => {
                let marker = Ident::new(marker, Span::call_site());
                Some(quote!(#sdk::capability::#marker))
            }
            Self::Secrets(_) => None,
        }
    }
}

/// Reads `[entries.read, secrets:smtp]`; what is wrong with one of them is reported and the rest is read.
pub(crate) fn capabilities(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<Capability>> {
    if !input.peek(syn::token::Bracket) {
        return Err(input.error("`capabilities` is a list: `[entries.read, secrets:smtp]`"));
    }
    let list;
    bracketed!(list in input);
    let mut found: Vec<Capability> = Vec::new();
    while !list.is_empty() {
        match one(&list, errors) {
            Ok(Some((written, capability))) if found.iter().any(|known| known.clashes_with(&capability)) => {
                let name = written.to_string().replace(' ', "");
                errors.over(written, format!("the capability `{name}` is declared twice"));
            }
            Ok(Some((_, capability))) => found.push(capability),
            Ok(None) => {}
            Err(error) => {
                errors.add(error);
                while !list.is_empty() && !list.peek(Token![,]) {
                    list.parse::<proc_macro2::TokenTree>()?;
                }
            }
        }
        if !list.is_empty() {
            list.parse::<Token![,]>()?;
        }
    }
    Ok(found)
}

const FORM: &str = "a capability is written with dots and without quotes: `entries.read`, or `secrets:smtp`";

/// A capability with the tokens that name it.
type Written = (TokenStream, Capability);

fn one(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Option<Written>> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error(FORM));
    }
    let mut parts = vec![input.call(Ident::parse_any)?];
    while input.peek(Token![.]) {
        input.parse::<Token![.]>()?;
        parts.push(input.call(Ident::parse_any).map_err(|error| syn::Error::new(error.span(), FORM))?);
    }
    let name = parts.iter().map(|part| part.unraw().to_string()).collect::<Vec<_>>().join(".");
    if input.peek(Token![:]) && !input.peek(Token![::]) {
        return secret(&parts, &name, input, errors);
    }
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error(FORM));
    }
    let written = quote!(#(#parts).*);
    if let Some(known) = Capability::named(&name) {
        return Ok(Some((written, known)));
    }
    if name == "secrets" {
        errors.over(written, "which secret? Write `secrets:smtp`, say");
        return Ok(None);
    }
    let near = closest(&name, PLAIN.iter().map(|(known, ..)| *known));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let names: Vec<&str> = PLAIN.iter().map(|(known, ..)| *known).collect();
            format!("there are `{}` and `secrets:<name>`", names.join("`, `"))
        }
    };
    let message = format!("there is no capability `{name}`; {hint}");
    // The smallest token that is wrong: the first part that the proposal does not share.
    let wrong = near.and_then(|near| {
        let near: Vec<&str> = near.split('.').collect();
        let same_length = near.len() == parts.len();
        parts.iter().zip(near).find(|(part, right)| same_length && *part != right).map(|(part, _)| part)
    });
    match wrong {
        Some(part) => errors.at(part.span(), message),
        None => errors.over(&written, message),
    }
    // What was probably meant counts as declared, so that one mistake does not become ten.
    Ok(near.and_then(Capability::named).map(|meant| (written, meant)))
}

/// The rest of `secrets:smtp-password`.
fn secret(
    parts: &[Ident],
    kind: &str,
    input: ParseStream<'_>,
    errors: &mut Errors,
) -> syn::Result<Option<Written>> {
    input.parse::<Token![:]>()?;
    let names: Punctuated<Ident, Token![-]> =
        Punctuated::parse_separated_nonempty_with(input, Ident::parse_any)
            .map_err(|error| syn::Error::new(error.span(), "a secret has a name: `secrets:smtp`"))?;
    if kind != "secrets" {
        let hint = closest(kind, ["secrets"]).map(|near| format!("; did you mean `{near}`?"));
        let message = format!("only `secrets` takes a name after `:`{}", hint.unwrap_or_default());
        errors.over(quote!(#(#parts)*), message);
        return Ok(None);
    }
    let name = names.iter().map(|part| part.unraw().to_string()).collect::<Vec<_>>().join("-");
    let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
    if !well_formed {
        errors.over(
            names,
            format!(
                "`{name}` is no name of a secret: it holds a-z, 0-9, `_` and `-` and starts with a letter"
            ),
        );
        return Ok(None);
    }
    Ok(Some((quote!(#(#parts).*:#names), Capability::Secrets(name))))
}

/// Reads `["api.example.com", "*.example.org:8443"]`.
pub(crate) fn http_hosts(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<LitStr>> {
    const FORM: &str = "`http_hosts` is a list of texts: `[\"api.example.com\"]`";
    fn host(input: ParseStream<'_>) -> syn::Result<LitStr> {
        if input.peek(LitStr) { input.parse() } else { Err(input.error(FORM)) }
    }
    if !input.peek(syn::token::Bracket) {
        return Err(input.error(FORM));
    }
    let list;
    bracketed!(list in input);
    let hosts: Vec<LitStr> = list.parse_terminated(host, Token![,])?.into_iter().collect();
    for (index, host) in hosts.iter().enumerate() {
        if let Some(problem) = host_problem(&host.value()) {
            errors.at(host.span(), problem);
        } else if hosts.iter().take(index).any(|before| before.value() == host.value()) {
            errors.at(host.span(), format!("the host `{}` is named twice", host.value()));
        }
    }
    Ok(hosts)
}

/// What is wrong with a host: a name in small letters or an address, `*.` in front for all below a name, a
/// port behind. In step with `HostPattern` of the SDK, which a test of this file compares.
pub(crate) fn host_problem(host: &str) -> Option<String> {
    const FORM: &str = "a host is a name with an optional port: \"api.example.com\", \"*.example.org:8443\"";
    if host.contains("://") {
        return Some(format!("{FORM}; leave out the scheme"));
    }
    if host.contains('/') {
        return Some(format!("{FORM}; leave out the path"));
    }
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Some(format!("`{address}` is no IPv6 address"));
            }
            match rest.strip_prefix(':') {
                Some(port) => (None, Some(port)),
                None if rest.is_empty() => (None, None),
                None => return Some(FORM.to_owned()),
            }
        }
        None => match host.split_once(':') {
            Some((name, port)) => (Some(name), Some(port)),
            None => (Some(host), None),
        },
    };
    if let Some(port) = port
        && (port.starts_with('0') || port.parse::<u16>().is_err() || port.starts_with('+'))
    {
        return Some(format!("`{port}` is no port: it is a number from 1 to 65535"));
    }
    let name = name?;
    let starred = name.strip_prefix("*.");
    let below = starred.unwrap_or(name);
    if below.contains('*') {
        return Some("`*` stands only in front of a name, as in \"*.example.org\"".to_owned());
    }
    if below.chars().any(|c| c.is_ascii_uppercase()) {
        return Some(format!("write the host in small letters: \"{}\"", host.to_ascii_lowercase()));
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if !below.split('.').all(label) || below.len() > 253 {
        return Some(FORM.to_owned());
    }
    // Addresses of requests take a name that ends so for an IPv4 address.
    let last = below.rsplit('.').next().unwrap_or_default();
    let number = last.chars().all(|c| c.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    match starred {
        Some(_) if number => Some(format!("{FORM}; nothing is below an address")),
        None if number && name.parse::<std::net::Ipv4Addr>().is_err() => {
            Some(format!("`{name}` is no IPv4 address"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::host_problem;
    use pagoda_plugin_sdk::http::HostPattern;
    use proptest::prelude::*;

    fn of_the_sdk(host: &str) -> Option<String> {
        HostPattern::parse(host).err()
    }

    #[test]
    fn hosts() {
        for good in [
            "localhost",
            "api.example.com",
            "*.example.org:8443",
            "127.0.0.1:9000",
            "[::1]",
            "[2001:db8::1]:8443",
            "xn--bcher-kva.example",
        ] {
            assert_eq!(host_problem(good), None, "{good}");
            assert_eq!(of_the_sdk(good), None, "{good}");
        }
        for bad in [
            "",
            "*",
            "https://api.example.com",
            "api.example.com/path",
            "api..example.com",
            "-a.example.com",
            "a.*.example.com",
            "Api.example.com",
            "a b",
            "a:0",
            "a:65536",
            "a:",
            "a:+1",
            "[::1",
            "[x]",
            "[::1]x",
            "user@example.com",
            "127.1",
            "a.0x7f",
            "*.0.0.1",
        ] {
            assert!(host_problem(bad).is_some(), "{bad}");
            assert_eq!(host_problem(bad), of_the_sdk(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn it_says_what_the_sdk_says(
            text in ".{0,24}",
            near in "(\\*\\.)?[a-zA0x-]{0,4}(\\.[a-z0-9x]{0,4}){0,3}(:[0-9+]{0,6})?",
            v6 in "\\[[0-9a-f:]{0,8}\\]?(:[0-9]{0,6})?",
        ) {
            for text in [text, near, v6] {
                prop_assert_eq!(host_problem(&text), of_the_sdk(&text), "{}", text);
            }
        }
    }
}
