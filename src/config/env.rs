//! The environment: the only file that reads it.
//!
//! `ROLLCALL_<SETTING>` for every setting, lists separated by commas. Below those, what Lyft's server
//! read, so that its deployments start unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::{Error, Given, Origin, dynamodb, settings};

/// Variables of the program that are no settings of the server.
const OTHER_NAMES: [&str; 2] = ["ROLLCALL_CONFIG", "ROLLCALL_SERVER"];

/// Lyft's names and the settings they mean.
const LYFT_NAMES: [(&str, &str); 7] = [
    ("PORT", "http_port"),
    ("BACKEND_STORAGE", "backend_storage"),
    ("HOST_TTL", "host_ttl_seconds"),
    ("APPLICATION_ENV", "application_env"),
    ("DYNAMODB_TABLE_HOSTS", "dynamodb_table"),
    (LYFT_URL, "dynamodb_endpoint"),
    ("DYNAMODB_CREATE_TABLES_IN_APP", "dynamodb_create_tables_in_app"),
];

/// The URL of an emulator: Lyft's server reads it in development only, which is what its APPLICATION_ENV is by default.
const LYFT_URL: &str = "DYNAMODB_URL";

/// Lyft's names that mean nothing here: every read sees the newest table.
const LYFT_CACHE_NAMES: [&str; 2] = ["CACHE_TTL", "CACHE_TYPE"];

/// The variables of a process. One that is empty counts as not set; their names are second.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, OsString>, BTreeSet<String>);

/// What the defaults take from the machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/rollcall`, else `~/.local/state/rollcall`.
    pub data_dir: Option<PathBuf>,
    /// The host name.
    pub node_name: String,
    /// Processors that this process may use.
    pub threads: usize,
    /// The region that programs of AWS take.
    pub aws_region: Option<String>,
    /// The URL that they take in the place of the region's.
    pub aws_endpoint: Option<String>,
}

impl Environment {
    /// The variables of this process.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Environment {
        Environment::of(std::env::vars_os())
    }

    /// The given variables.
    pub fn of<K: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (K, V)>) -> Environment {
        // A name that is not UTF-8 is none of ours.
        let named =
            variables.into_iter().filter_map(|(name, value)| Some((name.into().into_string().ok()?, value.into())));
        let (empty, set): (Vec<_>, Vec<(String, OsString)>) = named.partition(|(_, value)| value.is_empty());
        Environment(set.into_iter().collect(), empty.into_iter().map(|(name, _)| name).collect())
    }

    /// The variable of a setting, where it is there and empty.
    pub(super) fn empty(&self, key: &str) -> Option<Origin> {
        let name = settings::variable(key);
        self.1.contains(&name).then_some(Origin::Variable(name))
    }

    /// The form of the log as it stands there: for what is wrong with the settings themselves.
    pub fn log_format(&self) -> Option<String> {
        self.text(&settings::variable("log_format")).ok().flatten()
    }

    /// The server that the commands speak to: `ROLLCALL_SERVER`.
    pub fn server(&self) -> Result<Option<String>, Error> {
        self.text("ROLLCALL_SERVER")
    }

    /// Where programs are looked for: `PATH`.
    pub fn search_path(&self) -> Option<&OsStr> {
        self.0.get("PATH").map(OsString::as_os_str)
    }

    /// What the defaults take from the machine.
    pub fn machine(&self) -> Machine {
        let nodename = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Machine {
            data_dir: self.data_dir(),
            node_name: if nodename.is_empty() { "localhost".into() } else { nodename },
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            aws_region: dynamodb::region_of(self),
            aws_endpoint: dynamodb::endpoint_of(self),
        }
    }

    /// The file named by `ROLLCALL_CONFIG`.
    pub(super) fn config_file(&self) -> Result<Option<PathBuf>, Error> {
        Ok(self.0.get("ROLLCALL_CONFIG").map(PathBuf::from))
    }

    /// The settings given, the weaker names first, and notes on variables without effect.
    pub(super) fn settings(&self) -> Result<(Vec<Given>, Vec<String>), Error> {
        let mut given = Vec::new();
        for (name, key) in LYFT_NAMES.into_iter().filter(|(name, _)| *name != LYFT_URL || self.is_development()) {
            if let Some(value) = self.text(name)? {
                given.push(Given { key: key.into(), values: vec![value], origin: Origin::Variable(name.into()) });
            }
        }
        for setting in settings::SETTINGS {
            let name = settings::variable(setting.key);
            if let Some(value) = self.text(&name)? {
                let values = if setting.is_list {
                    value.split(',').map(|item| item.trim().into()).collect()
                } else {
                    vec![value]
                };
                given.push(Given { key: setting.key.into(), values, origin: Origin::Variable(name) });
            }
        }
        Ok((given, self.notes()))
    }

    fn notes(&self) -> Vec<String> {
        let cache = LYFT_CACHE_NAMES
            .iter()
            .filter(|name| self.0.contains_key(**name))
            .map(|name| format!("{name} is ignored: nothing is cached, every read sees the newest table"));
        let unknown = self.0.keys().filter(|name| is_unknown(name)).map(|name| {
            let key = name.trim_start_matches("ROLLCALL_").to_ascii_lowercase();
            match settings::nearest(&key) {
                Some(known) => format!("{name} is ignored: did you mean {}?", settings::variable(known)),
                None => format!("{name} is ignored: there is no such setting"),
            }
        });
        let url = (self.0.contains_key(LYFT_URL) && !self.is_development())
            .then(|| format!("{LYFT_URL} is ignored: APPLICATION_ENV is not development"));
        cache.chain(url).chain(unknown).collect()
    }

    fn is_development(&self) -> bool {
        self.lenient("APPLICATION_ENV").is_none_or(|environment| environment == "development")
    }

    /// A variable that is other programs', too: what is no text is passed over.
    pub(super) fn lenient(&self, name: &str) -> Option<String> {
        self.text(name).ok().flatten()
    }

    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        match self.0.get(name).map(|value| value.to_str()) {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(value.into())),
            Some(None) => Err(Error::new(Origin::Variable(name.into()), "is not valid UTF-8")),
        }
    }

    fn data_dir(&self) -> Option<PathBuf> {
        let path = |name: &str| self.0.get(name).map(PathBuf::from);
        // systemd separates several state directories by colons; the first one is meant for us.
        let state = self.0.get("STATE_DIRECTORY").map(|list| {
            let list = list.to_string_lossy();
            PathBuf::from(list.split(':').next().unwrap_or_default())
        });
        state
            .or_else(|| path("XDG_STATE_HOME").map(|home| home.join("rollcall")))
            .or_else(|| path("HOME").map(|home| home.join(".local/state/rollcall")))
    }
}

/// Whether `name` looks like ours and is not. Kubernetes sets ROLLCALL_PORT... and ROLLCALL_SERVICE_... in
/// every pod beside a Service named `rollcall`: those are no mistakes.
fn is_unknown(name: &str) -> bool {
    name.starts_with("ROLLCALL_")
        && !OTHER_NAMES.contains(&name)
        && !name.starts_with("ROLLCALL_SERVICE_")
        && !name.starts_with("ROLLCALL_PORT")
        && !settings::SETTINGS.iter().any(|setting| settings::variable(setting.key) == name)
}
