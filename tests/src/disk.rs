//! What a disk may hold after a power cut, from a record of what a process has written and synced (`power.c`).
//!
//! What was written to a file before a sync of it began is there once that sync has ended. Of all else any part may be
//! there or not: every sector of 512 bytes has one of the contents it has had since, old or new, whatever the order.
//! A file's name is there once the file or the folder has been synced; changes of names that were not synced are lost
//! from some point on. The memory that processes share (`-shm`) is gone.

use std::collections::{BTreeMap, HashMap};

use crate::random::Random;

const SECTOR: usize = 512;

/// One thing that a process did. The name is that of a file in the folder, or `.` for the folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// `O`pened, to be made if missing; `W`ritten; cu`T`; `S`ync begins, has `E`nded or `F`ailed; `U`nlinked; `R`enamed;
    /// and `A`cknowledged, from the test itself.
    pub(crate) kind: u8,
    pub(crate) thread: u32,
    pub(crate) offset: u64,
    pub(crate) name: &'a str,
    pub(crate) data: &'a [u8],
}

const HEAD: usize = 24;

impl Record<'_> {
    /// The bytes of the record, as `power.c` writes them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = |length: usize| u32::try_from(length).expect("short").to_le_bytes();
        let kind = u32::from(self.kind).to_le_bytes();
        let mut bytes = [kind, self.thread.to_le_bytes()].concat();
        bytes.extend(self.offset.to_le_bytes());
        bytes.extend([length(self.name.len()), length(self.data.len())].concat());
        bytes.extend([self.name.as_bytes(), self.data].concat());
        bytes
    }

    /// Reads all records of a log.
    pub(crate) fn all(mut log: &[u8]) -> Vec<Record<'_>> {
        let mut records = Vec::new();
        while !log.is_empty() {
            let (head, rest) = log.split_at(HEAD);
            let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
            let (name, rest) = rest.split_at(word(16) as usize);
            let (data, rest) = rest.split_at(word(20) as usize);
            records.push(Record {
                kind: head[0],
                thread: word(4),
                offset: u64::from_le_bytes(head[8..16].try_into().expect("eight bytes")),
                name: std::str::from_utf8(name).expect("a name"),
                data,
            });
            log = rest;
        }
        records
    }
}

#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Write(usize, &'a [u8]),
    Cut(usize),
}

#[derive(Debug, Default)]
struct File<'a> {
    /// What is certainly there.
    synced: Vec<u8>,
    /// What has changed since, with its number.
    changes: Vec<(u64, Change<'a>)>,
}

#[derive(Debug, Clone)]
enum Naming {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

impl Naming {
    fn is_about(&self, name: &str) -> bool {
        match self {
            Self::Link(other, _) | Self::Unlink(other) => other == name,
            Self::Rename(from, to) => from == name || to == name,
        }
    }
}

/// What becomes of that which was not synced.
#[derive(Debug)]
pub(crate) enum Fate {
    Lost,
    Kept,
    /// So many sectors of a hundred are kept.
    Torn(Random, usize),
}

/// The folder on its disk.
#[derive(Debug, Default)]
pub(crate) struct Disk<'a> {
    files: Vec<File<'a>>,
    /// As processes see it.
    names: BTreeMap<String, usize>,
    /// As it certainly is.
    synced: BTreeMap<String, usize>,
    /// What has changed since, with its number.
    namings: Vec<(u64, Naming)>,
    /// Counts changes.
    number: u64,
    /// The number at which the syncs under way began, by thread and file.
    begun: HashMap<(u32, String), u64>,
}

fn put(file: &mut Vec<u8>, at: usize, data: &[u8]) {
    if file.len() < at + data.len() {
        file.resize(at + data.len(), 0);
    }
    file[at..at + data.len()].copy_from_slice(data);
}

fn rename(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Link(name, file) => drop(names.insert(name.clone(), *file)),
        Naming::Unlink(name) => drop(names.remove(name)),
        Naming::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
    }
}

impl<'a> Disk<'a> {
    /// What the process did next.
    pub(crate) fn apply(&mut self, record: &Record<'a>) {
        let Record { kind, thread, offset, name, data } = *record;
        if name.ends_with("-shm") || kind == b'A' {
            return;
        }
        self.number += 1;
        let offset = usize::try_from(offset).expect("a small file");
        match kind {
            b'O' if !self.names.contains_key(name) => {
                self.files.push(File::default());
                self.rename(Naming::Link(name.to_owned(), self.files.len() - 1));
            }
            b'O' | b'F' => {}
            b'W' => self.change(name, Change::Write(offset, data)),
            b'T' => self.change(name, Change::Cut(offset)),
            b'U' => self.rename(Naming::Unlink(name.to_owned())),
            b'R' => {
                let to = String::from_utf8(data.to_vec()).expect("a name");
                self.rename(Naming::Rename(name.to_owned(), to));
            }
            b'S' => drop(self.begun.insert((thread, name.to_owned()), self.number)),
            b'E' => {
                let begun = self.begun.remove(&(thread, name.to_owned()));
                self.sync(name, begun.expect("a sync begins before it ends"));
            }
            other => panic!("a record of kind {other}"),
        }
    }

    fn rename(&mut self, naming: Naming) {
        rename(&mut self.names, &naming);
        self.namings.push((self.number, naming));
    }

    fn change(&mut self, name: &str, change: Change<'a>) {
        let file = *self.names.get(name).unwrap_or_else(|| panic!("{name} is written without being opened"));
        self.files[file].changes.push((self.number, change));
    }

    fn sync(&mut self, name: &str, begun: u64) {
        if name == "." {
            for (_, naming) in self.namings.extract_if(.., |(number, _)| *number < begun) {
                rename(&mut self.synced, &naming);
            }
            return;
        }
        let Some(file) = self.names.get(name).copied() else { return };
        let link = |(_, naming): &(u64, Naming)| matches!(naming, Naming::Link(_, linked) if *linked == file);
        if let Some(link) = self.namings.iter().position(link) {
            // With it comes what has become of earlier files of that name.
            for (_, naming) in self.namings.extract_if(..=link, |(_, naming)| naming.is_about(name)) {
                rename(&mut self.synced, &naming);
            }
        }
        let File { synced, changes } = &mut self.files[file];
        for (_, change) in changes.extract_if(.., |(number, _)| *number < begun) {
            match change {
                Change::Write(at, data) => put(synced, at, data),
                Change::Cut(length) => synced.resize(length, 0),
            }
        }
    }

    /// The files that are found when the power is back.
    pub(crate) fn after_a_cut(&self, mut fate: Fate) -> BTreeMap<String, Vec<u8>> {
        let mut names = self.synced.clone();
        let kept = match &mut fate {
            Fate::Lost => 0,
            Fate::Kept => self.namings.len(),
            Fate::Torn(random, _) => random.below(self.namings.len() + 1),
        };
        self.namings[..kept].iter().for_each(|(_, naming)| rename(&mut names, naming));
        names.into_iter().map(|(name, file)| (name, self.files[file].after_a_cut(&mut fate))).collect()
    }
}

impl File<'_> {
    fn after_a_cut(&self, fate: &mut Fate) -> Vec<u8> {
        let mut file = self.synced.clone();
        let mut is_kept = || match fate {
            Fate::Lost => false,
            Fate::Kept => true,
            Fate::Torn(random, percent) => random.below(100) < *percent,
        };
        for (_, change) in &self.changes {
            match *change {
                Change::Cut(length) if is_kept() => file.resize(length, 0),
                Change::Cut(_) => {}
                Change::Write(mut at, mut data) => {
                    while !data.is_empty() {
                        let (sector, rest) = data.split_at(data.len().min(SECTOR - at % SECTOR));
                        if is_kept() {
                            put(&mut file, at, sector);
                        }
                        (at, data) = (at + sector.len(), rest);
                    }
                }
            }
        }
        file
    }
}

#[test]
fn what_was_synced_is_there_and_of_the_rest_any_part() {
    let record = |kind, name, offset, data| Record { kind, thread: 1, offset, name, data };
    let (old, new) = ([1; 1024], [2; 1024]);
    let log = [
        record(b'O', "a", 0, b""),
        record(b'W', "a", 0, &old),
        record(b'S', "a", 0, b""),
        record(b'W', "a", 0, &new),
        record(b'E', "a", 0, b""),
        record(b'O', "b", 0, b""),
        record(b'W', "b", 100, b"x"),
    ];
    let bytes: Vec<u8> = log.iter().flat_map(Record::bytes).collect();
    let mut disk = Disk::default();
    let (before, after) = log.split_at(4);
    before.iter().for_each(|record| disk.apply(record));
    assert!(disk.after_a_cut(Fate::Lost).is_empty(), "the sync has not ended");
    after.iter().for_each(|record| disk.apply(record));
    let lost = disk.after_a_cut(Fate::Lost);
    assert_eq!(lost, BTreeMap::from([("a".to_owned(), old.to_vec())]), "written after the sync began");
    let kept = disk.after_a_cut(Fate::Kept);
    assert_eq!((&kept["a"][..], kept["b"].len(), kept["b"][100]), (&new[..], 101, b'x'));
    let torn = (0..100).map(|seed| disk.after_a_cut(Fate::Torn(Random::new(seed), 50))["a"].clone());
    let torn: std::collections::BTreeSet<_> = torn.map(|file| (file[0], file[511], file[512])).collect();
    assert_eq!(torn, [(1, 1, 1), (1, 1, 2), (2, 2, 1), (2, 2, 2)].into());
    let mut read = Disk::default();
    Record::all(&bytes).iter().for_each(|record| read.apply(record));
    assert_eq!(read.after_a_cut(Fate::Kept), kept);
    for record in [record(b'U', "a", 0, b""), record(b'R', "b", 0, b"c"), record(b'S', ".", 0, b"")] {
        disk.apply(&record);
    }
    assert!(disk.after_a_cut(Fate::Lost).contains_key("a"), "the folder is not synced");
    disk.apply(&record(b'E', ".", 0, b""));
    assert_eq!(disk.after_a_cut(Fate::Lost).into_keys().collect::<Vec<_>>(), ["c"]);
    for (kind, name) in [(b'U', "c"), (b'O', "c"), (b'S', "c"), (b'E', "c")] {
        disk.apply(&record(kind, name, 0, b""));
    }
    let new = [Fate::Lost, Fate::Kept].map(|fate| disk.after_a_cut(fate)["c"].len());
    assert_eq!(new, [0, 0], "the file that was made anew and synced is there");
}
