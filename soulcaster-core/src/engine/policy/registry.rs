//! Lines that would have packages come from elsewhere, or run something when they are installed.

use std::collections::BTreeSet;

use crate::engine::patch::{Change, FileDiff};

/// Places that packages come from when nobody says otherwise.
const USUAL: [&str; 12] = [
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "index.crates.io",
    "static.crates.io",
    "github.com/rust-lang/crates.io-index",
    "pypi.org",
    "files.pythonhosted.org",
    "proxy.golang.org",
    "sum.golang.org",
    "rubygems.org",
    "repo.maven.apache.org",
    "repo.packagist.org",
];

const LOCKFILES: [&str; 14] = [
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "deno.lock",
    "poetry.lock",
    "pipfile.lock",
    "pdm.lock",
    "uv.lock",
    "gemfile.lock",
    "composer.lock",
    "go.sum",
];

const MANIFESTS: [&str; 13] = [
    "cargo.toml",
    "package.json",
    "pyproject.toml",
    "pipfile",
    "setup.py",
    "setup.cfg",
    "go.mod",
    "gemfile",
    "composer.json",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "pnpm-workspace.yaml",
];

/// Words of a manifest that name a place, blanks and quotes left out.
const PLACES: [&str; 23] = [
    "git=",
    "git:",
    "git+",
    "github:",
    "gitlab:",
    "bitbucket:",
    "registry=",
    "registry-index",
    "registry:",
    "publishconfig",
    "[patch",
    "[source",
    "[registries",
    "replace-with",
    "index-url",
    "find-links",
    "trusted-host",
    "[[tool.poetry.source",
    "[[source",
    "[[tool.uv.index",
    "<repository>",
    "maven{",
    "replace(",
];

/// Scripts that a package manager runs by itself.
const INSTALL: [&str; 8] = [
    "preinstall:",
    "install:",
    "postinstall:",
    "prepare:",
    "preprepare:",
    "postprepare:",
    "prepack:",
    "dependencies:{postinstall",
];

/// The added lines that do so, with their numbers.
pub(super) fn faults(file: &FileDiff<'_>) -> Vec<(usize, &'static str)> {
    let path = file.path().to_lowercase();
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_requirements =
        name.starts_with("requirements") && (name.ends_with(".txt") || name.ends_with(".in"));
    let is_lock = LOCKFILES.contains(&name);
    if !is_lock && !MANIFESTS.contains(&name) && !is_requirements {
        return Vec::new();
    }
    let known: BTreeSet<String> = file
        .hunks
        .iter()
        .flat_map(|hunk| &hunk.lines)
        .filter(|line| line.change != Change::Added)
        .flat_map(|line| places(line.text))
        .collect();
    let mut faults = Vec::new();
    for (number, line) in file.added() {
        let plain: String =
            line.to_lowercase().chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect();
        let elsewhere = places(line).into_iter().any(|place| {
            let usual = USUAL.iter().any(|usual| place == *usual || place.starts_with(&format!("{usual}/")));
            let host = place.split('/').next().unwrap_or_default();
            let same = known
                .iter()
                .any(|one| one == &place || one.split('/').next() == Some(host) && host != "github.com");
            !usual && !same
        });
        // In a manifest an address alone may be the project's home.
        let is_home =
            ["homepage", "repository", "documentation", "url", "bugs", "funding", "license", "author"]
                .iter()
                .any(|key| plain.trim_start_matches(['{', ',']).starts_with(key));
        let names_place = PLACES.iter().any(|word| plain.contains(word));
        if is_lock && (elsewhere || plain.contains("git+") || plain.contains("resolved:file:")) {
            faults.push((number, "a package from another place"));
        } else if !is_lock && (names_place || is_requirements && option(&plain) || elsewhere && !is_home) {
            faults.push((number, "names a place for packages"));
        } else if name == "go.mod" && (plain.starts_with("replace") || plain.contains("=>")) {
            faults.push((number, "puts another package in the place of one"));
        } else if name == "package.json" && INSTALL.iter().any(|script| plain.starts_with(script)) {
            faults.push((number, "runs when packages are installed"));
        }
    }
    faults
}

/// Whether a line of requirements sets an option or names a file.
fn option(plain: &str) -> bool {
    plain.starts_with('-') || plain.contains("@file:") || plain.contains("://")
}

/// Host and path of each address in a line.
fn places(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        rest = &rest[at + 3..];
        let end = rest.find(|c: char| c.is_whitespace() || "\"'<>),;#?`".contains(c)).unwrap_or(rest.len());
        let address = rest[..end].to_lowercase();
        let (authority, path) = address.split_once('/').unwrap_or((&address, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        // A name before the host may fool a reader.
        let host = if authority.contains('@') { authority } else { host };
        found.push(if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") });
    }
    found
}
