//! The files of the dataset: a zone, a question, and what each reference server replied to it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One question about one zone.
pub(crate) struct Case {
    /// The file it is from, as it is called below the dataset's directory.
    pub(crate) file: String,
    /// Which rule of RFC 1034 the question was made for, or which rule the zone breaks.
    pub(crate) category: String,
    /// The zone file.
    pub(crate) zone: PathBuf,
    /// Whether it should be served; zones that should not do not state the TTLs of their records either.
    pub(crate) follows_the_rfcs: bool,
    /// The name asked for, absolute.
    pub(crate) name: String,
    /// The mnemonic of the type asked for.
    pub(crate) qtype: String,
    /// What was replied, by whom.
    pub(crate) responses: Vec<Response>,
}

/// What some servers replied alike.
pub(crate) struct Response {
    pub(crate) servers: Vec<String>,
    /// The lines of dnspython's text form.
    pub(crate) lines: Vec<String>,
}

impl Response {
    /// Whether it was cut to 512 octets: nobody knows what the server would have said.
    pub(crate) fn is_truncated(&self) -> bool {
        self.lines.iter().any(|line| line.starts_with("flags ") && line.ends_with(" TC"))
    }
}

/// All cases of zones that follow the RFCs, in the order of their numbers.
pub(crate) fn valid(dataset: &Path) -> Vec<Case> {
    let folder = dataset.join("ValidZoneFileTests");
    numbered(&folder.join("ExpectedResponses"))
        .into_iter()
        .flat_map(|(number, path)| cases(dataset, &folder, number, &path, None))
        .collect()
}

/// All cases of zones that break one rule: the rule's number in the dataset's list, and its cases.
pub(crate) fn invalid(dataset: &Path) -> Vec<Case> {
    let mut all = Vec::new();
    for rule in 1..=9 {
        let folder = dataset.join(format!("InvalidZoneFileTests/FalseCond_{rule}"));
        for (number, path) in numbered(&folder.join("ExpectedResponses")) {
            all.extend(cases(dataset, &folder, number, &path, Some(rule)));
        }
    }
    all
}

/// The zones of the rule that all references refuse: a CNAME beside other records, or a second one.
pub(crate) fn refused_by_all(dataset: &Path) -> Vec<PathBuf> {
    let folder = dataset.join("InvalidZoneFileTests/FalseCond_4/ZoneFiles");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// The JSON files of a directory by their numbers; none where no server loaded any zone.
fn numbered(folder: &Path) -> Vec<(usize, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<(usize, PathBuf)> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| Some((path.file_stem()?.to_str()?.parse().ok()?, path)))
        .collect();
    files.sort();
    files
}

fn cases(dataset: &Path, folder: &Path, number: usize, path: &Path, broken: Option<usize>) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let parsed: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = path.strip_prefix(dataset).unwrap_or(path).display().to_string();
    let tests = parsed.as_array().into_iter().flatten();
    tests
        .map(|test| Case {
            file: file.clone(),
            category: match broken {
                Some(rule) => format!("invalid {rule}"),
                None => text_of(&test["ZenResponseTag"]),
            },
            zone: folder.join(format!("ZoneFiles/{number}.txt")),
            follows_the_rfcs: broken.is_none(),
            name: text_of(&test["Query"]["Name"]),
            qtype: text_of(&test["Query"]["Type"]),
            responses: test["Expected Response"].as_array().into_iter().flatten().map(response).collect(),
        })
        .collect()
}

fn response(group: &Value) -> Response {
    Response {
        servers: text_of(&group["Server/s"]).split_whitespace().map(str::to_owned).collect(),
        // A server that did not reply has a sentence there instead of lines.
        lines: group["Response"].as_array().into_iter().flatten().map(text_of).collect(),
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
