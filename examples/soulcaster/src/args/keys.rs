//! The arguments of `keys`.

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use soulcaster_core::model::Scope;

#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  soulcaster keys create --project shop --scope ingest > shop.key
  soulcaster keys create --scope operator
  soulcaster keys list --all")]
pub(crate) enum Keys {
    /// Make a key and print it, this once
    ///
    /// Standard output has the key and nothing else; what is kept is its hash.
    Create {
        /// What it may do: deliver reports, look, everything in the project, or run the server as a whole
        #[arg(long, default_value = "admin", value_name = "SCOPE", value_parser =
            PossibleValuesParser::new(["ingest", "read", "admin", "operator"]).try_map(|name| name.parse::<Scope>()))]
        scope: Scope,
    },
    /// List the keys of the project, the withdrawn ones too
    List {
        /// Of every project, and the operators'
        #[arg(long)]
        all: bool,
    },
    /// Withdraw a key of the project, or an operator's; it opens nothing from now on
    Revoke {
        /// The key: the letters between its underscores, as `list` shows them
        id: String,
    },
}
