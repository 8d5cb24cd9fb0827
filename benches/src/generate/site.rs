//! What a site has: twelve entities of ten attributes each, with all types among them.
//!
//! A table, and nothing but it: `values.rs` makes values of it.

use pagoda_plugin_sdk::model::AttrType;

/// An entity.
#[derive(Debug)]
pub struct EntitySpec {
    /// Its name.
    pub name: &'static str,
    /// How many of 10,000 entries are its own.
    pub share: u64,
    /// The ten attributes.
    pub attrs: [AttrSpec; 10],
}

/// A definition.
#[derive(Debug)]
pub struct AttrSpec {
    /// Its name.
    pub name: &'static str,
    /// How its values come about; says the type as well.
    pub kind: Kind,
}

/// How values come about.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A text of its own for each entry: these letters and a number that looks like none.
    Unique(&'static str),
    /// An address of the 10.0.0.0 network, another one for each entry.
    Address,
    /// One of so many words, Zipf-shaped.
    Word(u32),
    /// One of 5,000 models, Zipf-shaped.
    Model,
    /// Several lines of 5 to 20 words.
    Note,
    /// True for so many of 100.
    Flag(u64),
    /// A day of the last ten years; few have none.
    Day,
    /// A moment of the last year.
    Moment,
    /// A number up to this.
    Count(u64),
    /// One of these choices.
    Choice(&'static [&'static str]),
    /// Some of these choices.
    Choices(&'static [&'static str]),
    /// Up to four of 300 tags, Zipf-shaped.
    Tags,
    /// Up to four numbers.
    Counts,
    /// An entry of this entity.
    Entry(&'static str),
    /// Up to four of them.
    Entries(&'static str),
    /// One with a name.
    Named(&'static str),
    /// Up to three with names.
    NamedEntries(&'static str),
    /// Up to three with names and flags.
    FlaggedEntries(&'static str),
    /// A group.
    Group,
    /// Up to two groups.
    Groups,
    /// A role.
    Role,
    /// Up to two roles.
    Roles,
}

impl Kind {
    /// The type of the definition.
    #[must_use]
    pub const fn attr_type(self) -> AttrType {
        match self {
            Self::Unique(_) | Self::Address | Self::Word(_) | Self::Model => AttrType::String,
            Self::Note => AttrType::Text,
            Self::Flag(_) => AttrType::Boolean,
            Self::Day => AttrType::Date,
            Self::Moment => AttrType::Datetime,
            Self::Count(_) => AttrType::Number,
            Self::Choice(_) => AttrType::Select,
            Self::Choices(_) => AttrType::MultiSelect,
            Self::Tags => AttrType::ArrayString,
            Self::Counts => AttrType::ArrayNumber,
            Self::Entry(_) => AttrType::Object,
            Self::Entries(_) => AttrType::ArrayObject,
            Self::Named(_) => AttrType::NamedObject,
            Self::NamedEntries(_) => AttrType::ArrayNamedObject,
            Self::FlaggedEntries(_) => AttrType::ArrayNamedObjectBoolean,
            Self::Group => AttrType::Group,
            Self::Groups => AttrType::ArrayGroup,
            Self::Role => AttrType::Role,
            Self::Roles => AttrType::ArrayRole,
        }
    }

    /// The entity whose entries are referred to.
    #[must_use]
    pub const fn refers_to(self) -> Option<&'static str> {
        match self {
            Self::Entry(to)
            | Self::Entries(to)
            | Self::Named(to)
            | Self::NamedEntries(to)
            | Self::FlaggedEntries(to) => Some(to),
            _ => None,
        }
    }

    /// The choices of the definition.
    #[must_use]
    pub const fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Choice(choices) | Self::Choices(choices) => choices,
            _ => &[],
        }
    }
}

const fn a(name: &'static str, kind: Kind) -> AttrSpec {
    AttrSpec { name, kind }
}

/// The largest entity, of which searches are measured.
pub const SERVER: &str = "Server";
/// The attribute of it that not everybody may see.
pub const HIDDEN: &str = "price";

const COUNTRIES: &[&str] = &["jp", "us", "de", "fr", "gb", "kr", "tw", "sg", "in", "br"];
const STAGES: &[&str] = &["production", "staging", "development", "retired"];

use Kind::{
    Address, Choice, Choices, Count, Counts, Day, Entries, Entry, Flag, FlaggedEntries, Group, Groups, Model,
    Moment, Named, NamedEntries, Note, Role, Roles, Tags, Unique, Word,
};

/// All entities; those that are referred to most come first.
pub const SITE: [EntitySpec; 12] = [
    EntitySpec {
        name: "Vendor",
        share: 10,
        attrs: [
            a("account", Unique("AC")),
            a("country", Choice(COUNTRIES)),
            a("industry", Word(30)),
            a("preferred", Flag(20)),
            a("since", Day),
            a("rating", Count(10)),
            a("tags", Tags),
            a("contact", Named("Person")),
            a("owners", Groups),
            a("note", Note),
        ],
    },
    EntitySpec {
        name: "Location",
        share: 40,
        attrs: [
            a("code", Unique("LOC")),
            a("city", Word(400)),
            a("country", Choice(COUNTRIES)),
            a("staffed", Flag(60)),
            a("opened", Day),
            a("floors", Count(40)),
            a("power feeds", Counts),
            a("contacts", NamedEntries("Person")),
            a("operator", Group),
            a("note", Note),
        ],
    },
    EntitySpec {
        name: "Rack",
        share: 100,
        attrs: [
            a("asset tag", Unique("RK")),
            a("location", Entry("Location")),
            a("row", Word(60)),
            a("units", Count(52)),
            a("power", Count(20_000)),
            a("locked", Flag(90)),
            a("installed", Day),
            a("audited", Moment),
            a("owner", Group),
            a("tags", Tags),
        ],
    },
    EntitySpec {
        name: "Network",
        share: 200,
        attrs: [
            a("range", Address),
            a("vlan", Count(4_094)),
            a("purpose", Choice(&["office", "data", "storage", "management", "guest"])),
            a("routed", Flag(80)),
            a("location", Entry("Location")),
            a("name servers", Tags),
            a("allocated", Day),
            a("administrators", Roles),
            a("gateway", Named("IP address")),
            a("note", Note),
        ],
    },
    EntitySpec {
        name: "Person",
        share: 200,
        attrs: [
            a("mail", Unique("staff")),
            a("phone", Unique("+81")),
            a("department", Word(80)),
            a("title", Word(200)),
            a("manager", Entry("Person")),
            a("remote", Flag(40)),
            a("joined", Day),
            a("skills", Tags),
            a("role", Role),
            a("note", Note),
        ],
    },
    EntitySpec {
        name: "Contract",
        share: 200,
        attrs: [
            a("number", Unique("CT")),
            a("vendor", Entry("Vendor")),
            a("kind", Choice(&["purchase", "lease", "support", "licence"])),
            a("renews", Flag(70)),
            a("begins", Day),
            a("ends", Day),
            a("value", Count(1_000_000)),
            a("signed", Moment),
            a("documents", Tags),
            a("note", Note),
        ],
    },
    EntitySpec {
        name: "Service",
        share: 300,
        attrs: [
            a("host name", Unique("svc")),
            a("owner", Entry("Person")),
            a("tier", Choice(&["one", "two", "three"])),
            a("critical", Flag(15)),
            a("launched", Day),
            a("depends on", Entries("Service")),
            a("on call", Roles),
            a("endpoints", NamedEntries("IP address")),
            a("tags", Tags),
            a("description", Note),
        ],
    },
    EntitySpec {
        name: "Subsystem",
        share: 150,
        attrs: [
            a("repository", Unique("git")),
            a("service", Entry("Service")),
            a("language", Word(25)),
            a("live", Flag(75)),
            a("deployed", Moment),
            a("releases", Counts),
            a("features", Choices(&["tls", "cache", "queue", "search", "mail", "batch"])),
            a("team", Group),
            a("parts", FlaggedEntries("Subsystem")),
            a("note", Note),
        ],
    },
    EntitySpec {
        name: "PCI device",
        share: 800,
        attrs: [
            a("device id", Unique("pci")),
            a("vendor", Entry("Vendor")),
            a("model", Model),
            a("class", Choice(&["network", "storage", "display", "bridge", "accelerator"])),
            a("speed", Count(400)),
            a("hot plug", Flag(30)),
            a("seen", Moment),
            a("drivers", Tags),
            a("slots", FlaggedEntries(SERVER)),
            a("note", Note),
        ],
    },
    EntitySpec {
        name: "VM",
        share: 2_000,
        attrs: [
            a("host name", Unique("vm")),
            a("host", Entry(SERVER)),
            a("address", Entry("IP address")),
            a("system", Word(40)),
            a("stage", Choice(STAGES)),
            a("memory", Count(1_024)),
            a("disks", Counts),
            a("monitored", Flag(95)),
            a("made", Moment),
            a("tags", Tags),
        ],
    },
    EntitySpec {
        name: "IP address",
        share: 2_000,
        attrs: [
            a("address", Address),
            a("network", Entry("Network")),
            a("host name", Unique("ip")),
            a("kind", Choice(&["static", "dynamic", "virtual"])),
            a("reserved", Flag(10)),
            a("assigned", Day),
            a("seen", Moment),
            a("ports", Counts),
            a("tags", Tags),
            a("comment", Word(2_000)),
        ],
    },
    EntitySpec {
        name: SERVER,
        share: 4_000,
        attrs: [
            a("serial", Unique("SN")),
            a("host name", Unique("host")),
            a("vendor", Word(200)),
            a("model", Model),
            a("address", Address),
            a("rack", Entry("Rack")),
            a("installed", Day),
            a(HIDDEN, Count(100_000)),
            a("tags", Tags),
            a("note", Note),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::SITE;
    use pagoda_plugin_sdk::model::AttrType;

    #[test]
    fn the_shares_are_a_whole_and_all_types_that_can_be_made_occur() {
        assert_eq!(SITE.iter().map(|entity| entity.share).sum::<u64>(), 10_000);
        let attrs = || SITE.iter().flat_map(|entity| &entity.attrs);
        for attr_type in AttrType::ALL {
            // *Source: spec, attribute-types §1: this one cannot be made by the API.*
            let makeable = attr_type != AttrType::NamedObjectBoolean;
            assert_eq!(attrs().any(|attr| attr.kind.attr_type() == attr_type), makeable, "{attr_type:?}");
        }
        for to in attrs().filter_map(|attr| attr.kind.refers_to()) {
            assert!(SITE.iter().any(|entity| entity.name == to), "{to}");
        }
    }
}
