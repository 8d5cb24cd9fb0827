//! `plugin!`: the declaration of a plugin.

use crate::capability::{Capability, capabilities, http_hosts};
use crate::diagnostics::{Errors, arguments, budget, default_sdk, duration, sdk_path, text};
use crate::names::plugin_id_problem;
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{LitStr, Type};

const KNOWN: [&str; 10] = [
    "id",
    "alias",
    "name",
    "version",
    "description",
    "config",
    "budget",
    "capabilities",
    "http_hosts",
    "crate",
];

#[derive(Default)]
struct Declaration {
    id: Option<LitStr>,
    alias: Option<LitStr>,
    name: Option<LitStr>,
    version: Option<LitStr>,
    description: Option<LitStr>,
    config: Option<Type>,
    budget: Option<u64>,
    capabilities: Vec<Capability>,
    http_hosts: Vec<LitStr>,
    /// Where `http_hosts` stands, for the check against the capabilities.
    http_hosts_key: Option<Span>,
    sdk: Option<syn::Path>,
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut declared = Declaration::default();
    let parse = |input: ParseStream<'_>| {
        arguments(input, &KNOWN, &mut errors, |key, input, errors| {
            let id_of = |literal: LitStr, errors: &mut Errors| {
                if let Some(problem) = plugin_id_problem(&literal.value()) {
                    errors.at(literal.span(), problem);
                }
                literal
            };
            match key.to_string().as_str() {
                "id" => declared.id = Some(id_of(text(input, key, "\"rack-names\"")?, errors)),
                "alias" => declared.alias = Some(id_of(text(input, key, "\"rack-names\"")?, errors)),
                "name" => declared.name = Some(text(input, key, "\"Rack names\"")?),
                "version" => declared.version = Some(text(input, key, "\"1.0.0\"")?),
                "description" => declared.description = Some(text(input, key, "\"Names racks\"")?),
                "config" => declared.config = Some(input.parse()?),
                "budget" => declared.budget = budget(input, key, errors)?,
                "capabilities" => declared.capabilities = capabilities(input, errors)?,
                "http_hosts" => {
                    declared.http_hosts_key = Some(key.span());
                    declared.http_hosts = http_hosts(input, errors)?;
                }
                _ => declared.sdk = Some(sdk_path(input)?),
            }
            Ok(())
        });
        Ok(())
    };
    if let Err(error) = parse.parse2(input) {
        errors.add(error);
    }
    if declared.id.is_none() && errors.is_empty() {
        errors.at(Span::call_site(), "a plugin needs an id: `plugin! { id = \"rack-names\" }`");
    }
    if let Some(key) = declared.http_hosts_key
        && !declared.capabilities.iter().any(Capability::reaches_http)
    {
        errors.at(key, "`http_hosts` needs the capability: `capabilities = [http.out]`");
    }
    let made = emit(&declared);
    match errors.into_items() {
        // The static stays, so that the hooks of the crate do not complain as well.
        Some(mistakes) => quote!(#made #mistakes),
        None => {
            let sdk = declared.sdk.map_or_else(default_sdk, ToTokens::into_token_stream);
            quote! {
                #made
                const _: () = {
                    // Fails where `plugin!` does not stand in the root of its crate.
                    const _: &#sdk::plugin::PluginDecl = &crate::PLUGIN;
                    #sdk::__private::inventory::submit! { #sdk::plugin::PluginReg(&crate::PLUGIN) }
                };
            }
        }
    }
}

fn emit(declared: &Declaration) -> TokenStream {
    let Declaration { id, alias, name, version, description, config, http_hosts, .. } = declared;
    let sdk = declared.sdk.as_ref().map_or_else(default_sdk, ToTokens::to_token_stream);
    // A bad id was answered already; the constant check of the SDK must not answer it again.
    let id = id.as_ref().filter(|id| plugin_id_problem(&id.value()).is_none());
    let id = id.map_or_else(|| quote!("invalid-id"), ToTokens::to_token_stream);
    let name = name.as_ref().map_or_else(|| id.clone(), ToTokens::to_token_stream);
    let version = or_manifest(version.as_ref(), "CARGO_PKG_VERSION");
    let description = or_manifest(description.as_ref(), "CARGO_PKG_DESCRIPTION");
    let alias = alias
        .as_ref()
        .filter(|alias| plugin_id_problem(&alias.value()).is_none())
        .map(|alias| quote!(.with_alias(#alias)));
    let config = config
        .as_ref()
        .map(|ty| quote_spanned!(ty.span()=> .with_config(#sdk::config::ConfigSpec::of::<#ty>())));
    let budget = declared.budget.map(duration).map(|budget| quote!(.with_budget(#budget)));
    let capabilities = declared.capabilities.iter().map(|capability| capability.value(&sdk));
    let secrets = secrets(&declared.capabilities, &sdk);
    let markers = declared.capabilities.iter().filter_map(|capability| capability.marker(&sdk));
    quote! {
        /// What this plugin may do, as a type, made by `plugin!`: it implements a trait of the SDK's
        /// `capability` module for each declared capability. A handler that reaches data takes its context as
        /// `HookContext<Plugin>` or `RouteContext<Plugin>`.
        #[allow(dead_code, missing_copy_implementations, missing_debug_implementations)]
        pub struct Plugin;
        const _: () = {
            impl #sdk::capability::Declared for Plugin {
                const PLUGIN: &'static #sdk::plugin::PluginDecl = &PLUGIN;
            }
            #(impl #markers for Plugin {})*
        };
        /// The declaration of this plugin, made by `plugin!`. The hooks and routes of the crate refer to it
        /// as `crate::PLUGIN`.
        ///
        /// If the compiler says that it cannot find `PLUGIN` in the crate root: `plugin! { id = "…" }` is
        /// missing in the root of the crate (`src/lib.rs`), stands in another module, or stands below a
        /// `#[cfg]` that is off.
        pub static PLUGIN: #sdk::plugin::PluginDecl = #sdk::plugin::PluginDecl::new(#id, #name, #version)
            #alias
            .with_about(
                #description,
                ::core::env!("CARGO_PKG_AUTHORS"),
                ::core::env!("CARGO_PKG_LICENSE"),
            )
            #config
            #budget
            .with_capabilities(&[#(#capabilities),*])
            .with_http_hosts(&[#(#http_hosts),*])
            .at(::core::file!(), ::core::line!());
        #secrets
    }
}

/// The module of the declared secrets; none where none is declared, so that the name stays free.
fn secrets(capabilities: &[Capability], sdk: &TokenStream) -> Option<TokenStream> {
    let constants: Vec<TokenStream> = capabilities
        .iter()
        .filter_map(Capability::secret)
        .map(|(constant, name)| {
            let doc = format!("The secret `{name}`.");
            quote! {
                #[doc = #doc]
                pub const #constant: super::__PagodaSecret<super::Plugin> =
                    super::__PagodaSecret::declared(#name);
            }
        })
        .collect();
    (!constants.is_empty()).then(|| {
        quote! {
            // The path of the SDK is one that the root of the crate knows, and perhaps no module below it.
            #[doc(hidden)]
            use #sdk::secret::Secret as __PagodaSecret;
            /// The secrets that this plugin declares, made by `plugin!`: `ctx.secret(crate::secrets::…)`.
            #[allow(dead_code)]
            pub mod secrets {
                // For the path of the SDK, which is one of the root.
                #[allow(unused_imports)]
                use super::*;
                #(#constants)*
            }
        }
    })
}

fn or_manifest(given: Option<&LitStr>, variable: &str) -> TokenStream {
    given.map_or_else(|| quote!(::core::env!(#variable)), ToTokens::to_token_stream)
}
