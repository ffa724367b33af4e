//! Ways to a host: resolved, allowed, connected, and over TLS.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::Errno;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Settings;
use super::guard::{Denied, Guard};
use super::pace::Pace;
use super::tls::{Protocol, TlsClients};
use crate::clock::{Clock, Timestamp};
use crate::limits;
use crate::table::{Bracketed, Host, Status, Tls};

/// What was heard of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Heard {
    /// The verdict.
    pub(super) status: Status,
    /// What is said with it.
    pub(super) output: String,
}

/// Why a probe has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The host is at fault, or whoever registered it.
    Critical(String),
    /// We are: it is tried again soon.
    PutOff,
}

/// Whose fault an error is: a host is not critical because we have no descriptor or memory left for a socket.
pub(super) fn at_fault(error: &io::Error) -> Failure {
    if is_our_fault(error) { Failure::PutOff } else { Failure::Critical(words(error)) }
}

/// Whether an error says that we lack something.
pub(super) fn is_our_fault(error: &io::Error) -> bool {
    let ours = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| ours.contains(&code))
}

/// An error without what differs between systems: `connection refused`, not `Connection refused (os error 111)`.
pub(super) fn words(error: &io::Error) -> String {
    let kind = error.kind();
    if error.raw_os_error().is_some() && kind != io::ErrorKind::Other { kind.to_string() } else { error.to_string() }
}

/// A connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The addresses of a name, by a call that blocks.
type Resolver = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// What every probe goes through.
pub(super) struct Net {
    guard: Guard,
    pace: Mutex<Pace>,
    resolver: Arc<Resolver>,
    lookups: Arc<Semaphore>,
    programs: Semaphore,
    systemctl: Option<OsString>,
    tls: TlsClients,
    redirects: bool,
    clock: Arc<Clock>,
}

impl Net {
    /// Ways to hosts that these settings allow.
    pub(super) fn new(settings: Settings, clock: Arc<Clock>) -> Net {
        Net {
            guard: Guard::new(settings.deny, settings.allow, settings.own),
            pace: Mutex::default(),
            resolver: Arc::new(|name, port| Ok((name, port).to_socket_addrs()?.collect())),
            lookups: Arc::new(Semaphore::new(limits::PROBE_LOOKUPS)),
            programs: Semaphore::new(limits::PROBE_PROGRAMS),
            systemctl: settings.systemctl,
            tls: TlsClients::new(settings.roots),
            redirects: settings.redirects,
            clock,
        }
    }

    /// The same where names are what a test says.
    #[cfg(test)]
    pub(super) fn with_resolver(
        mut self,
        resolver: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Net {
        self.resolver = Arc::new(resolver);
        self
    }

    /// The clock that time-outs run on.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether a redirect may be followed at all.
    pub(super) fn follows_redirects(&self) -> bool {
        self.redirects
    }

    /// The program that knows the services of this machine, and the right to run it as long as the permit is kept.
    pub(super) fn systemctl(&self) -> Result<(&OsStr, SemaphorePermit<'_>), Failure> {
        let not_allowed = || Failure::Critical("the setting check_os_services of this server does not allow it".into());
        let program = self.systemctl.as_deref().ok_or_else(not_allowed)?;
        Ok((program, self.programs.try_acquire().map_err(|_| Failure::PutOff)?))
    }

    #[cfg(test)]
    pub(super) fn programs_free(&self) -> usize {
        self.programs.available_permits()
    }
}

/// One probe: the only way to a socket.
#[derive(Clone, Copy)]
pub(super) struct Probe<'a> {
    /// What it goes through.
    pub(super) net: &'a Net,
    /// Whose check it is.
    pub(super) host: &'a Host,
    /// When its time is over.
    pub(super) end: Timestamp,
}

impl Probe<'_> {
    /// The addresses of a place that may be asked, and may be asked now.
    pub(super) async fn resolve(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let found = match name.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(_) => self.look_up(name, port).await?,
        };
        let mut denied = None;
        let mut allowed = Vec::new();
        for address in found.into_iter().take(limits::PROBE_ADDRESSES) {
            match self.allows(address) {
                Ok(()) => allowed.push(address),
                Err(reason) => denied = Some(reason),
            }
        }
        let Some(first) = allowed.first() else {
            return Err(denied.unwrap_or_else(|| Failure::Critical(format!("{name} has no address"))));
        };
        if !self.net.pace.lock().allows(first.ip(), self.net.clock.now()) {
            return Err(Failure::PutOff);
        }
        Ok(allowed)
    }

    /// Connects, and shakes hands where there is TLS.
    pub(super) async fn open(
        &self,
        name: &str,
        port: u16,
        tls: Option<&Tls>,
        protocol: Protocol,
    ) -> Result<Box<dyn Stream>, Failure> {
        let stream = self.connect(name, port).await?;
        match tls {
            None => Ok(Box::new(stream)),
            Some(tls) => Ok(Box::new(self.net.tls.secure(stream, name, tls, protocol).await?)),
        }
    }

    /// Connects to the first of the addresses that lets it.
    async fn connect(&self, name: &str, port: u16) -> Result<TcpStream, Failure> {
        let addresses = self.resolve(name, port).await?;
        let mut failed = None;
        for address in addresses {
            match self.connect_to(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or(Failure::PutOff))
    }

    pub(super) async fn connect_to(&self, address: SocketAddr) -> Result<TcpStream, Failure> {
        // Asked again where the connection is made: nobody passes by.
        self.allows(address)?;
        let stream = TcpStream::connect(address).await.map_err(|error| at_fault(&error))?;
        // Its answers are short, it has nothing to wait for.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn allows(&self, address: SocketAddr) -> Result<(), Failure> {
        self.net.guard.check(address, &self.host.target).map_err(|denied| match denied {
            Denied::Unclear(_) => Failure::PutOff,
            Denied::Network(_) | Denied::Nobody(_) | Denied::Own(_) | Denied::Loopback(_) | Denied::Elsewhere(_) => {
                Failure::Critical(denied.to_string())
            }
        })
    }

    /// On a thread that keeps its place until it is done, whoever waits. Where names of others keep all places, that is
    /// no fault of this host: its probe is put off while it has time left.
    async fn look_up(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let now = self.net.clock.now();
        let patience = now.after(self.end.since(now) / 2);
        let free = self.net.clock.before(patience, Arc::clone(&self.net.lookups).acquire_owned()).await;
        let permit = free.ok_or(Failure::PutOff)?.map_err(|_| Failure::PutOff)?;
        let (resolver, asked) = (Arc::clone(&self.net.resolver), name.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            resolver(&asked, port)
        });
        let found = found.await.map_err(|_| Failure::PutOff)?;
        found.map_err(|error| Failure::Critical(format!("lookup {}: {}", Bracketed(name), words(&error))))
    }
}
