//! `serve` and `check-config`: the settings, the runtime, the signals.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::ignored::is_ignored;
use super::{Failure, print, slices};
use crate::config::{self, Environment};
use crate::server::{Desk, Server, check_etcd_files, check_zones, thread_rests};
use crate::telemetry::{self, Format, Level};

pub(super) const AFTER_HELP: &str = "\
A setting comes from its flag, else its environment variable, else the file,
else it has its default. These have a variable and a key in the file, no flag:
  ROLLCALL_DNS_LISTENERS        own, or hickory-server's: hickory [own]
  ROLLCALL_APEXES               further zones of the same names []
  ROLLCALL_KUBERNETES_ZONE      zone of Kubernetes' names [cluster.local]
  ROLLCALL_CONSUL_ZONE          zone of Consul's names [consul]
  ROLLCALL_REVERSE              networks whose addresses have names []
  ROLLCALL_RECORD_TTL           longest TTL of a record [5s]
  ROLLCALL_STALE_TTL            TTL where a host is kept past its lease [5s]
  ROLLCALL_NEGATIVE_TTL         TTL of \"no such name\" [5s]
  ROLLCALL_ONLY_PASSING         leave out hosts whose checks warn [false]
  ROLLCALL_EMPTY_SERVICE        all hosts unhealthy: nxdomain, nodata or all [nxdomain]
  ROLLCALL_ADDRESS_ORDER        weighted, uniform or fixed [weighted]
  ROLLCALL_SRV_SUBSET           of a cut SRV reply: random or stable [random]
  ROLLCALL_SRV_WEIGHT_SCALE     multiplies SRV weights, 256 for HAProxy [1]
  ROLLCALL_RECORD_LIMIT         most records of a set, 0 is all [0]
  ROLLCALL_TXT                  tags and pairs as TXT [false]
  ROLLCALL_ZONES_DIR            directory of static zones [none]
  ROLLCALL_ADVERTISE            addresses of ns.<zone> [the listeners']
  ROLLCALL_UDP_OCTETS           longest datagram that is sent [1232]
  ROLLCALL_ALLOW_QUERY          networks that may ask [all]
  ROLLCALL_RATE_LIMIT           replies a second to one network [0: any]
  ROLLCALL_QUERY_LOG            log one of this many queries [0: none]
  ROLLCALL_RATE_LIMIT_EXEMPT    networks without that limit [private ones]
  ROLLCALL_COOKIES              DNS cookies: off, on, require [on]
  ROLLCALL_COOKIE_SECRET        what signs them, 32 hex digits [random]
  ROLLCALL_NSID                 name of this server by NSID [none]
  ROLLCALL_CHAOS_IDENTITY       answer id.server and version.bind [true]
  ROLLCALL_HOST_TTL             lease of hosts registered without one [none]
  ROLLCALL_LYFT_HOST_TTL        lease in Lyft's API [600s]
  ROLLCALL_BRAKE                keep hosts that fall silent together for a while [true]
  ROLLCALL_BRAKE_SHARE          percent of a service that may expire at once [20]
  ROLLCALL_BRAKE_TABLE_SHARE    percent of the table that may [10]
  ROLLCALL_BRAKE_LEAST          fewest hosts that are a mass [3]
  ROLLCALL_BRAKE_CAP            how long hosts are kept, in TTLs [3]
  ROLLCALL_BRAKE_CAP_MOST       the same in time [1h]
  ROLLCALL_BRAKE_SINGLE         only host of a service: expire, with-table, hold [expire]
  ROLLCALL_BRAKE_RELEASE_RATE   hosts a second that leave after it [100]
  ROLLCALL_BRAKE_SERVICES       \"web off\", \"db share=50 cap=1\", ... []
  ROLLCALL_CHECK_DENY           networks that no check asks [link-local and metadata]
  ROLLCALL_CHECK_ALLOW          networks that checks ask beside their hosts [all]
  ROLLCALL_CHECK_REDIRECTS      let checks follow redirects [false]
  ROLLCALL_CHECK_OS_SERVICES    let checks ask systemd of this machine [false]
  ROLLCALL_LYFT_CHECK           check of hosts of Lyft's API [none]
  ROLLCALL_LYFT_CHECK_INTERVAL  time between its probes [10s]
  ROLLCALL_APPLICATION_ENV      env in Lyft's answers [development]
  ROLLCALL_AUTO_IP              networks for auto_ip [192.168.0.0/16]
  ROLLCALL_TRUST_FORWARDED_FOR  believe X-Forwarded-For [false]
  ROLLCALL_MINOS_CHECK          check of hosts of minos' API [http:/system/health]
  ROLLCALL_MINOS_CHECK_INTERVAL time between its probes [10s]
  ROLLCALL_MINOS_REPLACE        a name of minos' API holds one host [false]
  ROLLCALL_NODE_NAME            node in Consul's API [the host name]
  ROLLCALL_NODE_ID              its UUID there [made of machine and name]
  ROLLCALL_NODE_META            what it carries there: key=value,...
  ROLLCALL_DATACENTER           datacenter in Consul's API [dc1]
  ROLLCALL_ETCD_ENDPOINTS       members of etcd: URL,... [http://127.0.0.1:2379]
  ROLLCALL_ETCD_PREFIX          what keys of the table begin with [/rollcall]
  ROLLCALL_ETCD_SERVICES        hosts of other programs in /services/ [true]
  ROLLCALL_ETCD_SKYDNS          what SkyDNS' keys begin with [/skydns]
  ROLLCALL_ETCD_USER            who we are to etcd [none]
  ROLLCALL_ETCD_PASSWORD_FILE   the file with the password [none]
  ROLLCALL_ETCD_CA_FILE         roots of trust, PEM [the system's]
  ROLLCALL_ETCD_CERT_FILE       our certificate, PEM [none]
  ROLLCALL_ETCD_KEY_FILE        its key, PEM [none]
  ROLLCALL_DYNAMODB_TABLE       table of the store dynamodb [see docs/dynamodb.md]
  ROLLCALL_DYNAMODB_CREATE_TABLE  make it where it is missing [false]
  ROLLCALL_DYNAMODB_REGION      its region [that of AWS' settings]
  ROLLCALL_DYNAMODB_ENDPOINT    another endpoint than the region's: URL
  ROLLCALL_DYNAMODB_POLL        time between two reads of it [see docs/dynamodb.md]
  ROLLCALL_MAX_STALE            use a shared table while its engine is away for [forever]
  ROLLCALL_CATALOG_HIDES_CRITICAL  leave critical hosts out of the catalog [false]
  ROLLCALL_SHUTDOWN_GRACE       keep answering after SIGTERM for [0s]
Lyft's names work too: PORT, HOST_TTL (seconds), APPLICATION_ENV, and
BACKEND_STORAGE (InFile, InMemory, DynamoDB), DYNAMODB_*.

`rollcall check-config` prints what is in effect, as a file to start from.
SIGTERM and SIGINT stop in good order; a second one stops at once. SIGHUP reads
the zone files anew, as `rollcall reload` does; settings are read at a start.";

/// Settings with a flag. Their texts are parsed with those from the other places.
#[derive(Debug, Default, Args)]
pub(super) struct Flags {
    /// Configuration file, TOML [env: ROLLCALL_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where every HTTP API listens [env: ROLLCALL_HTTP] [default: 127.0.0.1:8500]
    #[arg(long, value_name = "IP:PORT")]
    http: Option<String>,
    /// Where DNS is answered over UDP and TCP, may be repeated; port 0 picks one and prints it
    /// [env: ROLLCALL_DNS] [default: 127.0.0.1:8600]
    #[arg(long, value_name = "IP:PORT")]
    dns: Vec<String>,
    /// Where the table is kept: file, memory, etcd, dynamodb
    /// [env: ROLLCALL_STORE] [default: file]
    #[arg(long, value_name = "KIND")]
    store: Option<String>,
    /// Directory of the file store [env: ROLLCALL_DATA_DIR] [default: $STATE_DIRECTORY, else
    /// $XDG_STATE_HOME/rollcall, else ~/.local/state/rollcall]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Hosts are found below service.NAME [env: ROLLCALL_DOMAIN] [default: local]
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// Threads [env: ROLLCALL_THREADS] [default: one a processor]
    #[arg(long, value_name = "N")]
    threads: Option<String>,
    /// Form of the log: text or json [env: ROLLCALL_LOG_FORMAT] [default: text]
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
    /// Least level in the log: off, error, warn, info, debug, trace [env: ROLLCALL_LOG_LEVEL]
    /// [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl Flags {
    fn load(&self, environment: &Environment) -> Result<config::Loaded, Failure> {
        let single = [
            ("http", "--http", &self.http),
            ("store", "--store", &self.store),
            ("data_dir", "--data-dir", &self.data_dir),
            ("domain", "--domain", &self.domain),
            ("threads", "--threads", &self.threads),
            ("log_format", "--log-format", &self.log_format),
            ("log_level", "--log-level", &self.log_level),
        ];
        let given = single.into_iter().filter_map(|(key, flag, value)| Some((key, flag, vec![value.clone()?])));
        let mut values: Vec<_> = given.collect();
        if !self.dns.is_empty() {
            values.push(("dns", "--dns", self.dns.clone()));
        }
        Ok(config::load(&config::Flags { file: self.config.clone(), values }, environment)?)
    }
}

/// Runs the server until a signal. Where the log is JSON, what ends the server is a line of it.
pub(super) fn serve(flags: &Flags, environment: &Environment) -> Result<(), Failure> {
    let (log, ended) = match flags.load(environment) {
        Ok(loaded) => {
            let log = loaded.config.log;
            telemetry::start(log);
            (log, run(loaded))
        }
        Err(failure) => {
            let form = flags.log_format.clone().or_else(|| environment.log_format());
            let format = if form.as_deref() == Some("json") { Format::Json } else { Format::Text };
            let log = telemetry::Settings { format, ..telemetry::Settings::default() };
            telemetry::start(log);
            (log, Err(failure))
        }
    };
    // A log that is off would swallow it.
    let is_logged = log.format == Format::Json && log.level != Level::Off;
    ended.map_err(|failure| if is_logged { failure.logged() } else { failure })
}

fn run(loaded: config::Loaded) -> Result<(), Failure> {
    for note in &loaded.notes {
        tracing::warn!("{note}");
    }
    zones_hold(&loaded.config)?;
    files_hold(&loaded.config, false)?;
    if let Err(error) = slices::shorten() {
        tracing::debug!(%error, "the slices of threads are as long as those of others");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(loaded.config.threads)
        .on_thread_park(thread_rests)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let signals = Signals::listen().context("cannot listen for signals")?;
        let server = Server::bind(loaded.config).await?;
        let shutdown = CancellationToken::new();
        if let Some(hangup) = signals.hangup {
            tokio::spawn(reload_at(hangup, server.desk()));
        }
        tokio::spawn(signals.stop.stop(shutdown.clone()));
        Ok(server.run(shutdown).await?)
    })
}

/// The zones are a setting, too, that is written in files of its own.
fn zones_hold(config: &config::Config) -> Result<(), Failure> {
    let doubts = check_zones(&config.dns).map_err(|error| Failure::Usage(format!("{error:#}")))?;
    for doubt in doubts {
        tracing::warn!("{doubt}");
    }
    Ok(())
}

/// So are the files of certificates and passwords.
fn files_hold(config: &config::Config, unused: bool) -> Result<(), Failure> {
    check_etcd_files(config, unused).map_err(|error| Failure::Usage(format!("{error:#}")))
}

/// Prints the settings in effect, if the zones and the files of etcd hold as well; the notes go to standard error.
pub(super) fn check(flags: &Flags, environment: &Environment) -> Result<(), Failure> {
    let loaded = flags.load(environment)?;
    zones_hold(&loaded.config)?;
    files_hold(&loaded.config, true)?;
    for note in &loaded.notes {
        super::complain(note, 0);
    }
    print(&loaded.describe())
}

/// SIGHUP.
const HANGUP: i32 = 1;

struct Signals {
    stop: Stop,
    /// `None` where whoever started the program had it ignored, as nohup does.
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        let hangup = if is_ignored(HANGUP) { None } else { Some(signal(SignalKind::hangup())?) };
        let stop = Stop { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
        Ok(Signals { stop, hangup })
    }
}

/// Has the zone files read anew at each signal; what comes of it is in the log.
async fn reload_at(mut hangup: Signal, desk: Arc<dyn Desk>) {
    while hangup.recv().await.is_some() {
        tracing::info!("the zone files are to be read anew");
        let desk = Arc::clone(&desk);
        if let Err(error) = tokio::task::spawn_blocking(move || desk.reload().map(drop)).await {
            tracing::error!(%error, "reading the zone files failed");
        }
    }
}

struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// The first signal asks for a stop; the second one is not argued with.
    async fn stop(mut self, shutdown: CancellationToken) {
        let code = self.next().await;
        tracing::info!(signal = signal_name(code), "a stop was asked for");
        shutdown.cancel();
        let code = self.next().await;
        tracing::warn!(signal = signal_name(code), "stopped at once");
        std::process::exit(code);
    }

    /// Waits for a signal; gives the exit code that shells know it by.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => 143,
            _ = self.interrupt.recv() => 130,
        }
    }
}

fn signal_name(code: i32) -> &'static str {
    match code {
        130 => "SIGINT",
        _ => "SIGTERM",
    }
}
