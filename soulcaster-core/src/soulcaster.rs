//! The facade: one object with every verb.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::embedder::BuiltinEmbedder;
use crate::engine::{GroupConfig, Template};
use crate::error::Result;
use crate::id::ProjectId;
use crate::memory::{FlatIndex, MemoryStore};
use crate::port::{Embedder, Store, VectorIndex};

/// The triage engine over a store, an index and an embedder.
///
/// Verbs that change something take the time as `now`; the engine has no clock of its own. Every change is
/// one commit: it happens as a whole or not at all, and what returned `Ok` is as durable as the store.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use chrono::{DateTime, Utc};
/// use soulcaster_core::{ProjectId, Soulcaster, model::Inbound};
///
/// let soulcaster = Soulcaster::in_memory();
/// let project = ProjectId::new("shop")?;
/// let now = DateTime::<Utc>::from(std::time::SystemTime::now());
/// let reports = ["card was declined", "my card got declined", "cannot log in"];
/// let reports = reports.into_iter().map(|text| Inbound::new("mail", text)).collect();
/// let ingested = soulcaster.ingest(&project, reports, now).await?;
/// assert_eq!(ingested.accepted, 3);
/// soulcaster.group(&project, now).await?;
/// assert!(!soulcaster.clusters(&project, &Default::default()).await?.clusters.is_empty());
/// # Ok::<(), soulcaster_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Soulcaster {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) index: Arc<dyn VectorIndex>,
    pub(crate) embedder: Arc<dyn Embedder>,
    pub(crate) config: GroupConfig,
    /// Prompts of somebody's own.
    pub(crate) templates: Arc<HashMap<Template, String>>,
    /// For each project the store version up to which the index has its vectors.
    pub(crate) indexed: Arc<Mutex<HashMap<ProjectId, u64>>>,
}

impl fmt::Debug for Soulcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Soulcaster")
            .field("embedder", &self.embedder.id())
            .field("config", &self.config)
            .finish()
    }
}

impl Soulcaster {
    /// An engine that forgets everything when it is dropped.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::with(Arc::new(MemoryStore::new()), Arc::new(BuiltinEmbedder::new()), GroupConfig::default())
    }

    /// Starts an engine over `store`; embedder, index and settings have defaults that work offline.
    pub fn builder(store: Arc<dyn Store>) -> Builder {
        Builder {
            store,
            index: None,
            embedder: None,
            config: GroupConfig::default(),
            templates: HashMap::new(),
        }
    }

    fn with(store: Arc<dyn Store>, embedder: Arc<dyn Embedder>, config: GroupConfig) -> Self {
        Self {
            store,
            index: Arc::new(FlatIndex::new()),
            embedder,
            config,
            templates: Arc::default(),
            indexed: Arc::default(),
        }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The embedder.
    #[must_use]
    pub fn embedder(&self) -> &Arc<dyn Embedder> {
        &self.embedder
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &GroupConfig {
        &self.config
    }

    /// The text of a prompt.
    #[must_use]
    pub fn template(&self, template: Template) -> &str {
        self.templates.get(&template).map_or_else(|| template.text(), String::as_str)
    }
}

/// Puts a [`Soulcaster`] together.
pub struct Builder {
    store: Arc<dyn Store>,
    index: Option<Arc<dyn VectorIndex>>,
    embedder: Option<Arc<dyn Embedder>>,
    config: GroupConfig,
    templates: HashMap<Template, String>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Builder {
    /// Another embedder than the built-in one.
    #[must_use]
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// Another index than the exact one in memory.
    #[must_use]
    pub fn index(mut self, index: Arc<dyn VectorIndex>) -> Self {
        self.index = Some(index);
        self
    }

    /// Other settings.
    #[must_use]
    pub fn config(mut self, config: GroupConfig) -> Self {
        self.config = config;
        self
    }

    /// Another text for a prompt, of the form of [`Template::text`]. The form of the answer stays.
    #[must_use]
    pub fn template(mut self, template: Template, text: impl Into<String>) -> Self {
        self.templates.insert(template, text.into());
        self
    }

    /// Checks the settings and makes the engine.
    ///
    /// # Errors
    /// `Invalid` naming the setting.
    pub fn build(self) -> Result<Soulcaster> {
        self.config.check()?;
        for (template, text) in &self.templates {
            template.fill(text, &[("brief", "")])?;
        }
        let embedder = self.embedder.unwrap_or_else(|| Arc::new(BuiltinEmbedder::new()));
        let mut soulcaster = Soulcaster::with(self.store, embedder, self.config);
        soulcaster.templates = Arc::new(self.templates);
        if let Some(index) = self.index {
            soulcaster.index = index;
        }
        Ok(soulcaster)
    }
}
