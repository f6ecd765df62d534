//! The arguments.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

mod fix;
mod keys;
mod sources;

pub(crate) use fix::{Demo, Fix, Hands, Logs, ModelSpend, Plan, ProjectSettings, Summarize};
pub(crate) use keys::Keys;
pub(crate) use sources::{Choice, NewSource, Sources};

/// Turn thousands of reports into a short list of named, explained groups. Offline; no key needed.
#[derive(Debug, Parser)]
#[command(
    name = "soulcaster",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    max_term_width = 110
)]
#[command(after_help = "\
Examples:
  soulcaster triage reports.jsonl --report report.html   take reports in, group them, write a page to look at
  soulcaster clusters                                    the groups, largest first
  soulcaster show c7k2                                   one group with its reports (the beginning of an id will do)
  soulcaster explain BUG-1234                            why a report is where it is
  soulcaster merge c7k2 c9x4 && soulcaster recluster     correct it; every later run obeys
  soulcaster group reports.csv --out groups.jsonl        group a file without a database

Exit codes: 0 done, 1 done with faults or failed, 2 wrong use.")]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Project to work in
    #[arg(
        short,
        long,
        global = true,
        env = "SOULCASTER_PROJECT",
        default_value = "default",
        value_name = "NAME"
    )]
    pub(crate) project: String,
    /// Database file [default: soulcaster/soulcaster.db in the user's data directory]
    #[arg(long, global = true, env = "SOULCASTER_DB", value_name = "PATH")]
    pub(crate) db: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but the answer and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more about what is being done
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Colours in tables and messages; `auto` obeys NO_COLOR
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(crate) color: When,
    /// Threads to compute with; results do not depend on it [default: one a core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

/// How items are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// All at once
    Batch,
    /// One by one, in the order of the file
    Online,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take reports in, group them, and show the largest groups
    ///
    /// Reads JSON Lines, a JSON array or CSV with a header, also gzipped; `-` is standard input. Fields: id or
    /// external_id, title, body or text, source, created_at, url, author, severity, tags; all others are kept.
    /// Taking the same file in again changes nothing.
    Triage(Triage),
    /// Group the reports of a file, without a database
    ///
    /// Writes one line for each report: {"id", "cluster", "verdict"}. `cluster` is null where the engine is not
    /// sure; `suggestion` then names the likeliest group. A report without an id is called line:N.
    Group(Group),
    /// Find for each report of a file the earlier ones most like it
    ///
    /// Writes one line for each report: {"id", "ranked": [ids, best first]}.
    Nearest(Nearest),
    /// List the groups, largest first
    Clusters {
        /// Also list reports that are alone
        #[arg(long)]
        singles: bool,
        /// How many to list; 0 for all
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// Show one group with its reports and history
    Show {
        /// The group: its id or the beginning of it
        cluster: String,
        /// How many of its reports to show; 0 for all
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// List reports and where they are
    Items {
        /// Only of this group
        #[arg(long, value_name = "CLUSTER")]
        cluster: Option<String>,
        /// Only of this source
        #[arg(long)]
        source: Option<String>,
        /// Only those that the engine is not sure about
        #[arg(long)]
        unsure: bool,
        /// How many to list; 0 for all
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
    },
    /// Say why a report is where it is
    Explain {
        /// The report: its id, the beginning of it, or the id that its source gave it
        item: String,
    },
    /// Find reports by meaning and by words
    Search {
        /// What to look for
        #[arg(required = true, num_args = 1.., value_name = "TEXT")]
        text: Vec<String>,
        /// How many to show
        #[arg(short = 'n', long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
    },
    /// Merge groups into the first one named; later runs keep them together
    #[command(after_help = "Example: soulcaster merge c7k2 c9x4 c1m0")]
    Merge {
        /// The group that stays
        into: String,
        /// The groups that go into it
        #[arg(required = true, value_name = "CLUSTER")]
        others: Vec<String>,
    },
    /// Split reports off a group into a new one; later runs keep them apart
    #[command(after_help = "Example: soulcaster split c7k2 --items BUG-12 BUG-19")]
    Split {
        /// The group
        cluster: String,
        /// The reports to split off
        #[arg(long, required = true, num_args = 1.., value_delimiter = ',', value_name = "ITEM")]
        items: Vec<String>,
    },
    /// Move a report to another group; later runs keep it there
    #[command(after_help = "Example: soulcaster move BUG-12 --to c9x4")]
    Move {
        /// The report
        item: String,
        /// The group it belongs to
        #[arg(long, value_name = "CLUSTER")]
        to: String,
    },
    /// Confirm where a report is, a suggestion, or a whole group
    #[command(after_help = "\
Examples:
  soulcaster confirm BUG-12        the suggestion for an unsure report is right, or the report is where it belongs
  soulcaster confirm BUG-12 --no   the suggestion is wrong; the report opens a group of its own
  soulcaster confirm c7k2          all reports of the group belong together")]
    Confirm {
        /// The report or group
        name: String,
        /// Refuse the suggestion instead
        #[arg(long)]
        no: bool,
    },
    /// Take back the latest correction, clean-up or regrouping
    Undo,
    /// Show what has changed, latest first
    Timeline {
        /// How many events to show; 0 for all
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// Find groups that look like one; merge them with --apply
    Cleanup {
        /// Merge them, as one change that `undo` takes back
        #[arg(long)]
        apply: bool,
    },
    /// Show how groups hang together: cohesion, reports that do not fit, groups that look like one
    Analyze {
        /// How many groups to show, loosest first; 0 for all
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// Group everything anew, moving as few reports as possible; corrections hold, ids stay
    Recluster {
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
    },
    /// Write the project as one HTML page that needs no network
    Report {
        /// Where to write it
        #[arg(short, long, default_value = "report.html", value_name = "FILE")]
        out: PathBuf,
    },
    /// Score the project's groups, or those of a file, against labels
    ///
    /// Lines of the gold file: {"id", "label"}; a null label is not judged. Lines of the prediction: {"id",
    /// "cluster"}, or {"id", "ranked"} as `nearest` writes them.
    #[command(after_help = "\
Examples:
  soulcaster eval --gold labels.jsonl                       the project's own groups
  soulcaster eval --gold labels.jsonl --pred groups.jsonl   those that `group` wrote")]
    Eval {
        /// Labels
        #[arg(long, value_name = "FILE")]
        gold: PathBuf,
        /// Groups or rankings to score, instead of the project's
        #[arg(long, value_name = "FILE")]
        pred: Option<PathBuf>,
    },
    /// Write every record of the project as lines of JSON
    Export {
        /// Where to write; standard output if not given
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Read what `export` wrote into an empty project
    Import {
        /// The file; `-` is standard input
        file: PathBuf,
    },
    /// Check the database and every project in it
    Doctor,
    /// Show what a vendor's delivery, or an answer of its API, is read as, without storing anything
    ///
    /// Prints each report as one line of JSON, or one line that says why there is none: `ignored` with the reason,
    /// `refused` with the kind of error. Without a secret nothing is verified. Exit code 1 when a delivery gave no
    /// report.
    Decode(Decode),
    /// Serve the engine over HTTP: deliveries in, groups out
    ///
    /// A delivery is verified, written down and acknowledged; grouping happens in the background. Stop it with SIGTERM
    /// or Ctrl-C: requests in flight are finished. `/docs` describes the API.
    Serve(Serve),
    /// Write the summary of a group, and its title if asked to
    Summarize(Summarize),
    /// Show what model calls took, and show or change the most that they may take
    Spend(ModelSpend),
    /// Show, change or approve the plan for a group; makes one if there is none
    Plan(Plan),
    /// Have an agent fix a group, prove the fix, and open a draft pull request
    ///
    /// The agent works in a clean clone, shut in, without network but its model. Its patch is held against a policy, and
    /// published only with a test that fails without it and passes with it.
    Fix(Fix),
    /// List fixes, latest first, or show one
    Jobs {
        /// The fix
        job: Option<String>,
        /// How many to list; 0 for all
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// Print the log of a fix
    Logs(Logs),
    /// Cancel a fix, in whatever state it is
    Cancel {
        /// The fix
        job: String,
    },
    /// Ask what became of pull requests: merged ones make their groups fixed
    Watch(Hands),
    /// Show or change how fixes of the project are made
    Settings(ProjectSettings),
    /// Show the whole way, offline: reports, group, plan, fix, proof, pull request, and the problem coming back
    Demo(Demo),
    /// Make, list and withdraw the keys that open a project to programs
    #[command(subcommand)]
    Keys(Keys),
    /// Say where a project's reports come from and how each source proves itself
    #[command(subcommand)]
    Sources(Sources),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example: soulcaster completions bash > ~/.local/share/bash-completion/completions/soulcaster"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster triage bugs.jsonl.gz feedback.csv --report report.html
  export-feedback | soulcaster triage - --source app --json")]
pub(crate) struct Triage {
    /// Files to take in; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Write an HTML page to look at
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Source of reports that name none
    #[arg(long, default_value = "file", value_name = "NAME")]
    pub(crate) source: String,
    /// How many groups to show; 0 for all
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) limit: usize,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster group reports.jsonl --out groups.jsonl
  soulcaster group reports.jsonl --out - --mode online
  soulcaster group reports.jsonl --out groups.jsonl --algorithm average --threshold 0.8")]
pub(crate) struct Group {
    /// File to group; `-` is standard input
    pub(crate) file: PathBuf,
    /// Where to write the lines; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// All at once, or one by one as they arrive
    #[arg(long, value_enum, default_value = "batch")]
    pub(crate) mode: Mode,
    /// auto (calibrates itself), average, centroid or nearest
    #[arg(long, default_value = "auto", value_name = "NAME")]
    pub(crate) algorithm: String,
    /// Least cosine, -1 to 1, for every algorithm but auto [default: 0.72]
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub(crate) threshold: Option<f64>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster decode github delivery.json --header 'X-GitHub-Event: issues'
  soulcaster decode github delivery.json --header 'X-Hub-Signature-256: sha256=…' --secret-file secret.txt")]
pub(crate) struct Decode {
    /// Who delivers, such as github or sentry
    pub(crate) vendor: String,
    /// Bodies of deliveries or answers, as they came; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// A header of the deliveries
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// The path and query that they were sent to
    #[arg(long, default_value = "/", value_name = "PATH")]
    pub(crate) path: String,
    /// Verify with the secret in this file; the last line end does not count
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The secret comes in this header, instead of as a signature
    #[arg(long, value_name = "NAME", requires = "secret_file")]
    pub(crate) secret_header: Option<String>,
    /// When they arrived, for signatures that are good for a time only [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<chrono::DateTime<chrono::Utc>>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  soulcaster serve
  soulcaster serve --db /var/lib/soulcaster/soulcaster.db --listen 0.0.0.0:8321
  soulcaster serve --max-items 1500 --max-fixes 20   the limits of a free plan

Files: beside the database lie its inbox (soulcaster.inbox.db: what is acknowledged and not yet taken in) and its job
queue (soulcaster.jobs.db).")]
pub(crate) struct Serve {
    /// Where to listen
    #[arg(long, env = "SOULCASTER_LISTEN", default_value = "127.0.0.1:8321", value_name = "ADDRESS")]
    pub(crate) listen: std::net::SocketAddr,
    /// Greatest body of a request in KiB, also after decompression
    #[arg(long, default_value_t = 1024, value_name = "KIB", value_parser = clap::value_parser!(u32).range(1..=25 * 1024))]
    pub(crate) body_limit: u32,
    /// Requests a second for each key and source, in bursts of twice as many; 0 for no limit
    #[arg(long, default_value_t = 5000, value_name = "N")]
    pub(crate) rate: u32,
    /// Deliveries that may wait to be taken in; more are answered 503
    #[arg(long, default_value_t = 100_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) backlog: u32,
    /// Connections at once; more are closed
    #[arg(long, default_value_t = 16_384, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connections: u32,
    /// Seconds from a delivery to the grouping of its project
    #[arg(long, default_value_t = 2, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=3600))]
    pub(crate) group_after: u32,
    /// Seconds from one round of pulling a source to the next
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(60..=604_800))]
    pub(crate) pull_every: u32,
    /// Let projects pull from addresses of the private network, which the server can reach and they cannot; sources that
    /// `soulcaster sources add` made may do so anyway
    #[arg(long)]
    pub(crate) allow_private_network: bool,
    /// Items that a user may have over all projects [default: no limit]
    #[arg(long, value_name = "N")]
    pub(crate) max_items: Option<u64>,
    /// Fixes that may succeed for a user [default: no limit]
    #[arg(long, value_name = "N")]
    pub(crate) max_fixes: Option<u64>,
    /// Fixes that are worked on at one time
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) fixes_at_once: u8,
    /// How to write the log, on standard error; RUST_LOG says how much
    #[arg(long, value_enum, default_value = "json", value_name = "FORM")]
    pub(crate) log: LogForm,
    #[command(flatten)]
    pub(crate) hands: Hands,
}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// One JSON object a line
    Json,
    /// One line of text
    Text,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: soulcaster nearest bugs.jsonl --top 10 --out ranked.jsonl")]
pub(crate) struct Nearest {
    /// File to search; `-` is standard input
    pub(crate) file: PathBuf,
    /// Where to write the lines; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// How many to name
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) top: u16,
}
