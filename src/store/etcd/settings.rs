//! Where etcd is, and who we are to it.

use std::path::PathBuf;

use hyper::Uri;

/// The settings of the store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its members: `http://` or `https://`, host and port.
    pub endpoints: Vec<Uri>,
    /// What every key of ours begins with, without a final slash.
    pub prefix: String,
    /// Who we are, where it asks.
    pub user: Option<String>,
    /// The file that the password stands in, alone.
    pub password_file: Option<PathBuf>,
    /// How its certificates are checked, and which one is ours.
    pub tls: Tls,
    /// Whether hosts are read from, and shown below, `/services/`.
    pub services: bool,
    /// What SkyDNS' keys begin with, without a final slash; `None` reads none.
    pub skydns: Option<String>,
    /// The domain of the hosts in them: that of the zone `service.<domain>`.
    pub domain: String,
    /// What this server is called among those of the table, before something random.
    pub node_name: String,
}

/// On this machine, without a user.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            endpoints: vec![Uri::from_static("http://127.0.0.1:2379")],
            prefix: "/rollcall".into(),
            user: None,
            password_file: None,
            tls: Tls::default(),
            services: true,
            skydns: Some("/skydns".into()),
            domain: "local".into(),
            node_name: "rollcall".into(),
        }
    }
}

/// Files of TLS, all PEM.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Roots of trust in the place of those of the system.
    pub authorities: Option<PathBuf>,
    /// Our certificate.
    pub certificate: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}
