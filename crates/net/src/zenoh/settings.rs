//! Settings of zenoh: addresses, certificates, and who may say what.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Value, json};

use super::{ROOT, engine};
use crate::NetError;
use crate::keys::{self, KeyRole};
use crate::protocol::LARGEST_MESSAGE;

/// Milliseconds of silence after which a link counts as broken.
const LEASE: u32 = 2_000;

/// Where a learner listens: `tls/HOST:PORT`, or `tcp/HOST:PORT` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    secure: bool,
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let wrong = |problem: &str| NetError::Address {
            address: crate::protocol::plain(text),
            problem: format!("{problem}; write tls/HOST:PORT, or tcp/127.0.0.1:PORT on one machine"),
        };
        let (scheme, rest) = text.split_once('/').ok_or_else(|| wrong("no address"))?;
        let secure = match scheme {
            "tls" => true,
            "tcp" => false,
            _ => return Err(wrong("neither tls nor tcp")),
        };
        let (host, port) = rest.rsplit_once(':').ok_or_else(|| wrong("no port"))?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("not a port"))?;
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-._[]:".contains(letter);
        if host.is_empty() || !host.chars().all(allowed) {
            return Err(wrong("not a host"));
        }
        Ok(Self { secure, host: host.to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}:{}", if self.secure { "tls" } else { "tcp" }, self.host, self.port)
    }
}

impl Address {
    /// Whether only this machine reaches it.
    pub fn is_local(&self) -> bool {
        let bare = self.host.trim_matches(['[', ']']);
        bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn check(&self, security: Option<&Security>) -> Result<(), NetError> {
        let refuse =
            |problem: &str| Err(NetError::Address { address: self.to_string(), problem: problem.to_owned() });
        match (self.secure, security) {
            (true, None) => {
                refuse("tls needs certificates; make them with `keys new FOLDER` and give --keys FOLDER")
            }
            (false, None) if !self.is_local() => refuse(
                "without certificates only this machine may join; make some with `keys new FOLDER`, then tls/… and --keys",
            ),
            (false, Some(_)) => refuse("certificates need tls; write tls/ instead of tcp/"),
            _ => Ok(()),
        }
    }
}

/// The certificate with which a process shows who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    /// The folder that `keys new` made.
    pub folder: PathBuf,
    /// Whose certificate of it.
    pub role: KeyRole,
}

impl Security {
    fn file(&self, name: &str) -> Result<String, NetError> {
        let path = self.folder.join(name);
        if path.is_file() {
            return Ok(path.to_string_lossy().into_owned());
        }
        let problem = "not there; `keys new FOLDER` makes the certificates of all roles".to_owned();
        Err(NetError::Keys { path: path.display().to_string(), problem })
    }

    fn links(&self, listens: bool) -> Result<Value, NetError> {
        let end = if listens { "listen" } else { "connect" };
        let role = self.role.name();
        Ok(json!({
            "root_ca_certificate": self.file(keys::AUTHORITY)?,
            format!("{end}_certificate"): self.file(&format!("{role}.pem"))?,
            format!("{end}_private_key"): self.file(&format!("{role}.key"))?,
            "enable_mtls": true,
            "verify_name_on_connect": true,
        }))
    }
}

/// What both ends have in common.
fn common(mode: &str, links: Option<Value>) -> Value {
    json!({
        "mode": mode,
        "scouting": { "multicast": { "enabled": false }, "gossip": { "enabled": false } },
        "adminspace": { "enabled": false },
        "transport": {
            "unicast": { "accept_timeout": 2000, "accept_pending": 1000, "max_sessions": 2000 },
            "link": {
                "tx": { "lease": LEASE },
                "rx": { "max_message_size": LARGEST_MESSAGE + (1 << 16) },
                "tls": links.unwrap_or_else(|| json!({})),
            },
        },
    })
}

/// Settings of a learner's process.
pub(super) fn listening(address: &Address, security: Option<&Security>) -> Result<::zenoh::Config, NetError> {
    address.check(security)?;
    let links = security.map(|security| security.links(true)).transpose()?;
    let mut settings = common("router", links);
    settings["listen"] = json!({ "endpoints": [address.to_string()], "exit_on_failure": true });
    if security.is_some() {
        settings["access_control"] = access();
    }
    read(&settings)
}

/// Settings of a process that joins.
pub(super) fn joining(address: &Address, security: Option<&Security>) -> Result<::zenoh::Config, NetError> {
    address.check(security)?;
    let links = security.map(|security| security.links(false)).transpose()?;
    let mut settings = common("client", links);
    settings["connect"] = json!({
        "endpoints": [address.to_string()],
        "timeout_ms": 10_000,
        "exit_on_failure": true,
        "retry": { "period_init_ms": 500, "period_max_ms": 2000, "period_increase_factor": 2 },
    });
    read(&settings)
}

fn read(settings: &Value) -> Result<::zenoh::Config, NetError> {
    ::zenoh::Config::from_json5(&settings.to_string()).map_err(engine)
}

/// Who may say what: by the name in the certificate, and nothing that is not listed.
fn access() -> Value {
    let key = |verbs: &[&str]| verbs.iter().map(|verb| format!("{ROOT}/{verb}")).collect::<Vec<_>>();
    let query = |id: &str, verbs: &[&str]| json!({ "id": id, "messages": ["query"], "flows": ["ingress"], "permission": "allow", "key_exprs": key(verbs) });
    let hears = json!({
        "id": "hears", "messages": ["declare_subscriber"], "flows": ["ingress"], "permission": "allow",
        "key_exprs": key(&["news/*"]),
    });
    let present = json!({
        "id": "present", "messages": ["liveliness_token"], "flows": ["ingress"], "permission": "allow",
        "key_exprs": key(&["present/*"]),
    });
    let told = json!({
        "id": "told", "messages": ["put", "reply", "declare_queryable", "declare_liveliness_subscriber", "liveliness_query"],
        "flows": ["egress"], "permission": "allow", "key_exprs": key(&["**"]),
    });
    let subject = |role: KeyRole| json!({ "id": role.name(), "cert_common_names": [role.name()] });
    let policy = |role: KeyRole, rules: &[&str]| json!({ "rules": rules, "subjects": [role.name()] });
    json!({
        "enabled": true,
        "default_permission": "deny",
        "rules": [
            query("plays", &["hello", "steps", "weights", "work"]),
            query("watches", &["hello", "weights"]),
            query("controls", &["control"]),
            query("learns", &["hello", "reduce"]),
            hears,
            present,
            told,
        ],
        "subjects": KeyRole::ALL.map(subject),
        "policies": [
            policy(KeyRole::Actor, &["plays", "hears", "present", "told"]),
            policy(KeyRole::Watcher, &["watches", "hears", "present", "told"]),
            policy(KeyRole::Learner, &["learns", "hears", "present", "told"]),
            policy(KeyRole::Operator, &["plays", "controls", "hears", "present", "told"]),
        ],
    })
}

/// What zenoh's `error` at `address` means.
pub(super) fn explain(address: &Address, security: Option<&Security>, error: &::zenoh::Error) -> NetError {
    let said = error.to_string();
    // Where in zenoh's sources it came up is of no use here.
    let said = said.split(" at /").next().unwrap_or_default().trim_end_matches('.').to_owned();
    if said.contains("Unable to connect") || said.contains("imeout") || said.contains("refused") {
        let place = address.to_string();
        return if address.secure { NetError::NobodyOrRefused { place } } else { NetError::Nobody { place } };
    }
    if said.contains("in use") {
        let problem = "another program listens there; choose another port".to_owned();
        return NetError::Address { address: address.to_string(), problem };
    }
    let certificate =
        ["certificate", "TLS", "tls", "key", "PEM", "pem"].iter().any(|word| said.contains(word));
    if let Some(security) = security.filter(|_| certificate) {
        let problem = format!(
            "the certificates of the role {} cannot be used ({said}); copy its two files and {} again, or make new ones",
            security.role.name(),
            keys::AUTHORITY
        );
        return NetError::Keys { path: security.folder.display().to_string(), problem };
    }
    if said.contains("lookup") || said.contains("resolve") {
        let problem = format!("{said}; give a name or address of a machine");
        return NetError::Address { address: address.to_string(), problem };
    }
    engine(said)
}

/// The certificate in `folder` to join with as an actor: its own, or that of an operator.
///
/// # Errors
/// [`NetError::Keys`] if there is neither.
pub fn joiner(folder: &Path, roles: &[KeyRole]) -> Result<Security, NetError> {
    let there = |role: &&KeyRole| folder.join(format!("{}.key", role.name())).is_file();
    let role = roles.iter().find(there).copied().ok_or_else(|| {
        let names = roles.iter().map(|role| format!("{}.key", role.name())).collect::<Vec<_>>().join(" or ");
        let problem = format!(
            "no {names} there; copy the role's files and {} from where `keys new` was run",
            keys::AUTHORITY
        );
        NetError::Keys { path: folder.display().to_string(), problem }
    })?;
    Ok(Security { folder: folder.to_owned(), role })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_or_says_what_to_write() {
        for good in ["tcp/127.0.0.1:7447", "tls/host.example:1", "tcp/[::1]:7447", "tcp/localhost:80"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in
            ["", "127.0.0.1:7447", "udp/x:1", "tcp/:1", "tcp/x", "tcp/x:70000", "tcp/x y:1", "tcp/x?a=1:1"]
        {
            let said = bad.parse::<Address>().unwrap_err().to_string();
            assert!(said.contains("tls/HOST:PORT"), "{bad}: {said}");
        }
    }

    #[test]
    fn without_certificates_only_this_machine_may_join() {
        let check = |address: &str| address.parse::<Address>().unwrap().check(None);
        assert_eq!(check("tcp/127.0.0.1:7447"), Ok(()));
        for open in ["tcp/0.0.0.0:7447", "tcp/10.0.0.1:7447", "tls/127.0.0.1:7447"] {
            assert!(check(open).unwrap_err().to_string().contains("keys new"), "{open}");
        }
    }
}
