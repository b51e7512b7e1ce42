//! `target/manifest.json`: what a project consists of. Read as a stream: of a node only what is
//! shown is kept, never its code, so a manifest of hundreds of megabytes costs what its names cost.
//!
//! Versions 10 to 12 (dbt 1.6 to 1.11) are known; others are taken as far as they are understood.
//! <https://schemas.getdbt.com/dbt/manifest/v12.json>

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::cut::head;

/// Versions whose meaning is known.
const KNOWN: std::ops::RangeInclusive<u32> = 10..=12;
/// A longer description is cut, in bytes.
const MAX_DOC: usize = 2000;

/// A project as its manifest has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    pub project: String,
    pub dbt_version: String,
    pub adapter: String,
    /// Of the command that wrote it.
    pub invocation: String,
    /// Nodes, sources and exposures by their unique id.
    pub items: BTreeMap<String, Item>,
    /// A selector that applies when a command names none.
    pub default_selector: bool,
    /// The version is not one of those known.
    pub unknown_version: Option<String>,
    /// Entries that made no sense.
    pub bad: usize,
}

/// One node, source or exposure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    pub name: String,
    /// "model", "test", "seed", "snapshot", "source", "exposure", "operation", "unit_test", ...
    pub resource: String,
    pub package: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
    pub path: String,
    /// Of a model "view", "table", ...; of an exposure its type.
    pub materialized: String,
    pub relation: Option<String>,
    pub compiled_path: Option<String>,
    pub description: String,
    pub tags: Vec<String>,
    /// Unique ids it is made from.
    pub needs: Vec<String>,
    pub test: Option<Test>,
    /// Of a source: the limits of its freshness, in words.
    pub freshness: Option<String>,
}

impl Item {
    /// The last parts of its path: of a source its name and its table's.
    pub fn fqn_tail(&self, parts: usize) -> String {
        self.fqn[self.fqn.len().saturating_sub(parts)..].join(".")
    }
}

/// What a data test checks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Test {
    /// "not_null", "unique", ...; empty for a query written by hand.
    pub name: String,
    pub column: Option<String>,
    /// Unique id of the node it is attached to.
    pub on: Option<String>,
    /// Failing it is a warning only.
    pub warns: bool,
    /// Failing rows are kept in a table.
    pub stores: bool,
}

/// Why a manifest can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("is not JSON as dbt writes it: {0}")]
    Json(#[from] serde_json::Error),
    #[error("is no dbt manifest")]
    Other,
}

impl Manifest {
    pub fn read(reader: impl Read) -> Result<Self, ManifestError> {
        let raw: Raw = serde_json::from_reader(reader)?;
        if raw.metadata.dbt_schema_version.is_empty() {
            return Err(ManifestError::Other);
        }
        let version = version(&raw.metadata.dbt_schema_version);
        let mut manifest = Self {
            unknown_version: match version {
                Some(n) if KNOWN.contains(&n) => None,
                Some(n) => Some(format!("v{n}")),
                None => Some(raw.metadata.dbt_schema_version.clone()),
            },
            project: raw.metadata.project_name.0,
            dbt_version: raw.metadata.dbt_version.0,
            adapter: raw.metadata.adapter_type.0,
            invocation: raw.metadata.invocation_id.0,
            default_selector: raw
                .selectors
                .0
                .values()
                .any(|s| s.good().is_some_and(|s| s.default.0)),
            ..Self::default()
        };
        let parts = [raw.nodes, raw.sources, raw.exposures, raw.unit_tests];
        for (id, entry) in parts.into_iter().flat_map(|part| part.0) {
            match entry {
                Entry::Good(raw) => {
                    manifest.items.insert(id, raw.item());
                }
                Entry::Bad => manifest.bad += 1,
            }
        }
        Ok(manifest)
    }

    pub fn get(&self, id: &str) -> Option<&Item> {
        self.items.get(id)
    }
}

/// 12 from ".../manifest/v12.json".
fn version(schema: &str) -> Option<u32> {
    let last = schema.rsplit('/').next()?;
    last.strip_prefix('v')?.strip_suffix(".json")?.parse().ok()
}

#[derive(Deserialize)]
struct Raw {
    metadata: Metadata,
    #[serde(default)]
    nodes: Table<RawItem>,
    #[serde(default)]
    sources: Table<RawItem>,
    #[serde(default)]
    exposures: Table<RawItem>,
    #[serde(default)]
    unit_tests: Table<RawItem>,
    #[serde(default)]
    selectors: Table<Selector>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    dbt_schema_version: String,
    #[serde(default)]
    project_name: Loose<String>,
    #[serde(default)]
    dbt_version: Loose<String>,
    #[serde(default)]
    adapter_type: Loose<String>,
    #[serde(default)]
    invocation_id: Loose<String>,
}

#[derive(Deserialize)]
struct Selector {
    #[serde(default)]
    default: Loose<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawItem {
    name: Loose<String>,
    resource_type: Loose<String>,
    package_name: Loose<String>,
    fqn: Loose<Vec<String>>,
    original_file_path: Loose<String>,
    compiled_path: Loose<Option<String>>,
    relation_name: Loose<Option<String>>,
    description: Loose<String>,
    tags: Loose<Vec<String>>,
    depends_on: Loose<DependsOn>,
    config: Loose<NodeConfig>,
    test_metadata: Loose<Option<TestMetadata>>,
    column_name: Loose<Option<String>>,
    attached_node: Loose<Option<String>>,
    freshness: Loose<Option<Freshness>>,
    loaded_at_field: Loose<Option<String>>,
    /// Of an exposure.
    r#type: Loose<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DependsOn {
    nodes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeConfig {
    materialized: Loose<String>,
    severity: Loose<String>,
    store_failures: Loose<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TestMetadata {
    name: Loose<String>,
}

/// Limits on the age of a source.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub struct Freshness {
    warn_after: Loose<Limit>,
    error_after: Loose<Limit>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Limit {
    count: Loose<Option<u64>>,
    period: Loose<Option<String>>,
}

impl Limit {
    fn words(&self) -> Option<String> {
        let (count, period) = (self.count.0?, self.period.0.as_ref()?);
        let s = if count == 1 { "" } else { "s" };
        Some(format!("{count} {period}{s}"))
    }
}

impl Freshness {
    /// "warns after 6 hours, fails after 1 day"; `None` without a limit.
    pub fn words(&self) -> Option<String> {
        let parts: Vec<String> = [("warns", &self.warn_after), ("fails", &self.error_after)]
            .into_iter()
            .filter_map(|(what, limit)| Some(format!("{what} after {}", limit.0.words()?)))
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl RawItem {
    fn item(self) -> Item {
        let resource = self.resource_type.0;
        let config = self.config.0;
        let test = matches!(resource.as_str(), "test" | "unit_test").then(|| Test {
            name: self.test_metadata.0.map(|t| t.name.0).unwrap_or_default(),
            column: self.column_name.0,
            on: self.attached_node.0,
            warns: config.severity.0.eq_ignore_ascii_case("warn"),
            stores: config.store_failures.0,
        });
        let mut description = self.description.0;
        if description.len() > MAX_DOC {
            description = format!("{}…", head(&description, MAX_DOC));
        }
        Item {
            name: self.name.0,
            package: self.package_name.0,
            fqn: self.fqn.0,
            path: self.original_file_path.0,
            materialized: match resource.as_str() {
                "exposure" => self.r#type.0,
                _ => config.materialized.0,
            },
            relation: self.relation_name.0,
            compiled_path: self.compiled_path.0,
            description,
            tags: self.tags.0,
            needs: self.depends_on.0.nodes,
            test,
            freshness: self.freshness.0.and_then(|f| f.words()),
            resource,
        }
    }
}

/// A field that may hold something else than expected: then it counts as not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loose<T>(pub T);

impl<'de, T: DeserializeOwned + Default> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either<T> {
            Good(T),
            Bad(IgnoredAny),
        }
        Ok(match Either::deserialize(deserializer)? {
            Either::Good(value) => Self(value),
            Either::Bad(_) => Self::default(),
        })
    }
}

/// An object of objects. An entry that is none is bad by itself.
struct Table<T>(BTreeMap<String, Entry<T>>);

enum Entry<T> {
    Good(Box<T>),
    Bad,
}

impl<T> Entry<T> {
    fn good(&self) -> Option<&T> {
        match self {
            Self::Good(value) => Some(value),
            Self::Bad => None,
        }
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<BTreeMap<String, Entry<T>>>::deserialize(deserializer)
            .map(|table| Self(table.unwrap_or_default()))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entry<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Entry<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let value = T::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Entry::Good(Box::new(value)))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Self::Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Entry::Bad)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Entry::Bad)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Entry::Bad)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Entry::Bad)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Entry::Bad)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Entry::Bad)
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Entry::Bad)
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}
