//! `#[hook]`: a handler of a hook point.

use crate::catalogue::{ALIASES, Kind, Point, points};
use crate::diagnostics::{
    Errors, arguments, beside, budget, default_sdk, duration, option, sdk_path, skip_all, text,
};
use crate::function::{Function, bare};
use crate::names::{closest, one_of, plugin_id_problem};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, LitStr, PathSegment, ReturnType, Token, Type, bracketed};

const KNOWN: [&str; 7] = ["priority", "entity", "before", "after", "on_fault", "budget", "crate"];

/// What stands in the parentheses.
#[derive(Default)]
struct Arguments {
    point: Option<Named>,
    priority: Option<Expr>,
    entity: Option<LitStr>,
    before: Vec<LitStr>,
    after: Vec<LitStr>,
    on_fault: Option<LitStr>,
    budget: Option<u64>,
    sdk: Option<syn::Path>,
    /// Where `entity` stands, for the check against the point.
    entity_key: Option<Span>,
}

/// A hook point as the author named it.
struct Named {
    written: Vec<Ident>,
    point: Point,
    alias: bool,
}

impl Named {
    /// The dotted name as written.
    fn text(&self) -> String {
        dotted(&self.written)
    }

    /// The type of the point, with the author's spans where the names are the author's.
    fn path(&self, sdk: &TokenStream) -> TokenStream {
        let last = self.written.last().map_or_else(Span::call_site, Ident::span);
        let parts = self.point.parts.iter().enumerate().map(|(index, part)| {
            let span = match self.written.get(index) {
                Some(written) if !self.alias => written.span(),
                _ => last,
            };
            Ident::new(&part.to_string(), span)
        });
        quote!(#sdk::hooks #(::#parts)*)
    }
}

fn dotted(parts: &[Ident]) -> String {
    parts.iter().map(|part| part.unraw().to_string()).collect::<Vec<_>>().join(".")
}

pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = parse(args, &mut errors);
    let function = Function::of(item, "hook", &mut errors);
    if let (Some(named), Some(function)) = (&args.point, &function) {
        check(named, &args, function, &mut errors);
        if errors.is_empty() {
            return beside(item, emit(named, &args, function), errors);
        }
    }
    beside(item, TokenStream::new(), errors)
}

fn parse(args: TokenStream, errors: &mut Errors) -> Arguments {
    let mut found = Arguments::default();
    let parse = |input: ParseStream<'_>| {
        found.point = point(input, errors);
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        arguments(input, &KNOWN, errors, |key, input, errors| {
            match key.to_string().as_str() {
                "priority" => found.priority = Some(input.parse()?),
                "entity" => {
                    let name = text(input, key, "\"rack\"")?;
                    if name.value().is_empty() {
                        errors.at(name.span(), "no entity has an empty name");
                    }
                    found.entity_key = Some(key.span());
                    found.entity = Some(name);
                }
                "before" => found.before = plugins(input, key, errors)?,
                "after" => found.after = plugins(input, key, errors)?,
                "on_fault" => {
                    let policy = text(input, key, "\"isolate\" or \"reject\"")?;
                    if !matches!(policy.value().as_str(), "isolate" | "reject") {
                        errors.at(policy.span(), "`on_fault` is \"isolate\" or \"reject\"");
                    }
                    found.on_fault = Some(policy);
                }
                "budget" => found.budget = budget(input, key, errors)?,
                _ => found.sdk = Some(sdk_path(input)?),
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

/// One string or a list of strings, each the id of a plugin.
fn plugins(input: ParseStream<'_>, key: &Ident, errors: &mut Errors) -> syn::Result<Vec<LitStr>> {
    fn plugin(input: ParseStream<'_>) -> syn::Result<LitStr> {
        if input.peek(LitStr) {
            input.parse()
        } else {
            Err(input.error("the id of a plugin is a text: \"audit\""))
        }
    }
    let ids: Vec<LitStr> = if input.peek(LitStr) {
        vec![input.parse()?]
    } else if input.peek(syn::token::Bracket) {
        let list;
        bracketed!(list in input);
        list.parse_terminated(plugin, Token![,])?.into_iter().collect()
    } else {
        return Err(
            input.error(format!("`{key}` is a plugin id or a list of them: \"audit\" or [\"audit\"]"))
        );
    };
    for id in &ids {
        if let Some(problem) = plugin_id_problem(&id.value()) {
            errors.at(id.span(), problem);
        }
    }
    Ok(ids)
}

/// Reads the name of the point; what is wrong with it is reported here.
fn point(input: ParseStream<'_>, errors: &mut Errors) -> Option<Named> {
    const FORM: &str = "a hook point is written with dots and without quotes: `#[hook(entry.after_create)]`";
    if input.is_empty() {
        errors.at(Span::call_site(), "which hook point? Write `#[hook(entry.after_create)]`, say");
        return None;
    }
    if input.peek(LitStr) {
        errors.at(input.span(), FORM);
        let _ = input.parse::<LitStr>();
        return None;
    }
    let mut written: Vec<Ident> = Vec::new();
    loop {
        match input.call(Ident::parse_any) {
            Ok(part) => written.push(part),
            Err(_) => {
                errors.at(input.span(), FORM);
                break;
            }
        }
        if input.peek(Token![::]) {
            errors.at(input.span(), FORM);
            break;
        }
        if input.peek(Token![=]) {
            errors.over(written.last(), "the hook point comes first: `#[hook(entry.after_create, …)]`");
            skip_all(input);
            break;
        }
        if input.is_empty() || input.peek(Token![,]) {
            return resolve(written, errors);
        }
        if input.parse::<Token![.]>().is_err() {
            errors.at(input.span(), FORM);
            break;
        }
    }
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>().ok()?;
    }
    None
}

fn resolve(written: Vec<Ident>, errors: &mut Errors) -> Option<Named> {
    let points = match points() {
        Ok(points) => points,
        Err(error) => {
            errors.add(error);
            return None;
        }
    };
    let name = dotted(&written);
    let neutral = name.strip_prefix("airone.").map(|rest| format!("pagoda.{rest}"));
    let target = neutral
        .as_deref()
        .or_else(|| ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, target)| *target));
    let wanted = target.unwrap_or(&name);
    let names: Vec<String> = points.iter().map(Point::name).collect();
    if let Some(point) = points.into_iter().find(|point| point.name() == wanted) {
        return Some(Named { written, alias: target.is_some(), point });
    }
    let proposals = proposals(wanted, &names);
    let hint = match proposals.as_slice() {
        [] => "`pagoda_plugin_sdk::hooks` has the list".to_owned(),
        near => format!("did you mean {}?", one_of(near)),
    };
    let message = format!("there is no hook point `{name}`; {hint}");
    // The smallest token that is wrong: the first part that the one proposal does not share.
    let wrong = match proposals.as_slice() {
        [only] if target.is_none() => {
            written.iter().zip(only.split('.')).find(|(part, right)| *part != right).map(|(part, _)| part)
        }
        _ => None,
    };
    match wrong {
        Some(part) => errors.at(part.span(), message),
        None => errors.over(quote!(#(#written)*), message),
    }
    None
}

/// The near name; or, where none is near, the points that end in what was written.
fn proposals<'a>(wanted: &str, names: &'a [String]) -> Vec<&'a str> {
    let all = || names.iter().map(String::as_str);
    let ends = |name: &&str| name.strip_suffix(wanted).is_some_and(|front| front.ends_with('.'));
    closest(wanted, all()).map_or_else(|| all().filter(ends).collect(), |near| vec![near])
}

fn check(named: &Named, args: &Arguments, function: &Function, errors: &mut Errors) {
    let (kind, name) = (named.point.kind, named.text());
    if let (Some(span), false) = (args.entity_key, named.point.by_entity) {
        errors.at(span, format!("`{name}` is not about an entity, so there is nothing to filter by"));
    }
    if let (Some(policy), false) = (&args.on_fault, matches!(kind, Kind::Transform | Kind::Check))
        && policy.value() == "reject"
    {
        let why = match kind {
            Kind::Filter => "while an answer is built: there is no operation to refuse",
            _ => "after the commit: there is nothing left to refuse",
        };
        errors.at(policy.span(), format!("`{name}` fires {why}; `on_fault` can only be \"isolate\" here"));
    }
    let sig = &function.sig;
    if let (Some(token), true) = (sig.asyncness, kind != Kind::Observe) {
        let why = if kind == Kind::Filter {
            "it runs while an answer is built, inside one read of the database"
        } else {
            "it runs inside a transaction, and nothing waits on the network inside a transaction"
        };
        let right = one_of(&["entry.after_create", "entry.after_update"]);
        errors.at(
            token.span,
            format!("a handler of `{name}` cannot be `async`: {why}; what may wait belongs on a point that observes, such as {right}"),
        );
    }
    if !function.check("a hook handler", errors) {
        return;
    }
    check_output(function, &signature(named, function), errors);
    check_parameters(kind, &name, &signature(named, function), function, errors);
}

/// The right signature, for messages.
fn signature(named: &Named, function: &Function) -> String {
    let (context, reference) = shape(named.point.kind);
    let keyword =
        if function.sig.asyncness.is_some() && named.point.kind == Kind::Observe { "async fn" } else { "fn" };
    let (name, payload) = (function.name(), &named.point.payload);
    let ty = context_name(function);
    format!("{keyword} {name}(ctx: {context}{ty}, payload: {reference}{payload}) -> HookResult")
}

/// How context and payload are taken.
fn shape(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Transform | Kind::Filter => ("&mut ", "&mut "),
        Kind::Check => ("&mut ", "&"),
        Kind::Observe => ("", "&"),
    }
}

/// Checks that something is returned which can be a type argument; the type itself is checked by types.
pub(crate) fn check_output(function: &Function, right: &str, errors: &mut Errors) {
    match &function.sig.output {
        ReturnType::Default => {
            errors.at(function.sig.ident.span(), format!("a handler returns `HookResult`: `{right}`"))
        }
        ReturnType::Type(_, ty) => {
            if let Type::ImplTrait(bound) = bare(ty) {
                errors.at(
                    bound.impl_token.span,
                    format!("a handler returns `HookResult`; an async one is an `async fn`: `{right}`"),
                );
            }
        }
    }
}

/// Checks number and reference kinds of the parameters.
pub(crate) fn check_parameters(
    kind: Kind,
    name: &str,
    right: &str,
    function: &Function,
    errors: &mut Errors,
) {
    let parameters = function.parameters();
    let [context, payload] = parameters.as_slice() else {
        errors.at(
            function.sig.paren_token.span.join(),
            format!(
                "a handler of `{name}` takes the context and the payload (found {}): `{right}`",
                parameters.len()
            ),
        );
        return;
    };
    let (by_context, by_payload) = shape(kind);
    if reference(context) != by_context {
        let why = match kind {
            Kind::Observe => format!("`{name}` only observes, after the commit: take the context by value"),
            _ => {
                format!("`{name}` runs inside a transaction that handlers share: take the context by `&mut`")
            }
        };
        errors.at(front(context), format!("{why}: `{right}`"));
    }
    if reference(payload) != by_payload {
        let why = match (kind, by_payload) {
            (Kind::Check, _) => format!("`{name}` only checks: take the payload by `&`"),
            (Kind::Observe, _) => format!("`{name}` only observes: take the payload by `&`"),
            _ => format!("a handler of `{name}` changes the payload in place: take it by `&mut`"),
        };
        errors.at(front(payload), format!("{why}: `{right}`"));
    }
}

/// `""`, `"&"` or `"&mut "`, as in [`shape`].
fn reference(ty: &Type) -> &'static str {
    match bare(ty) {
        Type::Reference(reference) if reference.mutability.is_some() => "&mut ",
        Type::Reference(_) => "&",
        _ => "",
    }
}

/// The reference sign of a type, or its first token.
fn front(ty: &Type) -> Span {
    match bare(ty) {
        Type::Reference(reference) => reference.and_token.span,
        ty => ty.span(),
    }
}

/// The type behind a reference.
fn referent(ty: &Type) -> &Type {
    match bare(ty) {
        Type::Reference(reference) => bare(&reference.elem),
        ty => ty,
    }
}

/// The last part of a path: of `sdk::HookContext<Plugin>` it is `HookContext<Plugin>`.
fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match bare(ty) {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        _ => None,
    }
}

/// The context's type for messages: with what it carries, if the author wrote that.
pub(crate) fn context_name(function: &Function) -> String {
    let parameters = function.parameters();
    let written = parameters.iter().filter_map(|ty| last_segment(referent(ty)));
    let typed = written.filter(|segment| segment.ident == "HookContext" && !segment.arguments.is_none());
    typed
        .map(|segment| segment.to_token_stream().to_string().replace(' ', ""))
        .next()
        .unwrap_or_else(|| "HookContext".to_owned())
}

/// Whether the context is written as the plain `HookContext`, so that the function itself can be registered.
/// Everything else goes through a conversion that the types choose: `HookContext<Plugin>`, an alias, another
/// name. A plain context under such a name is only converted needlessly.
fn takes_raw_context(function: &Function) -> bool {
    let parameters = function.parameters();
    let context = parameters.first().and_then(|context| last_segment(referent(context)));
    context.is_some_and(|segment| segment.ident == "HookContext" && segment.arguments.is_none())
}

/// The value for a handler inside a transaction.
fn plain_handler(sdk: &TokenStream, function: &Function) -> TokenStream {
    let ident = &function.sig.ident;
    if takes_raw_context(function) {
        return quote!(#ident);
    }
    let (ctx, payload) = closure_parameters(ident);
    quote_spanned! {ident.span()=>
        |#ctx, #payload| #sdk::__private::lend(#ctx, |#ctx| #ident(#ctx, #payload))
    }
}

/// Names that the author's cannot be mistaken for, at the function's name for the sake of messages.
fn closure_parameters(function: &Ident) -> (Ident, Ident) {
    let at = Span::mixed_site().located_at(function.span());
    (Ident::new("__ctx", at), Ident::new("__payload", at))
}

/// The checks of context, payload and result, each at the type that the author wrote; `payload` is the
/// function of `__private` that checks the payload.
pub(crate) fn type_checks(sdk: &TokenStream, function: &Function, payload: &TokenStream) -> TokenStream {
    let parameters = function.parameters();
    let [context, data] = parameters.as_slice() else { return TokenStream::new() };
    let (context, data) = (referent(context), referent(data));
    let output = function.output();
    let context_check = quote_spanned!(context.span()=> #sdk::__private::hook_context::<#context>(););
    let payload_check = quote_spanned!(data.span()=> #sdk::__private::#payload #data >(););
    let output_check = quote_spanned!(function.output_span()=> #sdk::__private::hook_output::<#output>(););
    quote! {
        const _: () = {
            #context_check
            #payload_check
            #output_check
        };
    }
}

/// The value for `ObserveHandler`.
pub(crate) fn observe_handler(sdk: &TokenStream, function: &Function) -> TokenStream {
    let ident = &function.sig.ident;
    let (ctx, payload) = closure_parameters(ident);
    let raw = takes_raw_context(function);
    // At the function's name, where rustc then says that its future is not `Send`.
    let call = if raw {
        quote_spanned!(ident.span()=> #ident(#ctx, #payload))
    } else {
        quote_spanned!(ident.span()=> #ident(#sdk::__private::typed(#ctx), #payload))
    };
    match (function.sig.asyncness.is_some(), raw) {
        (true, _) => quote_spanned! {ident.span()=>
            #sdk::hook::ObserveHandler::Async(|#ctx, #payload| ::std::boxed::Box::pin(#call))
        },
        (false, true) => quote_spanned!(ident.span()=> #sdk::hook::ObserveHandler::Plain(#ident)),
        (false, false) => quote_spanned! {ident.span()=>
            #sdk::hook::ObserveHandler::Plain(|#ctx, #payload| #call)
        },
    }
}

fn emit(named: &Named, args: &Arguments, function: &Function) -> TokenStream {
    let sdk = args.sdk.as_ref().map_or_else(default_sdk, ToTokens::to_token_stream);
    let point = named.path(&sdk);
    let slice = named.point.slice();
    let name = function.name();
    let checks = type_checks(&sdk, function, &quote!(payload_of::<#point, ));
    let note = named.alias.then(|| deprecation(named));
    let handler = match named.point.kind {
        Kind::Observe => observe_handler(&sdk, function),
        Kind::Transform | Kind::Check | Kind::Filter => plain_handler(&sdk, function),
    };
    let priority = args.priority.as_ref().map_or_else(|| quote!(100), ToTokens::to_token_stream);
    let entity = option(args.entity.as_ref().map(ToTokens::to_token_stream));
    let budget = option(args.budget.map(duration));
    let (before, after) = (&args.before, &args.after);
    let on_fault = match &args.on_fault {
        Some(policy) if policy.value() == "reject" => quote!(Reject),
        _ => quote!(Isolate),
    };
    quote! {
        const _: () = {
            #note
            #checks
            #[#sdk::__private::linkme::distributed_slice(#sdk::__private::slices::#slice)]
            #[linkme(crate = #sdk::__private::linkme)]
            static __PAGODA_HOOK: #sdk::hook::HookReg<#point> = #sdk::hook::HookReg {
                info: #sdk::hook::HookInfo {
                    plugin: &crate::PLUGIN,
                    function: #name,
                    module: ::core::module_path!(),
                    file: ::core::file!(),
                    line: ::core::line!(),
                    priority: #priority,
                    entity: #entity,
                    before: &[#(#before),*],
                    after: &[#(#after),*],
                    on_fault: #sdk::hook::OnFault::#on_fault,
                    budget: #budget,
                },
                handler: #handler,
            };
        };
    }
}

/// A warning at the alias. A macro cannot emit one on stable Rust, but it can mention something deprecated.
fn deprecation(named: &Named) -> TokenStream {
    let span = named.written.first().map_or_else(Span::call_site, Ident::span);
    let (written, right) = (named.text(), named.point.name());
    let ident = written.replace('.', "_");
    let (declared, mentioned) = (Ident::new(&ident, Span::call_site()), Ident::new(&ident, span));
    let note = format!("`{written}` is an old name of the hook point `{right}`; write that");
    quote! {
        #[deprecated(note = #note)]
        #[allow(non_upper_case_globals)]
        const #declared: () = ();
        const _: () = #mentioned;
    }
}

#[cfg(test)]
mod tests {
    use super::expand;
    use quote::quote;

    #[test]
    fn a_half_typed_body_still_yields_the_function() {
        let item = quote! {
            pub fn greet(cx: &mut HookContext, entry: &mut EntryBeforeCreate) -> HookResult { cx. }
        };
        let expansion = expand(quote!(entry.before_create), &item).to_string();
        assert!(expansion.starts_with(&item.to_string()), "{expansion}");
        assert!(expansion.contains("distributed_slice"), "{expansion}");
        assert!(!expansion.contains("compile_error"), "{expansion}");
    }

    #[test]
    fn a_mistake_still_yields_the_function() {
        let item = quote!(fn greet() { cx. });
        for args in [
            quote!(entry.),
            quote!(),
            quote!("entry.after_create"),
            quote!(entry::after_create),
            quote!(entry after_create),
            quote!(entry.after_create priority),
            quote!(entry.after_create, priority),
            quote!(entry.after_create, priority = ),
            quote!(entry.after_create, = 5, , priority = 5),
            quote!(priority = 5),
            quote!(5),
        ] {
            let expansion = expand(args.clone(), &item).to_string();
            assert!(expansion.starts_with(&item.to_string()), "{args}: {expansion}");
            assert!(expansion.contains("compile_error"), "{args}: {expansion}");
        }
    }

    #[test]
    fn mistakes_are_reported_together() {
        let expansion = expand(
            quote!(entry.before_create, piority = 5, on_fault = "ignore", budget = "5h"),
            &quote!(
                async fn greet(&self) {}
            ),
        )
        .to_string();
        for expected in
            ["did you mean `priority`", "`on_fault` is", "a budget is", "cannot be `async`", "not a method"]
        {
            assert!(expansion.contains(expected), "{expected}: {expansion}");
        }
    }

    #[test]
    fn near_and_short_names_lead_to_a_point() {
        for (written, proposed) in [
            (quote!(entry.after_crate), "`entry.after_create`"),
            (quote!(entrys.after_create), "`entry.after_create`"),
            (quote!(entry.validation), "`pagoda.entry.validation`"),
            (quote!(validation), "`pagoda.entity.validation` or `pagoda.entry.validation`"),
            (quote!(airone.entry.validaton), "`pagoda.entry.validation`"),
            (quote!(nothing.like.it), "has the list"),
        ] {
            let expansion = expand(
                written.clone(),
                &quote!(
                    fn f() {}
                ),
            )
            .to_string();
            assert!(expansion.contains(proposed), "{written}: {expansion}");
        }
    }
}
