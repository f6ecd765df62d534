//! What this program was given to make fixes with: a code host, a workshop, agents, a model.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use soulcaster_core::flow::{Hands, Metered};
use soulcaster_core::model::CodingPlan;
use soulcaster_core::port::{AgentRunner, CodeHost, LanguageModel};
use soulcaster_core::{ClusterId, Error, ErrorKind, ProjectId, Result, Soulcaster};
