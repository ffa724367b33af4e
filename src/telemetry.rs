//! The log: to standard error, as text or as JSON, a line an event.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Libraries that tell the same things as the program does, in more words.
const SILENCED: [&str; 3] = ["hickory_proto", "hickory_server", "hickory_net"];

/// Settings of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The form of a line.
    pub format: Format,
    /// The least urgent lines that are written.
    pub level: Level,
}

/// The form of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people; in color on a terminal.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl Format {
    /// Every form.
    pub const ALL: [Format; 2] = [Format::Text, Format::Json];

    /// Its name in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
        }
    }
}

/// How urgent a line is at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Nothing at all.
    Off,
    /// What the operator must look at.
    Error,
    /// What the operator may want to look at.
    Warn,
    /// Starting, stopping, and what changes rarely.
    #[default]
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// Every level, the most silent first.
    pub const ALL: [Level; 6] = [Level::Off, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];

    /// Its name in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Off => "off",
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            Level::Off => LevelFilter::OFF,
            Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace => LevelFilter::TRACE,
        }
    }
}

/// Starts the log of this process; a second call changes nothing.
pub fn start(settings: Settings) {
    let silenced = SILENCED.map(|target| (target, LevelFilter::OFF));
    let targets = Targets::new().with_default(settings.level.filter()).with_targets(silenced);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(targets);
    // An error says that a log is there already, as in tests.
    let _ = match settings.format {
        Format::Text => registry.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init(),
        Format::Json => registry.with(lines.with_ansi(false).json().flatten_event(true)).try_init(),
    };
}
