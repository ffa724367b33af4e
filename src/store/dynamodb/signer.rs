//! Requests signed with credentials from wherever programs of AWS get theirs: variables, profile files, single sign-on,
//! web identity, a command, the container, the machine. reqsign knows them all and renews them; here is what it needs of
//! the world: connections, files, commands.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use reqsign_aws_v4::{Credential, DefaultCredentialProvider, RequestSigner};
use reqsign_core::{CommandExecute, CommandOutput, Context, Error, FileRead, HttpSend, OsEnv, Result};
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::limits;

/// Connections, to DynamoDB and to whoever gives credentials.
#[derive(Clone, Debug)]
pub(super) struct Connections(Pool<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Connections {
    /// Over TLS with the roots of trust of the system, or without where a URL says so.
    pub(super) fn new() -> std::result::Result<Connections, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS: {error}"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(limits::DYNAMODB_CONNECT_TIME));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits::DYNAMODB_IDLE_TIME)
            .build(connector);
        Ok(Connections(pool))
    }

    /// One request and its whole answer, bounded in time and size.
    pub(super) async fn send(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, NoAnswer> {
        let exchange = async {
            let broken = |error: &dyn std::error::Error| NoAnswer::Broken(innermost(error));
            let answer = self.0.request(request.map(Full::new)).await.map_err(|error| broken(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, limits::DYNAMODB_ANSWER_OCTETS).collect().await;
            Ok(Response::from_parts(head, body.map_err(|error| broken(&*error))?.to_bytes()))
        };
        timeout(limits::DYNAMODB_ANSWER_TIME, exchange).await.unwrap_or(Err(NoAnswer::Late))
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// Nothing came in time.
    #[error("no answer within {:?}", limits::DYNAMODB_ANSWER_TIME)]
    Late,
    /// There is no connection, or it broke.
    #[error("{0}")]
    Broken(String),
}

/// What an error is at bottom: `connection refused` and not `client error (Connect)`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl HttpSend for Connections {
    async fn http_send(&self, request: Request<Bytes>) -> Result<Response<Bytes>> {
        self.send(request).await.map_err(unexpected)
    }
}

/// Files of credentials: small ones.
#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> Result<Vec<u8>> {
        let path = path.to_owned();
        let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
        read.map_err(unexpected)?.map_err(unexpected)
    }
}

/// Commands that print credentials: `credential_process` of a profile.
#[derive(Debug)]
struct Commands;

impl CommandExecute for Commands {
    async fn command_execute<'a>(&'a self, program: &'a str, args: &'a [&'a str]) -> Result<CommandOutput> {
        let run = tokio::process::Command::new(program).args(args).kill_on_drop(true).output();
        let output = timeout(limits::DYNAMODB_ANSWER_TIME, run).await.map_err(unexpected)?;
        let output = output.map_err(unexpected)?;
        let status = output.status.code().unwrap_or(-1);
        Ok(CommandOutput { status, stdout: output.stdout, stderr: output.stderr })
    }
}

fn unexpected(error: impl std::fmt::Display) -> Error {
    Error::unexpected(error.to_string())
}

/// Signs requests to the DynamoDB of a region.
#[derive(Debug)]
pub(super) struct Signer(reqsign_core::Signer<Credential>);

impl Signer {
    /// Whose credentials come from the usual places, when the first request wants them.
    pub(super) fn new(region: &str, connections: Connections) -> Signer {
        let context = Context::new()
            .with_env(OsEnv)
            .with_file_read(Files)
            .with_http_send(connections)
            .with_command_execute(Commands);
        let signs = RequestSigner::new("dynamodb", region);
        Signer(reqsign_core::Signer::new(context, DefaultCredentialProvider::new(), signs))
    }

    /// Signs the head of a request.
    pub(super) async fn sign(&self, head: &mut Parts) -> std::result::Result<(), String> {
        self.0.sign(head, None).await.map_err(|error| error.to_string())?;
        if head.headers.contains_key(hyper::header::AUTHORIZATION) {
            return Ok(());
        }
        Err("there are no credentials: neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor a profile, nor a role of \
             the container or the machine"
            .into())
    }
}
