//! `#[subscribe]`: a function that hears the events of a plugin.

use crate::catalogue::Kind;
use crate::diagnostics::{
    Errors, arguments, beside, budget, default_sdk, duration, option, sdk_path, skip_all,
};
use crate::function::Function;
use crate::hook::{check_output, check_parameters, context_name, observe_handler, type_checks};
use crate::names::event_name_problem;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{LitStr, Token};

pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut event: Option<LitStr> = None;
    let mut sdk: Option<syn::Path> = None;
    let mut time: Option<u64> = None;
    let parse = |input: ParseStream<'_>| {
        if input.peek(LitStr) {
            event = Some(input.parse()?);
            input.parse::<Option<Token![,]>>()?;
        } else {
            let span = if input.is_empty() { Span::call_site() } else { input.span() };
            errors.at(span, "which event? Write `#[subscribe(\"stock-take.finished\")]`, say");
            skip_all(input);
        }
        arguments(input, &["budget", "crate"], &mut errors, |key, input, errors| {
            if *key == "budget" {
                time = budget(input, key, errors)?;
            } else {
                sdk = Some(sdk_path(input)?);
            }
            Ok(())
        });
        Ok(())
    };
    if let Err(error) = parse.parse2(args) {
        errors.add(error);
    }
    if let Some(event) = &event
        && let Some(problem) = event_name_problem(&event.value())
    {
        errors.at(event.span(), problem);
    }
    let function = Function::of(item, "subscribe", &mut errors);
    let Some(function) = function else { return beside(item, TokenStream::new(), errors) };
    if function.check("a subscriber", &mut errors) {
        let keyword = if function.sig.asyncness.is_some() { "async fn" } else { "fn" };
        let (name, context) = (function.name(), context_name(&function));
        let right = format!("{keyword} {name}(ctx: {context}, event: &PluginEvent) -> HookResult");
        check_output(&function, &right, &mut errors);
        let name = event.as_ref().map(LitStr::value).unwrap_or_default();
        check_parameters(Kind::Observe, &name, &right, &function, &mut errors);
    }
    let sdk = sdk.map_or_else(default_sdk, ToTokens::into_token_stream);
    let checks = type_checks(&sdk, &function, &quote!(event_payload::<));
    let handler = observe_handler(&sdk, &function);
    let (name, budget) = (function.name(), option(time.map(duration)));
    let made = quote! {
        const _: () = {
            #checks
            #sdk::__private::inventory::submit! {
                #sdk::event::SubscriberReg {
                    plugin: &crate::PLUGIN,
                    event: #event,
                    function: #name,
                    budget: #budget,
                    file: ::core::file!(),
                    line: ::core::line!(),
                    handler: #handler,
                }
            }
        };
    };
    beside(item, made, errors)
}
