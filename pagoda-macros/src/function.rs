//! The function under an attribute.
//!
//! Only attributes, visibility and signature are parsed. The body stays tokens, so that a half-typed one
//! is left to the compiler and to editors, which know better what to say about it.

use crate::diagnostics::Errors;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, GenericParam, ReturnType, Signature, Token, Type, Visibility};

/// A function without its body.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) sig: Signature,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let sig = input.parse()?;
        input.parse::<TokenStream>()?;
        Ok(Self { attrs, sig })
    }
}

/// Says where an item that is no function begins.
struct Other(Span);

impl Parse for Other {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let span = input.span();
        let is_fn = {
            let ahead = input.fork();
            let mut found = false;
            // `const`, `async`, `unsafe` and `extern "C"` may stand before `fn`; no other item has one
            // among its first tokens.
            for _ in 0..6 {
                if ahead.parse::<Token![fn]>().is_ok() {
                    found = true;
                    break;
                }
                let word = ahead.call(Ident::parse_any).map(|word| word.to_string());
                match word.as_deref() {
                    Ok("const" | "async" | "unsafe" | "extern") => {}
                    _ if ahead.parse::<syn::LitStr>().is_ok() => {}
                    _ => break,
                }
            }
            found
        };
        input.parse::<TokenStream>()?;
        if is_fn { Err(syn::Error::new(span, "function")) } else { Ok(Self(span)) }
    }
}

impl Function {
    /// Parses the item under `attribute`; anything but a function is a mistake.
    pub(crate) fn of(item: &TokenStream, attribute: &str, errors: &mut Errors) -> Option<Self> {
        if let Ok(Other(span)) = syn::parse2::<Other>(item.clone()) {
            errors.at(span, format!("#[{attribute}] goes on a function"));
            return None;
        }
        syn::parse2(item.clone()).map_err(|error| errors.add(error)).ok()
    }

    pub(crate) fn name(&self) -> String {
        self.sig.ident.unraw().to_string()
    }

    /// The parameters, if there is no `self` among them.
    pub(crate) fn parameters(&self) -> Vec<&Type> {
        self.sig
            .inputs
            .iter()
            .filter_map(|input| match input {
                FnArg::Typed(typed) => Some(typed.ty.as_ref()),
                FnArg::Receiver(_) => None,
            })
            .collect()
    }

    /// Checks what holds for every kind of annotated function; `what` is "a hook handler", say.
    /// Whether the parameters are worth checking further.
    pub(crate) fn check(&self, what: &str, errors: &mut Errors) -> bool {
        let sig = &self.sig;
        if let Some(token) = sig.unsafety {
            errors.at(token.span, format!("{what} cannot be `unsafe`: the host calls it by itself"));
        }
        if let Some(token) = sig.constness {
            errors.at(token.span, format!("{what} cannot be `const`: it is called at run time only"));
        }
        if let Some(abi) = &sig.abi {
            errors.at(abi.extern_token.span, format!("{what} is an ordinary Rust function, not `extern`"));
        }
        if let Some(variadic) = &sig.variadic {
            errors.over(variadic, format!("{what} cannot be variadic"));
        }
        let generic = sig.generics.params.iter().any(|param| !matches!(param, GenericParam::Lifetime(_)));
        if let (true, Some(open)) = (generic, &sig.generics.lt_token) {
            errors.at(open.span, format!("{what} cannot be generic: one registration is one function"));
        }
        if let Some(FnArg::Receiver(receiver)) = sig.inputs.first() {
            errors.at(receiver.self_token.span, format!("{what} is a free function, not a method"));
            return false;
        }
        let mut fine = true;
        for ty in self.parameters() {
            if let Type::ImplTrait(bound) = bare(ty) {
                errors.at(
                    bound.impl_token.span,
                    format!("{what} cannot be generic: one registration is one function, so name the type"),
                );
                fine = false;
            }
        }
        fine
    }

    /// The return type as written, `()` when none is.
    pub(crate) fn output(&self) -> TokenStream {
        match &self.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, ty) => quote!(#ty),
        }
    }

    /// Where the return type stands.
    pub(crate) fn output_span(&self) -> Span {
        match &self.sig.output {
            ReturnType::Default => self.sig.ident.span(),
            ReturnType::Type(_, ty) => ty.span(),
        }
    }

    /// The first paragraph of the documentation, in one line.
    pub(crate) fn summary(&self) -> String {
        let mut lines = Vec::new();
        for attr in self.attrs.iter().filter(|attr| attr.path().is_ident("doc")) {
            let Ok(syn::MetaNameValue { value: syn::Expr::Lit(literal), .. }) =
                attr.meta.require_name_value()
            else {
                continue;
            };
            let syn::Lit::Str(text) = &literal.lit else { continue };
            for line in text.value().lines().map(str::trim) {
                match (line.is_empty(), lines.is_empty()) {
                    (true, true) => {}
                    (true, false) => return lines.join(" "),
                    (false, _) => lines.push(line.to_owned()),
                }
            }
            if text.value().trim().is_empty() && !lines.is_empty() {
                return lines.join(" ");
            }
        }
        lines.join(" ")
    }
}

/// A type without the invisible groups that `macro_rules!` puts around `$ty`, and without parentheses.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        _ => ty,
    }
}

#[cfg(test)]
mod tests {
    use super::Function;
    use crate::diagnostics::Errors;
    use proc_macro2::TokenStream;
    use quote::quote;

    fn summary_of(item: &TokenStream) -> String {
        Function::of(item, "get", &mut Errors::default()).map(|function| function.summary()).unwrap()
    }

    #[test]
    fn the_summary_is_the_first_paragraph() {
        let item = quote! {
            /// How many racks
            /// there are.
            ///
            /// In all rooms.
            pub async fn count() {}
        };
        assert_eq!(summary_of(&item), "How many racks there are.");
        assert_eq!(
            summary_of(&quote!(
                #[doc = "One.\nTwo.\n\nThree."]
                fn f() {}
            )),
            "One. Two."
        );
        assert_eq!(
            summary_of(&quote!(
                #[doc(hidden)]
                fn f() {}
            )),
            ""
        );
    }

    #[test]
    fn anything_but_a_function_is_refused() {
        for item in [
            quote!(
                struct A;
            ),
            quote!(
                const A: fn() = b;
            ),
            quote!(
                pub mod a {}
            ),
            quote!(
                unsafe impl A for B {}
            ),
        ] {
            let mut errors = Errors::default();
            assert!(Function::of(&item, "hook", &mut errors).is_none());
            let text = errors.into_items().unwrap().to_string();
            assert!(text.contains("#[hook] goes on a function"), "{item}: {text}");
        }
        for item in [
            quote!(
                fn a() {}
            ),
            quote!(
                pub(crate) const unsafe extern "C" fn a() {}
            ),
        ] {
            assert!(Function::of(&item, "hook", &mut Errors::default()).is_some(), "{item}");
        }
    }
}
