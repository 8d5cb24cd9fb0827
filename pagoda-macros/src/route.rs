//! `#[get]` and its siblings: routes of plugins.

use crate::diagnostics::{
    Errors, arguments, beside, budget, default_sdk, duration, option, sdk_path, skip_all,
};
use crate::function::Function;
use crate::names::closest;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::token::Brace;
use syn::{LitInt, LitStr, ReturnType, Token, Type, braced};

/// What stands in the parentheses.
#[derive(Default)]
struct Arguments {
    path: Option<LitStr>,
    open: bool,
    budget: Option<u64>,
    answers: Vec<(u16, Answer)>,
    sdk: Option<syn::Path>,
}

/// What stands for a status in `answers`.
enum Answer {
    /// `()`
    Empty,
    /// `"text/csv"`
    Media(LitStr),
    /// `Report`
    Json(Box<Type>),
}

const MOST_PARAMETERS: usize = 8;

/// `attribute` is the name of the method in small letters.
pub(crate) fn expand(attribute: &str, args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = parse(attribute, args, &mut errors);
    let Some(function) = Function::of(item, attribute, &mut errors) else {
        return beside(item, TokenStream::new(), errors);
    };
    if function.check("a route", &mut errors)
        && let Some(ninth) = function.sig.inputs.iter().nth(MOST_PARAMETERS)
    {
        errors.over(ninth, format!("a route takes at most {MOST_PARAMETERS} parameters; take a struct"));
    }
    if matches!(function.sig.output, ReturnType::Default) {
        errors.at(
            function.sig.ident.span(),
            "a route answers something: `Json<T>`, `(u16, Json<T>)`, `Response`, or `RouteResult` of one of these",
        );
    }
    beside(item, emit(attribute, &args, &function), errors)
}

fn parse(attribute: &str, args: TokenStream, errors: &mut Errors) -> Arguments {
    let mut found = Arguments::default();
    let parse = |input: ParseStream<'_>| {
        if input.peek(LitStr) {
            let path: LitStr = input.parse()?;
            if let Some((at, problem)) = path_problem(&path.value()) {
                errors.at(path.span(), format!("{problem} (at character {at} of the path)"));
            }
            found.path = Some(path);
            input.parse::<Option<Token![,]>>()?;
        } else {
            let span = if input.is_empty() { Span::call_site() } else { input.span() };
            errors.at(span, format!("a route needs a path: `#[{attribute}(\"/greet/{{name}}/\")]`"));
        }
        arguments(input, &["auth", "budget", "answers", "crate"], errors, |key, input, errors| {
            if *key == "auth" {
                const FORM: &str = "`auth` is `required` (which it is anyhow) or `none`, without quotes";
                let word = if input.peek(Ident::peek_any) {
                    input.call(Ident::parse_any)?
                } else {
                    return Err(input.error(FORM));
                };
                match word.to_string().as_str() {
                    "none" => found.open = true,
                    "required" => {}
                    other => {
                        let close = closest(other, ["none", "required"]);
                        let hint = close.map(|close| format!("; did you mean `{close}`?"));
                        errors.at(word.span(), format!("{FORM}{}", hint.unwrap_or_default()));
                    }
                }
            } else if *key == "budget" {
                found.budget = budget(input, key, errors)?;
            } else if *key == "answers" {
                found.answers = answers(input, errors)?;
            } else {
                found.sdk = Some(sdk_path(input)?);
            }
            Ok(())
        });
        Ok(())
    };
    if let Err(error) = parse.parse2(args) {
        errors.add(error);
    }
    found
}

const ANSWERS: &str = "`answers` is what the route answers by status, such as `answers = { 200: Report, 404: \"text/plain\", 204: () }`";

/// Reads `{ 200: Report, 404: "text/plain", 204: () }`.
fn answers(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<(u16, Answer)>> {
    if !input.peek(Brace) {
        return Err(input.error(ANSWERS));
    }
    let list;
    braced!(list in input);
    let mut found: Vec<(u16, Answer)> = Vec::new();
    while !list.is_empty() {
        let span = list.span();
        match one_answer(&list) {
            Ok((literal, answer)) => {
                if let Answer::Media(media) = &answer
                    && !is_media_type(&media.value())
                {
                    errors.at(media.span(), "a text is the media type of the answer, such as \"text/csv\"");
                }
                match literal.base10_parse::<u16>().ok().filter(|status| (200..600).contains(status)) {
                    None => errors.at(literal.span(), "a status is a number from 200 to 599"),
                    Some(status) if found.iter().any(|(known, _)| *known == status) => {
                        errors.at(literal.span(), format!("the status {status} is given twice"));
                    }
                    Some(status) => found.push((status, answer)),
                }
            }
            Err(_) => {
                errors.at(span, ANSWERS);
                skip_all(&list);
            }
        }
    }
    Ok(found)
}

/// One of the list, and the comma behind it.
fn one_answer(list: ParseStream<'_>) -> syn::Result<(LitInt, Answer)> {
    let status: LitInt = list.parse()?;
    list.parse::<Token![:]>()?;
    let answer = if list.peek(LitStr) {
        Answer::Media(list.parse()?)
    } else {
        match list.parse::<Type>()? {
            Type::Tuple(tuple) if tuple.elems.is_empty() => Answer::Empty,
            other => Answer::Json(Box::new(other)),
        }
    };
    if !list.is_empty() {
        list.parse::<Token![,]>()?;
    }
    Ok((status, answer))
}

/// Two words of the characters that RFC 6838 allows, with a slash between them; `*` alone stands for any.
fn is_media_type(text: &str) -> bool {
    let is_word = |word: &str| {
        word == "*"
            || !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
    };
    text.split_once('/').is_some_and(|(kind, rest)| is_word(kind) && is_word(rest))
}

/// What is wrong with a path, and at which character (from 1).
pub(crate) fn path_problem(path: &str) -> Option<(usize, String)> {
    let Some(rest) = path.strip_prefix('/') else {
        return Some((1, "a path starts with `/`: it is mounted below `/api/v2/plugins/<id>`".to_owned()));
    };
    for (at, c) in path.chars().enumerate() {
        let problem = match c {
            '?' => "a path has no query; take it with `Query<T>`",
            '#' => "a path has no fragment",
            '%' => "a path is written undecoded, without `%`",
            '\\' => "a path has no backslash",
            c if c.is_whitespace() || c.is_control() => "a path has no blanks",
            _ => continue,
        };
        return Some((at + 1, problem.to_owned()));
    }
    let mut at = 2;
    let mut names: Vec<&str> = Vec::new();
    let segments: Vec<&str> = rest.split('/').collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        if segment.is_empty() && !last {
            return Some((at, "a segment of the path is empty".to_owned()));
        }
        if matches!(*segment, "." | "..") {
            return Some((at, format!("`{segment}` is no segment: clients would resolve it")));
        }
        if let Some(problem) = segment_problem(segment, &names) {
            return Some((at, problem));
        }
        names.extend(segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')));
        at += segment.chars().count() + 1;
    }
    None
}

fn segment_problem(segment: &str, names: &[&str]) -> Option<String> {
    if !segment.contains(['{', '}']) {
        return None;
    }
    let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return Some(format!("a parameter is a whole segment: `/{{name}}/`, not `{segment}`"));
    };
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Some(format!("`{name}` is no name for a parameter: it is an identifier, such as `{{name}}`"));
    }
    names.contains(&name).then(|| format!("the path has two parameters `{name}`"))
}

fn emit(attribute: &str, args: &Arguments, function: &Function) -> TokenStream {
    let sdk = args.sdk.as_ref().map_or_else(default_sdk, ToTokens::to_token_stream);
    let ident = &function.sig.ident;
    let (name, summary, path) = (function.name(), function.summary(), &args.path);
    let method = match attribute {
        "get" => quote!(Get),
        "post" => quote!(Post),
        "put" => quote!(Put),
        "patch" => quote!(Patch),
        _ => quote!(Delete),
    };
    let auth = if args.open { quote!(None) } else { quote!(Required) };
    let budget = option(args.budget.map(duration));
    let request = Ident::new("__request", Span::mixed_site());
    let parameters = function.parameters();
    let taken: Vec<Ident> = (0..parameters.len())
        .map(|index| format_ident!("__parameter{index}", span = Span::mixed_site()))
        .collect();
    let takes = parameters.iter().zip(&taken).map(|(ty, name)| {
        quote_spanned! {ty.span()=>
            let #name = <#ty as #sdk::route::FromRequest>::from_request(&mut #request)?;
        }
    });
    let (output, at) = (function.output(), function.output_span());
    let is_async = function.sig.asyncness.is_some();
    let is_unnamed =
        output.clone().into_iter().any(|token| matches!(&token, TokenTree::Ident(word) if word == "impl"));
    let description = Ident::new("__route", Span::mixed_site());
    let (answer, describes_answer) = if is_unnamed {
        // `impl Trait` cannot be named a second time.
        let describe = if is_async { quote!(describe_output_async) } else { quote!(describe_output) };
        let arguments = quote!((#(#taken,)*): (#(#parameters,)*));
        (
            quote_spanned!(at=> #sdk::route::IntoResponse::into_response),
            quote!(#sdk::__private::#describe(#description, |#arguments| #ident(#(#taken),*));),
        )
    } else {
        (
            quote_spanned!(at=> <#output as #sdk::route::IntoResponse>::into_response),
            quote_spanned!(at=> <#output as #sdk::route::IntoResponse>::describe(#description);),
        )
    };
    let describes = parameters
        .iter()
        .map(|ty| quote_spanned!(ty.span()=> <#ty as #sdk::route::FromRequest>::describe(#description);));
    let declares = args.answers.iter().map(|(status, answer)| match answer {
        Answer::Empty => {
            quote!(#description.declare_body(#status, #sdk::route::AnswerBody::Empty);)
        }
        Answer::Media(media) => {
            quote!(#description.declare_body(#status, #sdk::route::AnswerBody::Media(#media));)
        }
        Answer::Json(ty) => quote_spanned!(ty.span()=> #description.declare::<#ty>(#status);),
    });
    let (keyword, wait) = if is_async { (quote!(async fn), quote!(.await)) } else { (quote!(fn), quote!()) };
    let handler = if is_async {
        // At the function's name, where rustc then says that its future is not `Send`.
        quote_spanned! {ident.span()=>
            #sdk::route::RouteHandler::Async(|#request| ::std::boxed::Box::pin(__pagoda_route(#request)))
        }
    } else {
        quote!(#sdk::route::RouteHandler::Plain(__pagoda_route))
    };
    quote! {
        const _: () = {
            #[allow(unused_mut)]
            #keyword __pagoda_route(mut #request: #sdk::route::RouteRequest)
                -> #sdk::route::RouteResult<#sdk::route::Response>
            {
                #(#takes)*
                ::core::mem::drop(#request);
                #answer(#ident(#(#taken),*)#wait)
            }
            fn __pagoda_describe(#description: &mut #sdk::route::Describer<'_>) {
                #(#describes)*
                #describes_answer
                #(#declares)*
            }
            #sdk::__private::inventory::submit! {
                #sdk::route::RouteReg {
                    plugin: &crate::PLUGIN,
                    method: #sdk::route::Method::#method,
                    path: #path,
                    auth: #sdk::route::RouteAuth::#auth,
                    function: #name,
                    summary: #summary,
                    budget: #budget,
                    file: ::core::file!(),
                    line: ::core::line!(),
                    handler: #handler,
                    describe: __pagoda_describe,
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{expand, path_problem};
    use proptest::prelude::*;
    use quote::quote;

    #[test]
    fn paths() {
        for good in ["/", "/greet/{name}/", "/a/{x}/b/{y}", "/é/", "/{_a1}"] {
            assert_eq!(path_problem(good), None, "{good}");
        }
        for (bad, at) in [
            ("", 1),
            ("greet/", 1),
            ("//", 2),
            ("/greet//x/", 8),
            ("/greet/{name/", 8),
            ("/greet/name}/", 8),
            ("/greet/x{name}/", 8),
            ("/{a}/{a}/", 6),
            ("/{}/", 2),
            ("/{1a}/", 2),
            ("/{a-b}/", 2),
            ("/greet?x=1", 7),
            ("/greet#x", 7),
            ("/gr eet/", 4),
            ("/gr%20eet/", 4),
            ("/a/../b/", 4),
        ] {
            assert_eq!(path_problem(bad).map(|(at, _)| at), Some(at), "{bad}");
        }
    }

    #[test]
    fn a_half_typed_body_still_yields_the_function() {
        let item = quote!(async fn greet(ctx: RouteContext) -> Json<u8> { ctx. });
        let expansion = expand("get", quote!("/greet/"), &item).to_string();
        assert!(expansion.starts_with(&item.to_string()), "{expansion}");
        assert!(!expansion.contains("compile_error"), "{expansion}");
        for args in [quote!(), quote!("greet"), quote!("/greet/", auth), quote!(greet), quote!("/" auth = x)]
        {
            let expansion = expand("get", args.clone(), &item).to_string();
            assert!(expansion.starts_with(&item.to_string()), "{args}: {expansion}");
            assert!(expansion.contains("compile_error"), "{args}: {expansion}");
        }
    }

    proptest! {
        #[test]
        fn whole_segment_parameters_are_accepted(
            segments in prop::collection::vec("[a-z][a-z0-9_-]{0,8}", 0..5),
            slash in any::<bool>(),
        ) {
            let mut path = String::from("/");
            for (index, segment) in segments.iter().enumerate() {
                let segment = if index % 2 == 0 { segment.clone() } else { format!("{{p{index}}}") };
                path.push_str(&segment);
                if slash || index + 1 < segments.len() {
                    path.push('/');
                }
            }
            prop_assert_eq!(path_problem(&path), None);
        }

        #[test]
        fn the_position_is_inside_the_path(path in ".{0,24}") {
            if let Some((at, _)) = path_problem(&path) {
                prop_assert!(at >= 1 && at <= path.chars().count().max(1) + 1);
            }
        }
    }
}
