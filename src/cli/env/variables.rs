//! The variables of one host, as each system names them. Pure.
//!
//! Kubernetes: `{NAME}_SERVICE_HOST`, `{NAME}_SERVICE_PORT` (the first port), `{NAME}_SERVICE_PORT_{PORTNAME}`, and then
//! Docker's (kubernetes/kubernetes, `pkg/kubelet/envvars`). Docker: `{NAME}_PORT` as a URL, and for each port
//! `{NAME}_PORT_{n}_{PROTOCOL}` with `_PROTO`, `_PORT` and `_ADDR`. Nomad: `NOMAD_UPSTREAM_ADDR_{name}` and its parts,
//! by the name as it is and once more by the name with an underscore for what a shell cannot say.

use super::Style;
use super::choose::{Offer, Port};
use crate::table::Bracketed;

/// A variable and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Variable {
    pub(in crate::cli) name: String,
    pub(in crate::cli) value: String,
}

impl Variable {
    fn new(name: String, value: impl ToString) -> Variable {
        Variable { name, value: value.to_string() }
    }

    /// Whether a shell can have a variable of this name.
    pub(super) fn is_for_shells(&self) -> bool {
        !self.name.starts_with(|c: char| c.is_ascii_digit()) && plain(&self.name) == self.name
    }
}

/// The variables of a host; `name` is what they are named after.
pub(super) fn of(style: Style, name: &str, host: &Offer) -> Vec<Variable> {
    match style {
        Style::Kubernetes => {
            let mut variables = kubernetes(&upper(name), host);
            variables.extend(docker(&upper(name), host));
            variables
        }
        Style::Docker => docker(&upper(name), host),
        Style::Nomad => nomad(name, host),
    }
}

/// A value as a shell reads it back, whatever is in it.
pub(super) fn quoted(value: &str) -> String {
    let tame = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/@%+,".contains(&byte);
    if !value.is_empty() && value.bytes().all(tame) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

fn kubernetes(name: &str, host: &Offer) -> Vec<Variable> {
    let mut variables = vec![Variable::new(format!("{name}_SERVICE_HOST"), &host.address)];
    variables.extend(host.ports.first().map(|port| Variable::new(format!("{name}_SERVICE_PORT"), port.number)));
    for port in &host.ports {
        if let Some(port_name) = &port.name {
            push(&mut variables, Variable::new(format!("{name}_SERVICE_PORT_{}", capitals(port_name)), port.number));
        }
    }
    variables
}

fn docker(name: &str, host: &Offer) -> Vec<Variable> {
    let url = |port: &Port| format!("{}://{}:{}", port.protocol, Bracketed(&host.address), port.number);
    let mut variables = Vec::new();
    variables.extend(host.ports.first().map(|port| Variable::new(format!("{name}_PORT"), url(port))));
    for port in &host.ports {
        let of_port = format!("{name}_PORT_{}_{}", port.number, capitals(&port.protocol));
        let all = [
            Variable::new(of_port.clone(), url(port)),
            Variable::new(format!("{of_port}_PROTO"), &port.protocol),
            Variable::new(format!("{of_port}_PORT"), port.number),
            Variable::new(format!("{of_port}_ADDR"), &host.address),
        ];
        all.into_iter().for_each(|variable| push(&mut variables, variable));
    }
    variables
}

fn nomad(name: &str, host: &Offer) -> Vec<Variable> {
    let Some(port) = host.ports.first() else { return Vec::new() };
    let mut variables = Vec::new();
    for name in [name, &plain(name)] {
        let place = format!("{}:{}", Bracketed(&host.address), port.number);
        let all = [
            Variable::new(format!("NOMAD_UPSTREAM_ADDR_{name}"), place),
            Variable::new(format!("NOMAD_UPSTREAM_IP_{name}"), &host.address),
            Variable::new(format!("NOMAD_UPSTREAM_PORT_{name}"), port.number),
        ];
        all.into_iter().for_each(|variable| push(&mut variables, variable));
    }
    variables
}

/// Two ports may have one number, and a name may be plain already: the first stands.
fn push(variables: &mut Vec<Variable>, variable: Variable) {
    if !variables.iter().any(|other| other.name == variable.name) {
        variables.push(variable);
    }
}

/// A name in capitals that a shell takes for one: a leading digit gets an underscore before it.
fn upper(name: &str) -> String {
    let name = capitals(name);
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn capitals(name: &str) -> String {
    plain(name).to_ascii_uppercase()
}

/// A name with an underscore for every character that the name of a variable must not have.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offer(address: &str) -> Offer {
        let ports = json!([{"name": "http", "port": 8080}, {"name": "dns-udp", "port": 53, "protocol": "udp"},
            {"name": "metrics", "port": 8080}]);
        Offer::all(&json!({"hosts": [{"addresses": [address], "ports": ports}]})).remove(0)
    }

    fn lines(style: Style, name: &str, address: &str) -> Vec<String> {
        let variables = of(style, name, &offer(address));
        variables.iter().map(|variable| format!("{}={}", variable.name, variable.value)).collect()
    }

    const DOCKER: [&str; 9] = [
        "MY_WEB_PORT=tcp://10.0.0.1:8080",
        "MY_WEB_PORT_8080_TCP=tcp://10.0.0.1:8080",
        "MY_WEB_PORT_8080_TCP_PROTO=tcp",
        "MY_WEB_PORT_8080_TCP_PORT=8080",
        "MY_WEB_PORT_8080_TCP_ADDR=10.0.0.1",
        "MY_WEB_PORT_53_UDP=udp://10.0.0.1:53",
        "MY_WEB_PORT_53_UDP_PROTO=udp",
        "MY_WEB_PORT_53_UDP_PORT=53",
        "MY_WEB_PORT_53_UDP_ADDR=10.0.0.1",
    ];

    #[test]
    fn kubernetes_has_its_own_and_those_of_docker() {
        let mut expected = vec![
            "MY_WEB_SERVICE_HOST=10.0.0.1",
            "MY_WEB_SERVICE_PORT=8080",
            "MY_WEB_SERVICE_PORT_HTTP=8080",
            "MY_WEB_SERVICE_PORT_DNS_UDP=53",
            "MY_WEB_SERVICE_PORT_METRICS=8080",
        ];
        expected.extend(DOCKER);
        assert_eq!(lines(Style::Kubernetes, "my-web", "10.0.0.1"), expected);
        assert_eq!(lines(Style::Docker, "my.web", "10.0.0.1"), DOCKER);
        assert_eq!(lines(Style::Kubernetes, "2web", "10.0.0.1")[0], "_2WEB_SERVICE_HOST=10.0.0.1");
        assert_eq!(lines(Style::Docker, "w", "fd00::1")[0], "W_PORT=tcp://[fd00::1]:8080");
    }

    #[test]
    fn nomad_has_the_name_as_it_is_and_as_shells_take_it() {
        let expected = [
            "NOMAD_UPSTREAM_ADDR_user-v1=10.0.0.1:8080",
            "NOMAD_UPSTREAM_IP_user-v1=10.0.0.1",
            "NOMAD_UPSTREAM_PORT_user-v1=8080",
            "NOMAD_UPSTREAM_ADDR_user_v1=10.0.0.1:8080",
            "NOMAD_UPSTREAM_IP_user_v1=10.0.0.1",
            "NOMAD_UPSTREAM_PORT_user_v1=8080",
        ];
        assert_eq!(lines(Style::Nomad, "user-v1", "10.0.0.1"), expected);
        assert_eq!(lines(Style::Nomad, "user_v1", "10.0.0.1"), expected[3..]);
        let names: Vec<bool> =
            of(Style::Nomad, "a-b", &offer("10.0.0.1")).iter().map(Variable::is_for_shells).collect();
        assert_eq!(names, [false, false, false, true, true, true]);
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for (value, expected) in [
            ("tcp://10.0.0.1:80", "tcp://10.0.0.1:80"),
            ("", "''"),
            ("a b", "'a b'"),
            ("[fd00::1]:80", "'[fd00::1]:80'"),
            ("it's", r"'it'\''s'"),
            ("$(reboot)`;\n", "'$(reboot)`;\n'"),
            ("~x", "'~x'"),
        ] {
            assert_eq!(quoted(value), expected);
        }
        let odd = of(Style::Kubernetes, "a;$(b) é\n", &offer("10.0.0.1"));
        assert!(odd.iter().all(Variable::is_for_shells), "{odd:?}");
    }
}
