//! The arguments of `sources`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Sources {
    /// List the project's sources
    List,
    /// Add a source; prints where to deliver, and a secret that was made, this once
    ///
    /// Without a choice a source proves itself as strongly as its vendor can: by the vendor's signature, else by a
    /// secret in the header Authorization, else by a secret in the path. A secret that is not given is made, unless
    /// the vendor makes its own.
    Add(NewSource),
    /// Take a source's reports again
    Enable {
        /// The source
        id: String,
    },
    /// Take no more of a source's reports
    Disable {
        /// The source
        id: String,
    },
    /// Give a source a second secret; both are good until one is removed
    #[command(after_help = "\
Examples:
  soulcaster sources rotate 4f9xk2m7q1c8w5ze
  soulcaster sources rotate 4f9xk2m7q1c8w5ze --secret-file new-secret.txt")]
    Rotate {
        /// The source
        id: String,
        /// The secret is in this file, `-` is standard input; the last line end does not count [default: one is made]
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Remove a secret of a source; what comes with it is refused from now on
    RemoveSecret {
        /// The source
        id: String,
        /// The secret, as `list` names it
        secret: String,
    },
    /// Remove a source; its reports stay
    Remove {
        /// The source
        id: String,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster sources add github                           a secret is made; give it to GitHub
  soulcaster sources add slack --secret-file slack.txt    the secret is Slack's
  soulcaster sources add splunk                           the secret is the end of the path
  soulcaster sources add generic --header X-Key --settings mapping.json
  soulcaster sources add sentry --pull --secret-file - --settings '{\"organization\":\"acme\"}'

Secrets are read from files and standard input only: arguments can be seen by every user of the machine.")]
pub(crate) struct NewSource {
    /// Who delivers, such as github or sentry
    pub(crate) vendor: String,
    /// The secret is in this file, `-` is standard input; the last line end does not count
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) proof: Choice,
    /// The vendor's settings: a file of JSON, or JSON
    #[arg(long, value_name = "FILE|JSON")]
    pub(crate) settings: Option<String>,
}

/// How a source proves itself.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct Choice {
    /// The vendor signs its deliveries
    #[arg(long)]
    pub(crate) signature: bool,
    /// The secret comes in this header
    #[arg(long, value_name = "NAME")]
    pub(crate) header: Option<String>,
    /// The secret is the end of the path
    #[arg(long, conflicts_with = "secret_file")]
    pub(crate) path_token: bool,
    /// Anybody may deliver
    #[arg(long, conflicts_with = "secret_file")]
    pub(crate) allow_unsigned: bool,
    /// The vendor's API is asked; the secret is its token
    #[arg(long)]
    pub(crate) pull: bool,
}
