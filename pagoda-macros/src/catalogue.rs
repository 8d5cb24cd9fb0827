//! The hook catalogue as the macros see it, read from `hook_points.in`.
//!
//! The table is compiled in, so a mistake in it is a mistake of this crate: its parser is exercised by the
//! tests below, and by every build of the SDK.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, LitStr, Token, parenthesized};

const TABLE: &str = include_str!("hook_points.in");

/// Other names of points, and what they stand for. Source: `airone.*` is the old prefix, the `…_v2` names
/// are the legacy names of the system that this one replaces.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("entry.validate", "pagoda.entry.validation"),
    ("validate_entry", "pagoda.entry.validation"),
    ("before_create_entry_v2", "entry.before_create"),
    ("after_create_entry_v2", "entry.after_create"),
    ("before_update_entry_v2", "entry.before_update"),
    ("after_update_entry_v2", "entry.after_update"),
    ("before_delete_entry_v2", "entry.before_delete"),
    ("after_delete_entry_v2", "entry.after_delete"),
    ("before_restore_entry_v2", "entry.before_restore"),
    ("after_restore_entry_v2", "entry.after_restore"),
    ("before_create_entity_v2", "entity.before_create"),
    ("after_create_entity_v2", "entity.after_create"),
    ("before_update_entity_v2", "entity.before_update"),
    ("after_update_entity_v2", "entity.after_update"),
    ("before_delete_entity_v2", "entity.before_delete"),
    ("after_delete_entity_v2", "entity.after_delete"),
    ("get_entry_attr", "entry.get_attrs"),
    ("get_entity_attr", "entity.get_attrs"),
];

/// What a handler of a point may do; decides its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Transform,
    Check,
    Observe,
    Filter,
}

/// One row of the table.
pub(crate) struct Point {
    pub(crate) docs: Vec<Attribute>,
    /// The parts of the dotted name.
    pub(crate) parts: Vec<Ident>,
    pub(crate) kind: Kind,
    pub(crate) payload: Ident,
    pub(crate) group: Ident,
    /// Whether `entity = "…"` makes sense.
    pub(crate) by_entity: bool,
    pub(crate) fires: bool,
    pub(crate) detail: LitStr,
}

impl Point {
    pub(crate) fn name(&self) -> String {
        self.parts.iter().map(Ident::to_string).collect::<Vec<_>>().join(".")
    }

    /// Identifier for fields and variants: `entry_before_create`.
    pub(crate) fn field(&self) -> Ident {
        format_ident!("{}", self.parts.iter().map(Ident::to_string).collect::<Vec<_>>().join("_"))
    }

    /// Name of the linkme slice. linkme knows a slice by this identifier alone, whatever crate it is in,
    /// so it carries the version of the registration format.
    pub(crate) fn slice(&self) -> Ident {
        format_ident!("PAGODA_V1_{}", self.field().to_string().to_uppercase())
    }

    /// `hooks::entry::before_create`, below the SDK's root.
    pub(crate) fn path(&self) -> TokenStream {
        let parts = &self.parts;
        quote!(hooks #(::#parts)*)
    }
}

struct Table(Vec<Point>);

impl Parse for Table {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut points = Vec::new();
        while !input.is_empty() {
            points.push(input.parse()?);
        }
        Ok(Self(points))
    }
}

impl Parse for Point {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let docs = input.call(Attribute::parse_outer)?;
        let parts = Punctuated::<Ident, Token![.]>::parse_separated_nonempty(input)?.into_iter().collect();
        input.parse::<Token![:]>()?;
        let kind: Ident = input.parse()?;
        let kind = match kind.to_string().as_str() {
            "Transform" => Kind::Transform,
            "Check" => Kind::Check,
            "Observe" => Kind::Observe,
            "Filter" => Kind::Filter,
            _ => return Err(syn::Error::new(kind.span(), "unknown kind of hook point")),
        };
        let content;
        parenthesized!(content in input);
        let payload = content.parse()?;
        input.parse::<Token![,]>()?;
        let group: Ident = input.parse()?;
        let group = match group.to_string().as_str() {
            "common" => format_ident!("Common"),
            "pagoda" => format_ident!("Pagoda"),
            "extension" => format_ident!("Extension"),
            _ => return Err(syn::Error::new(group.span(), "unknown group of hook points")),
        };
        input.parse::<Token![,]>()?;
        let by_entity = input.parse::<Ident>()? == "entity";
        input.parse::<Token![,]>()?;
        let fires = input.parse::<Ident>()? == "fires";
        let detail = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self { docs, parts, kind, payload, group, by_entity, fires, detail })
    }
}

/// All points, in the order of the table.
pub(crate) fn points() -> syn::Result<Vec<Point>> {
    // `//` comments vanish when the text is turned into tokens; `///` become attributes.
    Ok(syn::parse_str::<Table>(TABLE)?.0)
}

fn kind_ident(kind: Kind) -> Ident {
    let name = match kind {
        Kind::Transform => "Transform",
        Kind::Check => "Check",
        Kind::Observe => "Observe",
        Kind::Filter => "Filter",
    };
    Ident::new(name, Span::call_site())
}

/// Expands to `callback! { { field index kind payload path slice } … }`, for tables that need a field
/// per point.
pub(crate) fn with_hook_points(callback: &TokenStream) -> syn::Result<TokenStream> {
    let rows = points()?;
    let rows = rows.iter().map(|point| {
        let (field, slice, payload, path) = (point.field(), point.slice(), &point.payload, point.path());
        let kind = kind_ident(point.kind);
        quote!({ #field #kind #payload [#path] #slice })
    });
    Ok(quote!(#callback! { #(#rows)* }))
}

/// Expands, inside the SDK, to one zero-variant type per point in modules that follow the dotted names,
/// its `HookPoint` implementation, its linkme slice, and the list of all points.
pub(crate) fn declare_hook_points() -> syn::Result<TokenStream> {
    let points = points()?;
    let mut infos = Vec::new();
    let mut slices = Vec::new();
    let mut root = Module::default();
    for (index, point) in points.iter().enumerate() {
        let Point { docs, payload, group, by_entity, fires, detail, .. } = point;
        let (name, slice, path, kind) = (point.name(), point.slice(), point.path(), kind_ident(point.kind));
        let aliases = ALIASES.iter().filter(|(_, to)| *to == name).map(|(alias, _)| alias);
        let state =
            if *fires { quote!(FiringState::Fires(#detail)) } else { quote!(FiringState::Awaits(#detail)) };
        let summary = docs.iter().filter_map(doc_text).collect::<Vec<_>>().join(" ");
        infos.push(quote!(PointInfo {
            index: #index, name: #name, kind: Kind::#kind, group: Group::#group, by_entity: #by_entity,
            state: #state, summary: #summary, payload: ::core::stringify!(#payload), aliases: &[#(#aliases),*],
        }));
        slices.push(quote! {
            #[linkme::distributed_slice]
            pub static #slice: [crate::hook::HookReg<crate::#path>];
        });
        let note = format!(
            "Kind [`{kind}`](crate::catalogue::Kind::{kind}), payload [`{payload}`](crate::payload::{payload})."
        );
        let last = point.parts.last().cloned().into_iter();
        let item = quote! {
            #(#docs)*
            #[doc = ""]
            #[doc = #note]
            #[allow(non_camel_case_types, reason = "the name is the wire name of the point")]
            #[derive(Debug, Clone, Copy)]
            pub enum #(#last)* {}
            impl crate::catalogue::HookPoint for crate::#path {
                const INDEX: usize = #index;
                type Payload = crate::payload::#payload;
                type Kind = crate::hook::kind::#kind;
                fn linked() -> &'static [crate::hook::HookReg<Self>] { &crate::catalogue::slices::#slice }
            }
            impl crate::hook::PayloadOf<crate::#path> for crate::payload::#payload {}
        };
        root.insert(point.parts.split_last().map_or(&[][..], |(_, modules)| modules), item);
    }
    let count = points.len();
    let modules = root.render();
    Ok(quote! {
        /// Every hook point, in catalogue order.
        pub static POINTS: [PointInfo; #count] = [#(#infos),*];
        /// The slices that the linker fills; named by the expansion of `#[hook]`.
        #[doc(hidden)]
        pub mod slices { #(#slices)* }
        /// One type per hook point, in modules that follow the dotted names.
        pub mod points { #modules }
    })
}

fn doc_text(attribute: &Attribute) -> Option<String> {
    let value = &attribute.meta.require_name_value().ok()?.value;
    match value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
        _ => None,
    }
}

#[derive(Default)]
struct Module {
    items: Vec<TokenStream>,
    children: Vec<(Ident, Module)>,
}

impl Module {
    fn insert(&mut self, path: &[Ident], item: TokenStream) {
        let Some((head, rest)) = path.split_first() else {
            self.items.push(item);
            return;
        };
        match self.children.iter_mut().find(|(name, _)| name == head) {
            Some((_, child)) => child.insert(rest, item),
            None => {
                let mut child = Self::default();
                child.insert(rest, item);
                self.children.push((head.clone(), child));
            }
        }
    }

    fn render(&self) -> TokenStream {
        let items = &self.items;
        let children = self.children.iter().map(|(name, child)| {
            let (doc, body) = (format!("Hook points `{name}.*`."), child.render());
            quote!(#[doc = #doc] pub mod #name { #body })
        });
        quote!(#(#items)* #(#children)*)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALIASES, Kind, points};

    #[test]
    fn the_table_has_the_46_points_of_the_design() {
        let points = points().unwrap();
        assert_eq!(points.len(), 46);
        let in_group = |group: &str| points.iter().filter(|point| point.group == group).count();
        assert_eq!((in_group("Common"), in_group("Pagoda"), in_group("Extension")), (27, 15, 4));
        let of_kind = |kind| points.iter().filter(|point| point.kind == kind).count();
        assert_eq!(
            (of_kind(Kind::Transform), of_kind(Kind::Check), of_kind(Kind::Observe), of_kind(Kind::Filter)),
            (11, 9, 23, 3)
        );
    }

    #[test]
    fn every_alias_leads_to_a_point_and_shadows_none() {
        let names: Vec<_> = points().unwrap().iter().map(super::Point::name).collect();
        for (alias, target) in ALIASES {
            assert!(names.iter().any(|name| name == target), "{alias} leads nowhere");
            assert!(!names.iter().any(|name| name == alias), "{alias} is a point itself");
        }
    }
}
